//! The MSPs that a configuration defines: one for each name.
//!
//! Invariant: organizations that share an MSP id share one definition, equal as Go compares
//! messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::msp::{Msp, MspVersion};
use crate::proto::config::{ConfigGroup, UnknownField};
use crate::proto::wire::{Field, Message, Value, WireError, low_u32};

use super::equality::unknown_equal;
use super::error::ConfigError;
use super::values;

/// The key of an organization's MSP.
pub(super) const MSP: &str = "MSP";

/// Sets up the MSPs of one configuration.
pub(super) struct MspRegistry<'a> {
    version: MspVersion,
    by_id: BTreeMap<Box<str>, Defined<'a>>,
    /// What was set up already, by the value's bytes: most organizations stand in two sections.
    by_bytes: BTreeMap<&'a [u8], Arc<str>>,
}

struct Defined<'a> {
    msp: Arc<Msp>,
    config: Definition<'a>,
    org: String,
}

impl<'a> MspRegistry<'a> {
    pub(super) fn new(version: MspVersion) -> Self {
        Self {
            version,
            by_id: BTreeMap::new(),
            by_bytes: BTreeMap::new(),
        }
    }

    /// Sets up the MSP of the organization `group` at `path` and returns its id.
    ///
    /// Fabric: `common/channelconfig/msp.go:ProposeMSP`, `organization.go:validateMSP`.
    pub(super) fn define(
        &mut self,
        group: &ConfigGroup<'a>,
        path: &str,
    ) -> Result<Arc<str>, ConfigError> {
        let config = values::read::<Definition<'a>>(group, path, MSP)?;
        let bytes = values::bytes(group, MSP);
        if let Some(id) = self.by_bytes.get(bytes) {
            return Ok(Arc::clone(id));
        }
        let msp = Msp::new(self.version, bytes).map_err(|source| ConfigError::Msp {
            org: path.to_owned(),
            source,
        })?;
        if msp.id().is_empty() {
            return Err(ConfigError::EmptyMspId {
                org: path.to_owned(),
            });
        }
        let id: Arc<str> = msp.id().into();
        match self.by_id.get(msp.id()) {
            Some(first) if first.config != config => {
                return Err(ConfigError::ConflictingMsp {
                    msp_id: msp.id().to_owned(),
                    first: first.org.clone(),
                    second: path.to_owned(),
                });
            }
            Some(_) => {}
            None => {
                self.by_id.insert(
                    msp.id().into(),
                    Defined {
                        msp,
                        config,
                        org: path.to_owned(),
                    },
                );
            }
        }
        self.by_bytes.insert(bytes, Arc::clone(&id));
        Ok(id)
    }

    /// The MSPs in the order of their ids.
    pub(super) fn into_msps(self) -> Vec<Arc<Msp>> {
        self.by_id
            .into_values()
            .map(|defined| defined.msp)
            .collect()
    }
}

/// `msp.MSPConfig` as Go compares it: with its unknown fields.
#[derive(Debug, Default)]
struct Definition<'a> {
    r#type: i32,
    config: &'a [u8],
    unknown: Vec<UnknownField<'a>>,
}

impl PartialEq for Definition<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.r#type == other.r#type
            && self.config == other.config
            && unknown_equal(&self.unknown, &other.unknown)
    }
}

impl<'a> Message<'a> for Definition<'a> {
    fn take_field(&mut self, field: &Field<'a>, _depth: u32) -> Result<bool, WireError> {
        match (field.number, field.value) {
            (1, Value::Varint(value)) => self.r#type = low_u32(value).cast_signed(),
            (2, Value::Bytes(bytes)) => self.config = bytes,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_unknown(&mut self, field: &Field<'a>) {
        self.unknown.push(UnknownField {
            number: field.number,
            wire_type: field.wire_type,
            raw: field.raw,
        });
    }
}
