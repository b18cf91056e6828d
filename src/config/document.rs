//! A YAML text as a tree of values, and where in it a key is.
//!
//! Knows nothing of what keys mean. Scalars are kept as text: what a key's value may be, its reader
//! says.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// Nothing, or `null`.
    Empty,
    /// A string, number or boolean, as text.
    Scalar(String),
    /// A sequence.
    List(Vec<Self>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Self)>),
}

impl Node {
    /// Parses `text`; an empty one is an empty node.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::Empty);
        }
        let one_line = |error: serde_saphyr::Error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        };
        serde_saphyr::from_str(text).map_err(one_line)
    }

    /// What stands at a path, which is compared without regard to case.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.')
            .try_fold(self, |node, name| node.child(name))
    }

    fn child(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value),
            Self::Empty | Self::Scalar(_) | Self::List(_) => None,
        }
    }

    /// Calls `visit` with the path and value of everything that is not a mapping with entries.
    pub(super) fn for_each_leaf<'a>(&'a self, visit: &mut impl FnMut(&str, &'a Self)) {
        self.visit_below("", visit);
    }

    /// The parser has bounded how deep a text nests.
    fn visit_below<'a>(&'a self, path: &str, visit: &mut impl FnMut(&str, &'a Self)) {
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    let below = match path {
                        "" => key.clone(),
                        _ => format!("{path}.{key}"),
                    };
                    value.visit_below(&below, visit);
                }
            }
            Self::Empty | Self::Scalar(_) | Self::List(_) | Self::Map(_) => visit(path, self),
        }
    }
}

/// For messages: a scalar as it is, other things by their kind.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing"),
            Self::Scalar(text) => f.write_str(text),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a mapping"),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let twice = entries
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(&key));
            if twice {
                let what = format_args!("{key} stands twice in one mapping");
                return Err(serde::de::Error::custom(what));
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Node::Map(entries))
    }
}
