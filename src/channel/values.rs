//! The values of a config group: which ones it may have, and what they decode to.

use crate::proto::config::{ConfigGroup, ConfigValue};
use crate::proto::wire::Message;

use super::error::{ConfigError, Element, Part};

/// Refuses values that `group` (at `path`) may not have.
///
/// Fabric: `common/channelconfig/standardvalues.go:Deserialize`.
pub(super) fn check_known(
    group: &ConfigGroup<'_>,
    path: &str,
    allowed: &'static [&'static str],
) -> Result<(), ConfigError> {
    match group.values.keys().find(|key| !allowed.contains(key)) {
        Some(key) => Err(ConfigError::UnexpectedValue {
            element: Element::value(path, key),
            allowed,
        }),
        None => Ok(()),
    }
}

/// Decodes value `key` of `group` (at `path`); an absent value is its empty message.
pub(super) fn read<'a, M: Message<'a>>(
    group: &ConfigGroup<'a>,
    path: &str,
    key: &str,
) -> Result<M, ConfigError> {
    M::decode(bytes(group, key)).map_err(|source| ConfigError::Undecodable {
        part: Part::Value(Element::value(path, key)),
        source,
    })
}

/// The bytes of value `key` of `group`, none where it is absent.
pub(super) fn bytes<'a>(group: &ConfigGroup<'a>, key: &str) -> &'a [u8] {
    group
        .values
        .get(key)
        .map_or(&[], |value: &ConfigValue<'a>| value.value)
}

/// Refuses child groups of `group` (at `path`), which must be a leaf.
pub(super) fn check_no_groups(
    group: &ConfigGroup<'_>,
    path: &str,
    expected: &'static str,
) -> Result<(), ConfigError> {
    match group.groups.keys().next() {
        Some(name) => Err(ConfigError::UnexpectedGroup {
            path: path.to_owned(),
            name: (*name).to_owned(),
            expected,
        }),
        None => Ok(()),
    }
}
