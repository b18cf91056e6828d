//! The commit hash: binds the codes and the updates of a block to those of the block before.
//!
//! ```text
//! H(N) = SHA-256( uvarint(len(codes)) || codes || U || H(N-1) )      nothing for H(N-1) at first
//! U    = field 1 of a message, once per update, in the batch's order
//!        1 namespace: only in its first update     2 collection: only in its first update
//!        3 key     4 is_delete     5 value (without metadata)     6 version
//! ```
//!
//! The channel configuration's namespace and expired keys are left out.
//!
//! Fabric: `kvledger/kv_ledger.go:addBlockCommitHash`, `txmgr/update_batch_bytes.go`.

use aws_lc_rs::digest::{Context, SHA256};

use crate::ledger::{Effect, KeyUpdate, NamespaceUpdates, UpdateBatch};
use crate::proto::wire::{put_bytes, put_uint, put_varint};
use crate::types::{Digest, Version};

/// The commit hash of a block with these codes, one byte per transaction, and this batch.
///
/// `previous` is the commit hash of the block before; the chain begins with block 1 and none. A
/// ledger that does not begin there has none for any block.
#[must_use]
pub fn commit_hash(previous: Option<&Digest>, codes: &[u8], batch: &UpdateBatch) -> Digest {
    let mut context = Context::new(&SHA256);
    let mut scratch = Scratch::default();
    put_varint(&mut scratch.outer, codes.len() as u64);
    context.update(&scratch.outer);
    context.update(codes);
    let mut last_name = None;
    for namespace in batch
        .namespaces
        .iter()
        .filter(|found| !found.namespace.name.is_empty())
    {
        let name = &*namespace.namespace.name;
        let is_new = last_name != Some(name);
        if hash_namespace(&mut context, &mut scratch, namespace, is_new) {
            last_name = Some(name);
        }
    }
    if let Some(previous) = previous {
        context.update(&previous.0);
    }
    Digest(context.finish().as_ref().try_into().unwrap_or_default())
}

/// Buffers for everything of an update but its value.
#[derive(Default)]
struct Scratch {
    outer: Vec<u8>,
    before_value: Vec<u8>,
    after_value: Vec<u8>,
}

/// Hashes a namespace's updates. Returns whether there were any.
fn hash_namespace(
    context: &mut Context,
    scratch: &mut Scratch,
    namespace: &NamespaceUpdates,
    is_new: bool,
) -> bool {
    let collection = namespace
        .namespace
        .collection
        .as_deref()
        .unwrap_or_default();
    let mut first = true;
    for update in &namespace.updates {
        let value: Option<&[u8]> = match &update.effect {
            Effect::Put { value, .. } => Some(value),
            Effect::Delete => None,
            Effect::Expire => continue,
        };
        let name = if first && is_new {
            &*namespace.namespace.name
        } else {
            ""
        };
        let collection = if first { collection } else { "" };
        hash_update(context, scratch, [name, collection], update, value);
        first = false;
    }
    !first
}

fn hash_update(
    context: &mut Context,
    scratch: &mut Scratch,
    [name, collection]: [&str; 2],
    update: &KeyUpdate,
    value: Option<&[u8]>,
) {
    let Scratch {
        outer,
        before_value,
        after_value,
    } = scratch;
    for buffer in [&mut *outer, &mut *before_value, &mut *after_value] {
        buffer.clear();
    }
    put_bytes(before_value, 1, name.as_bytes());
    put_bytes(before_value, 2, collection.as_bytes());
    put_bytes(before_value, 3, &update.key);
    put_uint(before_value, 4, u64::from(value.is_none()));
    let value = value.unwrap_or_default();
    if !value.is_empty() {
        put_varint(before_value, 5 << 3 | 2);
        put_varint(before_value, value.len() as u64);
    }
    let (version, length) = version_bytes(update.version);
    put_bytes(after_value, 6, version.get(..length).unwrap_or_default());
    put_varint(outer, 1 << 3 | 2);
    put_varint(
        outer,
        (before_value.len() + value.len() + after_value.len()) as u64,
    );
    context.update(outer);
    context.update(before_value);
    context.update(value);
    context.update(after_value);
}

/// A version in Fabric's order-preserving form, block then transaction: one byte that counts the
/// significant bytes, then these, the highest first.
pub(super) fn version_bytes(version: Version) -> ([u8; 18], usize) {
    let mut out = [0; 18];
    let mut length = 0;
    for number in [version.block, version.tx] {
        let significant = 8 - number.leading_zeros() as usize / 8;
        let bytes = number.to_be_bytes();
        let count = [significant.to_le_bytes()[0]];
        for &byte in count.iter().chain(bytes.iter().skip(8 - significant)) {
            if let Some(slot) = out.get_mut(length) {
                *slot = byte;
            }
            length += 1;
        }
    }
    (out, length)
}
