//! Readers for package `msp` and for signature policies: MSP configuration, identities, principals.

use super::wire::{Field, Message, Value, WireError, wire_message};

wire_message! {
    /// `msp.SerializedIdentity`.
    SerializedIdentity<'a> {
        /// The MSP's id.
        mspid = 1: string,
        /// A PEM certificate.
        id_bytes = 2: bytes,
    }
}

wire_message! {
    /// `msp.MSPConfig`.
    MspConfig<'a> {
        /// 0 for X.509 ("FABRIC"), 1 for Idemix.
        r#type = 1: i32,
        /// A serialized [`FabricMspConfig`] where `type` is 0.
        config = 2: bytes,
    }
}

wire_message! {
    /// `msp.FabricMSPConfig`. Certificates are PEM.
    FabricMspConfig<'a> {
        /// The MSP's id.
        name = 1: string,
        /// At least one.
        root_certs = 2: repeated_bytes,
        /// Between the roots and the identities.
        intermediate_certs = 3: repeated_bytes,
        /// Listed administrators.
        admins = 4: repeated_bytes,
        /// CRLs, PEM or DER.
        revocation_list = 5: repeated_bytes,
        /// Only in a local MSP.
        signing_identity = 6: message(SigningIdentityInfo<'a>),
        /// OUs of which an identity must have one.
        organizational_unit_identifiers = 7: repeated(FabricOuIdentifier<'a>),
        /// Hash families.
        crypto_config = 8: message(FabricCryptoConfig<'a>),
        /// TLS roots.
        tls_root_certs = 9: repeated_bytes,
        /// TLS intermediates.
        tls_intermediate_certs = 10: repeated_bytes,
        /// Role OUs.
        fabric_node_ous = 11: message(FabricNodeOus<'a>),
    }
}

wire_message! {
    /// `msp.SigningIdentityInfo`.
    SigningIdentityInfo<'a> {
        /// PEM certificate.
        public_signer = 1: bytes,
        /// The key.
        private_signer = 2: message(KeyInfo<'a>),
    }
}

wire_message! {
    /// `msp.KeyInfo`.
    KeyInfo<'a> {
        /// Where a key store has it.
        key_identifier = 1: string,
        /// The key itself.
        key_material = 2: bytes,
    }
}

wire_message! {
    /// `msp.FabricOUIdentifier`.
    FabricOuIdentifier<'a> {
        /// PEM of the CA that must have certified the OU.
        certificate = 1: bytes,
        /// The OU.
        organizational_unit_identifier = 2: string,
    }
}

wire_message! {
    /// `msp.FabricCryptoConfig`.
    FabricCryptoConfig<'a> {
        /// `SHA2` or `SHA3`; empty is `SHA2`.
        signature_hash_family = 1: string,
        /// Empty is `SHA256`.
        identity_identifier_hash_function = 2: string,
    }
}

wire_message! {
    /// `msp.FabricNodeOUs`.
    FabricNodeOus<'a> {
        /// Whether roles come from OUs.
        enable = 1: bool,
        /// The OU of clients.
        client_ou_identifier = 2: message(FabricOuIdentifier<'a>),
        /// The OU of peers.
        peer_ou_identifier = 3: message(FabricOuIdentifier<'a>),
        /// The OU of administrators.
        admin_ou_identifier = 4: message(FabricOuIdentifier<'a>),
        /// The OU of orderers.
        orderer_ou_identifier = 5: message(FabricOuIdentifier<'a>),
    }
}

wire_message! {
    /// `common.MSPPrincipal`.
    MspPrincipal<'a> {
        /// ROLE 0, ORGANIZATION_UNIT 1, IDENTITY 2, ANONYMITY 3, COMBINED 4.
        principal_classification = 1: i32,
        /// The serialized message of that class.
        principal = 2: bytes,
    }
}

wire_message! {
    /// `common.MSPRole`.
    MspRole<'a> {
        /// The MSP's id.
        msp_identifier = 1: string,
        /// MEMBER 0, ADMIN 1, CLIENT 2, PEER 3, ORDERER 4.
        role = 2: i32,
    }
}

wire_message! {
    /// `common.OrganizationUnit`.
    OrganizationUnit<'a> {
        /// The MSP's id.
        msp_identifier = 1: string,
        /// The OU.
        organizational_unit_identifier = 2: string,
        /// Hash of the certifying chain.
        certifiers_identifier = 3: bytes,
    }
}

wire_message! {
    /// `common.MSPIdentityAnonymity`.
    MspIdentityAnonymity {
        /// NOMINAL 0, ANONYMOUS 1.
        anonymity_type = 1: i32,
    }
}

wire_message! {
    /// `common.CombinedPrincipal`.
    CombinedPrincipal<'a> {
        /// All must hold.
        principals = 1: repeated(MspPrincipal<'a>),
    }
}

wire_message! {
    /// `common.SignaturePolicyEnvelope`.
    SignaturePolicyEnvelope<'a> {
        /// Checked only in the channel configuration and below application capability V2_0.
        version = 1: i32,
        /// The rule.
        rule = 2: message(SignaturePolicy),
        /// What `SignedBy` points at.
        identities = 3: repeated(MspPrincipal<'a>),
    }
}

/// `common.SignaturePolicy`: a oneof, the last member wins and the same member merges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SignaturePolicy {
    /// No member is set: the policy is unusable.
    #[default]
    Unset,
    /// Field 1: index into the envelope's identities.
    SignedBy(i32),
    /// Field 2.
    NOutOf(Box<NOutOf>),
}

wire_message! {
    /// `common.SignaturePolicy.NOutOf`.
    NOutOf {
        /// How many rules must hold; 0 or less always holds.
        n = 1: i32,
        /// The rules.
        rules = 2: repeated(SignaturePolicy),
    }
}

impl<'a> Message<'a> for SignaturePolicy {
    fn take_field(&mut self, field: &Field<'a>, depth: u32) -> Result<bool, WireError> {
        match (field.number, field.value) {
            (1, Value::Varint(value)) => {
                *self = Self::SignedBy(super::wire::low_u32(value).cast_signed());
            }
            (2, Value::Bytes(bytes)) => {
                let mut gate = match std::mem::take(self) {
                    Self::NOutOf(gate) => gate,
                    Self::Unset | Self::SignedBy(_) => Box::default(),
                };
                gate.merge(bytes, depth)?;
                *self = Self::NOutOf(gate);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
