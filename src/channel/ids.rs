//! Names in the configuration: keys of groups, values and policies, and paths of policies.

/// Longest key of a configuration element.
const KEY_BYTES_MAX: usize = 249;

/// Whether a group, value or policy may have this key.
///
/// Fabric: `common/configtx/validator.go:validateConfigID`.
pub(super) fn is_legal(key: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    !key.is_empty()
        && key.len() <= KEY_BYTES_MAX
        && key != "."
        && key != ".."
        && key.bytes().all(legal)
}

/// Whether an element may get this mod_policy.
///
/// Fabric: `common/configtx/update.go:validateModPolicy`.
pub(super) fn is_legal_mod_policy(mod_policy: &str) -> bool {
    mod_policy
        .strip_prefix('/')
        .unwrap_or(mod_policy)
        .split('/')
        .all(is_legal)
}
