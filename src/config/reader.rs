//! Keys with their values: the environment's, else the file's, else the default.
//!
//! Every key is read once through a [`Reader`], which so learns all keys there are, and tells in the
//! end which of those that were given mean nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::Node;
use super::error::{Warning, WrongValue};
use crate::types::duration;

/// Keys of a Fabric peer that have no meaning for heddle, or none yet: each with all that is below it.
pub const KNOWN_WITHOUT_MEANING: [&str; 31] = [
    "chaincode",
    "ledger.blockchain",
    "ledger.pvtdataStore",
    "ledger.state.couchDBConfig",
    "logging",
    "metrics.statsd",
    "peer.BCCSP.PKCS11",
    "peer.chaincodeAddress",
    "peer.chaincodeListenAddress",
    "peer.discovery",
    "peer.gateway",
    "peer.gossip.connTimeout",
    "peer.gossip.dialTimeout",
    "peer.gossip.digestWaitTime",
    "peer.gossip.maxConnectionAttempts",
    "peer.gossip.maxPropagationBurstLatency",
    "peer.gossip.maxPropagationBurstSize",
    "peer.gossip.membershipTrackerInterval",
    "peer.gossip.nonBlockingCommitMode",
    "peer.gossip.pvtData",
    "peer.gossip.recvBuffSize",
    "peer.gossip.requestWaitTime",
    "peer.gossip.sendBuffSize",
    "peer.gossip.skipBlockVerification",
    "peer.gossip.state.channelSize",
    "peer.gossip.state.maxRetries",
    "peer.gossip.stateInfoRetentionInterval",
    "peer.handlers",
    "peer.localMspType",
    "peer.profile",
    "vm",
];

/// What names of environment variables start with.
const VARIABLE_PREFIX: &str = "CORE_";

/// The most edits between a known key and one that is thought to mean it.
const EDITS_MAX: usize = 2;

/// Reads keys of one configuration.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    file: &'a Node,
    folder: &'a Path,
    /// The variables that are not empty, by name.
    variables: &'a BTreeMap<String, String>,
    read: BTreeSet<&'static str>,
    pub(super) wrong: Vec<WrongValue>,
    pub(super) warnings: Vec<Warning>,
}

/// A value that is there, and where it is from.
struct Given<'a> {
    value: GivenValue<'a>,
    variable: Option<String>,
}

enum GivenValue<'a> {
    Text(&'a str),
    Node(&'a Node),
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        file: &'a Node,
        folder: &'a Path,
        variables: &'a BTreeMap<String, String>,
    ) -> Self {
        Self {
            file,
            folder,
            variables,
            read: BTreeSet::new(),
            wrong: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// A key's value as `parse` takes it; `None` where it is not set or wrong, which is noted.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let given = self.given(key)?;
        let parsed = match given.value {
            GivenValue::Text(text) => parse(text),
            GivenValue::Node(_) => None,
        };
        if parsed.is_none() {
            self.refuse(key, given, expected);
        }
        parsed
    }

    /// A text, where there is one.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.parsed(key, "a text", |text| Some(text.to_owned()))
    }

    /// A boolean.
    // Fabric: viper's GetBool, which is Go's strconv.ParseBool; numbers of YAML count as true unless 0.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let parse = |text: &str| match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        };
        self.parsed(key, "true or false", parse).unwrap_or(default)
    }

    /// A duration, not negative.
    // Fabric: viper's GetDuration takes a number without a unit for nanoseconds, which nobody means.
    pub(super) fn duration(&mut self, key: &'static str, default: Duration) -> Duration {
        let parse = |text: &str| {
            let nanos = duration::nanos(text).ok()?;
            Some(Duration::from_nanos(u64::try_from(nanos).ok()?))
        };
        self.parsed(key, "a duration such as 100ms, 30s or 1h30m", parse)
            .unwrap_or(default)
    }

    /// A duration for which 0 means the default.
    pub(super) fn duration_over_zero(&mut self, key: &'static str, default: Duration) -> Duration {
        match self.duration(key, default) {
            Duration::ZERO => default,
            duration => duration,
        }
    }

    /// A whole number from 0 to 2^31 - 1.
    pub(super) fn number(&mut self, key: &'static str, default: u32) -> u32 {
        let parse = |text: &str| u32::try_from(text.parse::<i32>().ok()?).ok();
        self.parsed(key, "a whole number from 0 to 2147483647", parse)
            .unwrap_or(default)
    }

    /// An address with host and port.
    pub(super) fn address(&mut self, key: &'static str) -> Option<String> {
        let parse = |text: &str| host_and_port(text).map(|_| text.to_owned());
        self.parsed(key, "host:port, with a port from 0 to 65535", parse)
    }

    /// A path, relative ones below the configuration's folder.
    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let folder = self.folder;
        self.parsed(key, "a path", |text| Some(folder.join(text)))
    }

    /// Paths: a list in the file, names with white space between them in the environment.
    pub(super) fn paths(&mut self, key: &'static str) -> Vec<PathBuf> {
        let folder = self.folder;
        self.texts(key, "a list of paths", |name| Some(folder.join(name)))
    }

    /// A list, or texts with white space between them.
    // Fabric: viper's GetStringSlice.
    pub(super) fn texts<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let Some(given) = self.given(key) else {
            return Vec::new();
        };
        let texts: Option<Vec<&str>> = match given.value {
            GivenValue::Text(text) => Some(text.split_whitespace().collect()),
            GivenValue::Node(Node::List(items)) => items
                .iter()
                .map(|item| match item {
                    Node::Scalar(name) => Some(name.as_str()),
                    Node::Empty | Node::List(_) | Node::Map(_) => None,
                })
                .collect(),
            GivenValue::Node(_) => None,
        };
        let parsed = texts.and_then(|texts| texts.into_iter().map(parse).collect());
        parsed.unwrap_or_else(|| {
            self.refuse(key, given, expected);
            Vec::new()
        })
    }

    /// A list of mappings; in the environment, its YAML text.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        item: impl Fn(&Node, &Path) -> Option<T>,
    ) -> Vec<T> {
        let Some(given) = self.given(key) else {
            return Vec::new();
        };
        let parsed_text;
        let node = match given.value {
            GivenValue::Text(text) => {
                parsed_text = Node::parse(text).unwrap_or_else(|_| Node::Scalar(text.to_owned()));
                &parsed_text
            }
            GivenValue::Node(node) => node,
        };
        let items: Option<Vec<T>> = match node {
            Node::List(nodes) => nodes.iter().map(|node| item(node, self.folder)).collect(),
            Node::Empty => Some(Vec::new()),
            Node::Scalar(_) | Node::Map(_) => None,
        };
        items.unwrap_or_else(|| {
            self.refuse(key, given, expected);
            Vec::new()
        })
    }

    /// The folder that relative paths start from.
    pub(super) fn folder(&self) -> &'a Path {
        self.folder
    }

    /// Notes that a variable of the environment that is no key has a wrong value.
    pub(super) fn refuse_variable(&mut self, name: &str, value: &str, expected: &str) {
        self.wrong.push(WrongValue {
            key: name.to_owned(),
            variable: None,
            value: Some(value.to_owned()),
            expected: expected.to_owned(),
        });
    }

    /// Notes that a key has to have a value and has none.
    pub(super) fn miss(&mut self, key: &'static str, expected: &str) {
        let refused_already = self.wrong.iter().any(|wrong| wrong.key == key);
        if !refused_already {
            self.wrong.push(WrongValue {
                key: key.to_owned(),
                variable: None,
                value: None,
                expected: expected.to_owned(),
            });
        }
    }

    fn given(&mut self, key: &'static str) -> Option<Given<'a>> {
        self.read.insert(key);
        let name = variable_name(key);
        if let Some(text) = self.variables.get(&name) {
            return Some(Given {
                value: GivenValue::Text(text),
                variable: Some(name),
            });
        }
        let value = match self.file.at(key)? {
            Node::Empty => return None,
            Node::Scalar(text) if text.is_empty() => return None,
            Node::Scalar(text) => GivenValue::Text(text),
            node @ (Node::List(_) | Node::Map(_)) => GivenValue::Node(node),
        };
        Some(Given {
            value,
            variable: None,
        })
    }

    fn refuse(&mut self, key: &'static str, given: Given<'_>, expected: &str) {
        let value = match given.value {
            GivenValue::Text(text) => text.to_owned(),
            GivenValue::Node(node) => node.to_string(),
        };
        self.wrong.push(WrongValue {
            key: key.to_owned(),
            variable: given.variable,
            value: Some(value),
            expected: expected.to_owned(),
        });
    }

    /// Looks for what was given and not read: to be called when every key has been read.
    pub(super) fn look_for_unknown(&mut self) {
        let file = self.file;
        let mut leaves = Vec::new();
        file.for_each_leaf(&mut |path, node| leaves.push((path.to_owned(), node)));
        for (path, node) in leaves {
            self.look_at_leaf(&path, node);
        }
        let known = |key: &&str| !self.is_known_variable(key);
        let unknown: Vec<String> = self
            .variables
            .keys()
            .map(String::as_str)
            .filter(known)
            .map(str::to_owned)
            .collect();
        for name in unknown {
            let nearest = self.nearest(&name, variable_name);
            self.warnings
                .push(Warning::UnknownKey { key: name, nearest });
        }
    }

    fn look_at_leaf(&mut self, path: &str, node: &Node) {
        let known = |key: &&str| is_at_or_below(path, key, '.');
        if path.is_empty() || self.read.iter().any(known) || KNOWN_WITHOUT_MEANING.iter().any(known)
        {
            return;
        }
        let is_section = self
            .read
            .iter()
            .chain(&KNOWN_WITHOUT_MEANING)
            .any(|key| is_at_or_below(key, path, '.'));
        match (is_section, node) {
            (true, Node::Empty | Node::Map(_)) => {}
            (true, Node::Scalar(_) | Node::List(_)) => self.wrong.push(WrongValue {
                key: path.to_owned(),
                variable: None,
                value: Some(node.to_string()),
                expected: "a mapping".to_owned(),
            }),
            (false, _) => {
                let nearest = self.nearest(path, str::to_owned);
                let key = path.to_owned();
                self.warnings.push(Warning::UnknownKey { key, nearest });
            }
        }
    }

    fn is_known_variable(&self, name: &str) -> bool {
        let unmeant = |key: &&str| is_at_or_below(name, &variable_name(key), '_');
        self.read.iter().any(|key| variable_name(key) == name)
            || KNOWN_WITHOUT_MEANING.iter().any(unmeant)
    }

    /// The known key that is nearest to `given`, both as `spell` writes keys.
    fn nearest(&self, given: &str, spell: impl Fn(&str) -> String) -> Option<String> {
        self.read
            .iter()
            .map(|key| spell(key))
            .map(|key| (edits(&key.to_lowercase(), &given.to_lowercase()), key))
            .filter(|(edits, _)| *edits <= EDITS_MAX)
            .min()
            .map(|(_, key)| key)
    }
}

/// The environment variable of a key.
pub(super) fn variable_name(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.to_uppercase().replace('.', "_"))
}

/// The variables of an environment that are for a peer: `CORE_*`, those that are not empty.
// Fabric: viper takes an empty variable for one that is not set.
pub(super) fn peer_variables(
    environment: impl IntoIterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    environment
        .into_iter()
        .filter(|(name, value)| name.starts_with(VARIABLE_PREFIX) && !value.is_empty())
        .collect()
}

/// Whether `path` is `ancestor` or goes on behind it with the separator, without regard to case.
fn is_at_or_below(path: &str, ancestor: &str, separator: char) -> bool {
    match (path.get(..ancestor.len()), path.get(ancestor.len()..)) {
        (Some(head), Some(rest)) => {
            head.eq_ignore_ascii_case(ancestor) && (rest.is_empty() || rest.starts_with(separator))
        }
        _ => false,
    }
}

/// Host and port of an address; an IPv6 host without its brackets. The host may be empty.
// Fabric: Go's net.SplitHostPort, with the port a number.
#[must_use]
pub fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let legal = !host.contains(['[', ']', '/']) && !host.contains(char::is_whitespace);
    legal.then_some((host, port.parse().ok()?))
}

/// Levenshtein's distance: the fewest insertions, deletions and replacements between two texts.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let at =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&row, j) + usize::from(a != *b);
            let inserted = at(&next, j) + 1;
            let deleted = at(&row, j + 1) + 1;
            next.push(replaced.min(inserted).min(deleted));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
