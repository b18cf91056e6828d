//! One endorser transaction against its chaincodes, capability by capability.

use super::definitions::LegacyDefinitions;
use crate::channel::{ApplicationCapabilities, Bundle};
use crate::decode::{ChaincodeCall, EventCheck};
use crate::endorsement::candidate::Candidate;
use crate::endorsement::error::Fault;
use crate::endorsement::key_level::KeyPolicies;
use crate::endorsement::transaction::Dispatched;
use crate::ledger::StateReader;
use crate::types::{BlockNumber, ValidationCode};

/// What a transaction is checked against.
pub(super) struct Context<'c, S> {
    pub(super) block: BlockNumber,
    pub(super) bundle: &'c Bundle,
    pub(super) capabilities: ApplicationCapabilities,
    pub(super) definitions: &'c LegacyDefinitions,
    pub(super) state: &'c S,
}

/// Whether a name is a system chaincode's.
pub(super) fn is_system(name: &str) -> bool {
    matches!(name, "cscc" | "escc" | "lscc" | "qscc" | "vscc")
}

/// Whether no transaction can be an invocation of this system chaincode.
fn is_never_invoked(name: &str) -> bool {
    matches!(name, "escc" | "vscc")
}

/// Whether an application chaincode's invocation must not write to this namespace.
fn is_out_of_reach(name: &str) -> bool {
    matches!(name, "cscc" | "escc" | "lscc" | "vscc")
}

impl<S: StateReader> Context<'_, S> {
    /// Dispatches a transaction to the policies of its namespaces, up to the first that fails.
    ///
    /// # Errors
    /// The channel must stop.
    ///
    /// Fabric: `v14/vscc_validator.go:VSCCValidateTx`.
    pub(super) fn dispatch<'b, K: KeyPolicies<Fault = Fault>>(
        &self,
        candidate: &Candidate<'b>,
        keys: &K,
    ) -> Result<Dispatched<'b>, Fault> {
        let call = match &candidate.endorser.action {
            Err(code) => return Ok(Dispatched::refused(*code)),
            Ok(call) => call,
        };
        let mut dispatched = Dispatched {
            code: ValidationCode::Valid,
            held: Vec::new(),
        };
        match self.namespaces(call) {
            Err(code) => dispatched.code = code,
            Ok(names) => {
                for name in names {
                    dispatched.code = self.namespace(candidate, call, name, keys)?;
                    if !dispatched.code.is_valid() {
                        break;
                    }
                    dispatched.held.push(name);
                }
            }
        }
        Ok(dispatched)
    }

    /// The namespaces to validate in order, or the code of what is wrong before any policy.
    fn namespaces<'a>(&self, call: &ChaincodeCall<'a>) -> Result<Vec<&'a str>, ValidationCode> {
        if !call.names_are_sane() {
            return Err(ValidationCode::InvalidOtherReason);
        }
        // From V1_2 on, the invoked chaincode has a say even where nothing of its own is written.
        let always_invoked = self.capabilities.v1_2_validation;
        if always_invoked && call.event != EventCheck::Sound {
            return Err(ValidationCode::InvalidOtherReason);
        }
        if call.rwset.has_duplicate_namespace() {
            return Err(ValidationCode::IllegalWriteset);
        }
        let invoked = call.header_name;
        if is_system(invoked) {
            return if is_never_invoked(invoked) {
                Err(ValidationCode::IllegalWriteset)
            } else {
                Ok(vec![invoked])
            };
        }
        let (private, key_level) = (
            self.capabilities.private_data,
            self.capabilities.key_level_endorsement,
        );
        let namespaces = call.rwset.namespaces.iter();
        let written: Vec<&str> = namespaces
            .filter(|ns| ns.writes_anything_with(private, key_level))
            .map(|ns| ns.name)
            .collect();
        if written.iter().any(|name| is_out_of_reach(name)) {
            return Err(ValidationCode::IllegalWriteset);
        }
        let mut names = Vec::with_capacity(written.len() + 1);
        if always_invoked {
            names.push(invoked);
        }
        names.extend(
            written
                .into_iter()
                .filter(|name| !(always_invoked && *name == invoked)),
        );
        Ok(names)
    }

    fn namespace<K: KeyPolicies<Fault = Fault>>(
        &self,
        candidate: &Candidate<'_>,
        call: &ChaincodeCall<'_>,
        name: &str,
        keys: &K,
    ) -> Result<ValidationCode, Fault> {
        let Some(definition) = self.definitions.of(name) else {
            return Ok(ValidationCode::InvalidOtherReason);
        };
        let is_invoked = name == call.header_name && !is_system(name);
        if is_invoked && definition.version != call.action_version {
            return Ok(ValidationCode::ExpiredChaincode);
        }
        Ok(
            if self.plugin_accepts(candidate, call, name, definition, keys)? {
                ValidationCode::Valid
            } else {
                ValidationCode::EndorsementPolicyFailure
            },
        )
    }
}
