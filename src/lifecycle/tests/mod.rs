//! Tests of definitions, collections and the policies that stand in no definition. States are built
//! by hand, sound and broken; the broken ones are those that stop a real peer.

mod collections;
mod definitions;

use crate::lifecycle::memory::MemoryState;
use crate::lifecycle::*;
use crate::proto::wire::{WireError, put_bytes, put_element, put_uint};
use crate::types::NamespaceRef;

/// A serialized `SignaturePolicyEnvelope`, for what needs one that decodes.
const ENVELOPE: &[u8] = &[0x12, 0x02, 0x12, 0x00];

fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_element(&mut out, number, value);
    out
}

fn number(field: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, field, value);
    out
}

fn facts() -> ChannelFacts {
    let org = |name: &str, msp_id: &str, has_endorsement| ApplicationOrg {
        name: name.to_owned(),
        msp_id: msp_id.to_owned(),
        has_endorsement,
    };
    ChannelFacts {
        application_orgs: vec![org("a", "MspZ", true), org("b", "MspY", false)],
        has_lifecycle_endorsement: true,
    }
}

/// A state with a new-lifecycle definition of `cc`, field by field; a field without a value is
/// missing.
#[derive(Clone)]
struct Fields {
    metadata: Option<Vec<u8>>,
    sequence: Option<Vec<u8>>,
    endorsement: Option<Vec<u8>>,
    validation: Option<Vec<u8>>,
    collections: Option<Vec<u8>>,
}

impl Fields {
    /// A sound definition: plugin `vscc`, policy `policy`, two collections.
    fn sound() -> Self {
        let endorsement = [field(1, b"1.0"), number(2, 1), field(3, b"escc")].concat();
        let validation = [field(1, b"vscc"), field(2, b"policy")].concat();
        let collections = [
            collection(&[field(1, b"plain"), number(5, 9)]),
            collection(&[field(1, b"own"), field(8, &field(2, b"/Channel/Own"))]),
            collection(&[field(1, b"empty"), field(8, b"")]),
        ];
        Self {
            metadata: Some(field(1, b"ChaincodeDefinition")),
            sequence: Some(number(1, 3)),
            endorsement: Some(field(2, &endorsement)),
            validation: Some(field(2, &validation)),
            collections: Some(field(2, &collections.concat())),
        }
    }

    fn state(&self) -> MemoryState {
        let mut state = MemoryState::default();
        let mut set = |key: &str, value: &Option<Vec<u8>>| {
            if let Some(value) = value {
                state.put(NamespaceRef::public("_lifecycle"), key.as_bytes(), value);
            }
        };
        set("namespaces/metadata/cc", &self.metadata);
        set("namespaces/fields/cc/Sequence", &self.sequence);
        set("namespaces/fields/cc/EndorsementInfo", &self.endorsement);
        set("namespaces/fields/cc/ValidationInfo", &self.validation);
        set("namespaces/fields/cc/Collections", &self.collections);
        state
    }
}

/// One `CollectionConfig` of a package.
fn collection(fields: &[Vec<u8>]) -> Vec<u8> {
    field(1, &field(1, &fields.concat()))
}

fn legacy(state: &mut MemoryState, key: &str, value: &[u8]) {
    state.put(NamespaceRef::public("lscc"), key.as_bytes(), value);
}

fn legacy_data(plugin: &str, policy: &[u8]) -> Vec<u8> {
    let mut data = field(1, b"cc");
    put_bytes(&mut data, 2, b"2.0");
    put_bytes(&mut data, 4, plugin.as_bytes());
    put_bytes(&mut data, 5, policy);
    put_bytes(&mut data, 8, b"instantiation");
    data
}

/// What [`definition`] says of `cc`: `None` for not defined, else plugin and policy.
#[track_caller]
fn check(state: &MemoryState, expected: Option<(&str, &[u8])>) {
    let actual = match definition(state, "cc", &facts()).unwrap() {
        Definition::NotDefined => None,
        Definition::Defined(found) => Some((found.plugin, found.policy)),
    };
    assert_eq!(
        actual,
        expected.map(|(plugin, policy)| (plugin.to_owned(), policy.to_vec()))
    );
}

#[track_caller]
fn check_broken(state: &MemoryState, expected: Flaw) {
    match definition(state, "cc", &facts()) {
        Err(Fault::BrokenDefinition { name, flaw }) => assert_eq!((&*name, flaw), ("cc", expected)),
        other => panic!("{other:?}, expected {expected:?}"),
    }
}

fn defined(state: &MemoryState) -> ChaincodeDefinition {
    match definition(state, "cc", &facts()).unwrap() {
        Definition::Defined(found) => found,
        Definition::NotDefined => panic!("cc is defined"),
    }
}
