//! Values that a YAML file writes in a way of its own: sizes, counts or lists, addresses.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use crate::yaml::Problem;

/// A number of bytes: `2097152` or `2 MB`, where a KB has 1024 bytes as in Fabric's configtx.yaml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u32);

const SIZES: &str = "a number of bytes below 4 GB, such as 2097152, 512 KB or 2 MB";

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SIZES)
            }

            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                let size = u32::try_from(bytes).map(ByteSize);
                size.map_err(|_| E::custom(format!("{bytes} is too much: expected {SIZES}")))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteSize, E> {
                parse_size(text).ok_or_else(|| E::custom(format!("{text:?}: expected {SIZES}")))
            }
        }
        deserializer.deserialize_any(Bytes)
    }
}

fn parse_size(text: &str) -> Option<ByteSize> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let factor: u32 = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1 << 10,
        "M" | "MB" => 1 << 20,
        "G" | "GB" => 1 << 30,
        _ => return None,
    };
    number
        .parse::<u32>()
        .ok()?
        .checked_mul(factor)
        .map(ByteSize)
}

/// A node of an organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNode {
    pub(crate) name: String,
    /// Further names and addresses in its TLS certificate.
    #[serde(default)]
    pub(crate) sans: Vec<String>,
    /// Where it is reached: `host:port`.
    pub(crate) address: Option<String>,
}

/// How many nodes there are, or which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawNodes {
    Count(usize),
    List(Vec<RawNode>),
}

impl<'de> Deserialize<'de> for RawNodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Nodes;
        impl<'de> Visitor<'de> for Nodes {
            type Value = RawNodes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of nodes, or a list of nodes with name, sans and address")
            }

            fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<RawNodes, E> {
                usize::try_from(count)
                    .map(RawNodes::Count)
                    .map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut nodes: A) -> Result<RawNodes, A::Error> {
                let mut list = Vec::new();
                while let Some(node) = nodes.next_element()? {
                    if list.len() == NODES_MAX {
                        return Err(A::Error::custom(format!("at most {NODES_MAX} nodes")));
                    }
                    list.push(node);
                }
                Ok(RawNodes::List(list))
            }
        }
        deserializer.deserialize_any(Nodes)
    }
}

/// Nodes or users of one organization.
pub(crate) const NODES_MAX: usize = 1000;

/// Where something listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `host:port`.
    pub(crate) fn parse(key: &str, text: &str) -> Result<Self, Problem> {
        let refused = || Problem::new(key, format!("{text:?}: expected host:port"));
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let port: u16 = port.parse().map_err(|_| refused())?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/') || port == 0 {
            return Err(refused());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// Reads a list of them.
    pub(crate) fn parse_all(key: &str, texts: &[String]) -> Result<Vec<Self>, Problem> {
        let parse = |(index, text): (usize, &String)| Self::parse(&format!("{key}[{index}]"), text);
        texts.iter().enumerate().map(parse).collect()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Refuses what cannot be the key of a configuration's group, policy or value.
pub(crate) fn check_name(key: &str, name: &str) -> Result<(), Problem> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    if name.is_empty()
        || name.len() > 249
        || !name.bytes().all(legal)
        || [".", ".."].contains(&name)
    {
        return Err(Problem::new(
            key,
            format!("{name:?}: expected up to 249 letters, digits, dots and hyphens"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_configtx_yaml_has_them() {
        let check = |text: &str, expected: Option<u32>| {
            assert_eq!(parse_size(text).map(|size| size.0), expected, "{text}");
        };
        check("10 MB", Some(10 << 20));
        check("512KB", Some(512 << 10));
        check("1 g", Some(1 << 30));
        check("77", Some(77));
        check("77 B", Some(77));
        check("4 GB", None);
        check("two", None);
        check("2 parsecs", None);
        check("", None);
    }

    #[test]
    fn addresses_have_a_host_and_a_port() {
        let check = |text: &str, good: bool| {
            assert_eq!(Address::parse("key", text).is_ok(), good, "{text}");
        };
        check("peer0.example.com:7051", true);
        check("127.0.0.1:7051", true);
        check("[::1]:7051", true);
        check("peer0.example.com", false);
        check(":7051", false);
        check("peer0:0", false);
        check("peer0:70000", false);
        check("https://peer0:7051", false);
    }
}
