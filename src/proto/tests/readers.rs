//! All readers in one list, each beside the generated type of the same message.

use crate::proto::messages as generated;
use crate::proto::tests::shape::Shape;
use crate::proto::wire::{Message, WireError};
use crate::proto::{chaincode, common, config, lifecycle, msp, peer, rwset};

/// A reader, without its type.
pub(crate) struct Reader {
    /// The message's full name.
    pub(crate) name: &'static str,
    /// Name, number and kind of its fields; empty where it is written by hand.
    pub(crate) fields: &'static [(&'static str, u32, &'static str)],
    /// Decodes, and writes the canonical form.
    pub(crate) read: fn(&[u8]) -> Result<Vec<u8>, WireError>,
    /// Decodes and encodes with the generated type.
    pub(crate) generated: fn(&[u8]) -> Result<Vec<u8>, prost::DecodeError>,
}

impl Reader {
    /// The reader of a message.
    pub(crate) fn of(name: &str) -> &'static Self {
        let reader = READERS.iter().find(|reader| reader.name == name);
        reader.unwrap_or_else(|| panic!("no reader for {name}"))
    }
}

macro_rules! readers {
    ($( $name:literal $generated:ty, $reader:ty; )*) => {
        /// Every reader.
        pub(crate) const READERS: &[Reader] = &[$( Reader {
            name: $name,
            fields: <$reader as Shape>::FIELDS,
            read: |bytes| Ok(<$reader>::decode(bytes)?.canonical()),
            generated: |bytes| {
                let message = <$generated as prost::Message>::decode(bytes)?;
                Ok(prost::Message::encode_to_vec(&message))
            },
        } ),*];
    };
}

readers! {
    "common.Block" generated::common::Block, common::Block<'_>;
    "common.BlockHeader" generated::common::BlockHeader, common::BlockHeader<'_>;
    "common.BlockData" generated::common::BlockData, common::BlockData<'_>;
    "common.BlockMetadata" generated::common::BlockMetadata, common::BlockMetadata<'_>;
    "common.Metadata" generated::common::Metadata, common::Metadata<'_>;
    "common.MetadataSignature" generated::common::MetadataSignature, common::MetadataSignature<'_>;
    "common.IdentifierHeader" generated::common::IdentifierHeader, common::IdentifierHeader<'_>;
    "common.OrdererBlockMetadata" generated::common::OrdererBlockMetadata, common::OrdererBlockMetadata<'_>;
    "common.LastConfig" generated::common::LastConfig, common::LastConfig;
    "common.Envelope" generated::common::Envelope, common::Envelope<'_>;
    "common.Payload" generated::common::Payload, common::Payload<'_>;
    "common.Header" generated::common::Header, common::Header<'_>;
    "google.protobuf.Timestamp" prost_types::Timestamp, common::Timestamp;
    "common.ChannelHeader" generated::common::ChannelHeader, common::ChannelHeader<'_>;
    "common.SignatureHeader" generated::common::SignatureHeader, common::SignatureHeader<'_>;

    "common.ConfigEnvelope" generated::common::ConfigEnvelope, config::ConfigEnvelope<'_>;
    "common.Config" generated::common::Config, config::Config<'_>;
    "common.ConfigUpdateEnvelope" generated::common::ConfigUpdateEnvelope, config::ConfigUpdateEnvelope<'_>;
    "common.ConfigSignature" generated::common::ConfigSignature, config::ConfigSignature<'_>;
    "common.ConfigUpdate" generated::common::ConfigUpdate, config::ConfigUpdate<'_>;
    "common.ConfigGroup" generated::common::ConfigGroup, config::ConfigGroup<'_>;
    "common.ConfigValue" generated::common::ConfigValue, config::ConfigValue<'_>;
    "common.ConfigPolicy" generated::common::ConfigPolicy, config::ConfigPolicy<'_>;
    "common.Policy" generated::common::Policy, config::Policy<'_>;
    "common.ImplicitMetaPolicy" generated::common::ImplicitMetaPolicy, config::ImplicitMetaPolicy<'_>;
    "common.HashingAlgorithm" generated::common::HashingAlgorithm, config::HashingAlgorithm<'_>;
    "common.BlockDataHashingStructure" generated::common::BlockDataHashingStructure, config::BlockDataHashingStructure;
    "common.OrdererAddresses" generated::common::OrdererAddresses, config::OrdererAddresses<'_>;
    "common.Orderers" generated::common::Orderers, config::Orderers<'_>;
    "common.Consenter" generated::common::Consenter, config::Consenter<'_>;
    "common.Consortium" generated::common::Consortium, config::Consortium<'_>;
    "common.Capabilities" generated::common::Capabilities, config::Capabilities<'_>;
    "common.Capability" generated::common::Capability, config::Capability;
    "orderer.ConsensusType" generated::orderer::ConsensusType, config::ConsensusType<'_>;
    "orderer.BatchSize" generated::orderer::BatchSize, config::BatchSize;
    "orderer.BatchTimeout" generated::orderer::BatchTimeout, config::BatchTimeout<'_>;
    "orderer.KafkaBrokers" generated::orderer::KafkaBrokers, config::KafkaBrokers<'_>;
    "orderer.ChannelRestrictions" generated::orderer::ChannelRestrictions, config::ChannelRestrictions;
    "protos.AnchorPeers" generated::protos::AnchorPeers, config::AnchorPeers<'_>;
    "protos.AnchorPeer" generated::protos::AnchorPeer, config::AnchorPeer<'_>;
    "protos.ACLs" generated::protos::AcLs, config::Acls<'_>;
    "protos.APIResource" generated::protos::ApiResource, config::ApiResource<'_>;

    "lifecycle.StateMetadata" generated::lifecycle::StateMetadata, lifecycle::StateMetadata<'_>;
    "lifecycle.StateData" generated::lifecycle::StateData, lifecycle::StateData<'_>;
    "lifecycle.ChaincodeEndorsementInfo" generated::lifecycle::ChaincodeEndorsementInfo, lifecycle::ChaincodeEndorsementInfo<'_>;
    "lifecycle.ChaincodeValidationInfo" generated::lifecycle::ChaincodeValidationInfo, lifecycle::ChaincodeValidationInfo<'_>;
    "ccprovider.ChaincodeData" generated::ccprovider::ChaincodeData, lifecycle::ChaincodeData<'_>;

    "msp.SerializedIdentity" generated::msp::SerializedIdentity, msp::SerializedIdentity<'_>;
    "msp.MSPConfig" generated::msp::MspConfig, msp::MspConfig<'_>;
    "msp.FabricMSPConfig" generated::msp::FabricMspConfig, msp::FabricMspConfig<'_>;
    "msp.SigningIdentityInfo" generated::msp::SigningIdentityInfo, msp::SigningIdentityInfo<'_>;
    "msp.KeyInfo" generated::msp::KeyInfo, msp::KeyInfo<'_>;
    "msp.FabricOUIdentifier" generated::msp::FabricOuIdentifier, msp::FabricOuIdentifier<'_>;
    "msp.FabricCryptoConfig" generated::msp::FabricCryptoConfig, msp::FabricCryptoConfig<'_>;
    "msp.FabricNodeOUs" generated::msp::FabricNodeOUs, msp::FabricNodeOus<'_>;
    "common.MSPPrincipal" generated::common::MspPrincipal, msp::MspPrincipal<'_>;
    "common.MSPRole" generated::common::MspRole, msp::MspRole<'_>;
    "common.OrganizationUnit" generated::common::OrganizationUnit, msp::OrganizationUnit<'_>;
    "common.MSPIdentityAnonymity" generated::common::MspIdentityAnonymity, msp::MspIdentityAnonymity;
    "common.CombinedPrincipal" generated::common::CombinedPrincipal, msp::CombinedPrincipal<'_>;
    "common.SignaturePolicyEnvelope" generated::common::SignaturePolicyEnvelope, msp::SignaturePolicyEnvelope<'_>;
    "common.SignaturePolicy" generated::common::SignaturePolicy, msp::SignaturePolicy;
    "common.SignaturePolicy.NOutOf" generated::common::signature_policy::NOutOf, msp::NOutOf;

    "protos.Transaction" generated::protos::Transaction, peer::Transaction<'_>;
    "protos.TransactionAction" generated::protos::TransactionAction, peer::TransactionAction<'_>;
    "protos.ChaincodeActionPayload" generated::protos::ChaincodeActionPayload, peer::ChaincodeActionPayload<'_>;
    "protos.ChaincodeEndorsedAction" generated::protos::ChaincodeEndorsedAction, peer::ChaincodeEndorsedAction<'_>;
    "protos.Endorsement" generated::protos::Endorsement, peer::Endorsement<'_>;
    "protos.ProposalResponsePayload" generated::protos::ProposalResponsePayload, peer::ProposalResponsePayload<'_>;
    "protos.ChaincodeAction" generated::protos::ChaincodeAction, peer::ChaincodeAction<'_>;
    "protos.Response" generated::protos::Response, peer::Response<'_>;
    "protos.ChaincodeID" generated::protos::ChaincodeId, peer::ChaincodeId<'_>;
    "protos.ChaincodeHeaderExtension" generated::protos::ChaincodeHeaderExtension, peer::ChaincodeHeaderExtension<'_>;
    "protos.ChaincodeEvent" generated::protos::ChaincodeEvent, peer::ChaincodeEvent<'_>;
    "protos.ApplicationPolicy" generated::protos::ApplicationPolicy, peer::ApplicationPolicy<'_>;
    "protos.CollectionConfigPackage" generated::protos::CollectionConfigPackage, peer::CollectionConfigPackage<'_>;
    "protos.CollectionConfig" generated::protos::CollectionConfig, peer::CollectionConfig<'_>;
    "protos.StaticCollectionConfig" generated::protos::StaticCollectionConfig, peer::StaticCollectionConfig<'_>;
    "protos.CollectionPolicyConfig" generated::protos::CollectionPolicyConfig, peer::CollectionPolicyConfig<'_>;

    "protos.ChaincodeProposalPayload" generated::protos::ChaincodeProposalPayload, chaincode::ChaincodeProposalPayload<'_>;
    "protos.ChaincodeInvocationSpec" generated::protos::ChaincodeInvocationSpec, chaincode::ChaincodeInvocationSpec<'_>;
    "protos.ChaincodeDeploymentSpec" generated::protos::ChaincodeDeploymentSpec, chaincode::ChaincodeDeploymentSpec<'_>;
    "protos.ChaincodeSpec" generated::protos::ChaincodeSpec, chaincode::ChaincodeSpec<'_>;
    "protos.ChaincodeInput" generated::protos::ChaincodeInput, chaincode::ChaincodeInput<'_>;

    "rwset.TxReadWriteSet" generated::rwset::TxReadWriteSet, rwset::TxReadWriteSet<'_>;
    "rwset.NsReadWriteSet" generated::rwset::NsReadWriteSet, rwset::NsReadWriteSet<'_>;
    "rwset.CollectionHashedReadWriteSet" generated::rwset::CollectionHashedReadWriteSet, rwset::CollectionHashedReadWriteSet<'_>;
    "kvrwset.KVRWSet" generated::kvrwset::KvrwSet, rwset::KvRwSet<'_>;
    "kvrwset.HashedRWSet" generated::kvrwset::HashedRwSet, rwset::HashedRwSet<'_>;
    "kvrwset.KVRead" generated::kvrwset::KvRead, rwset::KvRead<'_>;
    "kvrwset.KVReadHash" generated::kvrwset::KvReadHash, rwset::KvReadHash<'_>;
    "kvrwset.Version" generated::kvrwset::Version, rwset::RwVersion;
    "kvrwset.KVWrite" generated::kvrwset::KvWrite, rwset::KvWrite<'_>;
    "kvrwset.KVWriteHash" generated::kvrwset::KvWriteHash, rwset::KvWriteHash<'_>;
    "kvrwset.KVMetadataWrite" generated::kvrwset::KvMetadataWrite, rwset::KvMetadataWrite<'_>;
    "kvrwset.KVMetadataWriteHash" generated::kvrwset::KvMetadataWriteHash, rwset::KvMetadataWriteHash<'_>;
    "kvrwset.KVMetadataEntry" generated::kvrwset::KvMetadataEntry, rwset::KvMetadataEntry<'_>;
    "kvrwset.QueryReads" generated::kvrwset::QueryReads, rwset::QueryReads<'_>;
    "kvrwset.QueryReadsMerkleSummary" generated::kvrwset::QueryReadsMerkleSummary, rwset::QueryReadsMerkleSummary<'_>;
    "kvrwset.RangeQueryInfo" generated::kvrwset::RangeQueryInfo, rwset::RangeQueryInfo<'_>;
}
