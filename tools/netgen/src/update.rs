//! Config updates: from a config block and edits to a signed transaction that an orderer takes.

use std::path::{Path, PathBuf};

use heddle::channel::update::{compute_update, validate_update};
use heddle::channel::{Bundle, ConfigBlock, ConfigError, EnvelopeHeaders};
use heddle::msp::{LocalMspError, SigningIdentity};
use heddle::proto::messages::common::{
    Config, ConfigEnvelope, ConfigGroup, ConfigSignature, ConfigUpdate, ConfigUpdateEnvelope,
};
use heddle::sys::storage::read_file;
use heddle::testing::kit::Seed;
use heddle::types::ChannelId;
use prost::Message as _;

use crate::args::UpdateArgs;
use crate::edits::Edits;
use crate::yaml::{self, Problem, YamlError};

/// The largest config block that is read.
const BLOCK_BYTES_MAX: u64 = 100 << 20;

/// Why there is no update.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateFailure {
    #[error("{}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: {source}", path.display())]
    Block {
        path: PathBuf,
        source: Box<ConfigError>,
    },
    #[error("{}: the configuration does not decode: {source}", path.display())]
    Undecodable {
        path: PathBuf,
        source: prost::DecodeError,
    },
    #[error(transparent)]
    Yaml(#[from] YamlError),
    #[error("--sign, --submit: {0}")]
    Signer(#[from] LocalMspError),
    #[error("the edits change nothing")]
    Nothing,
    #[error("Fabric would refuse the edited configuration: {0}")]
    Refused(#[source] Box<ConfigError>),
}

/// A transaction, and why the orderer would not take it as it is.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) envelope: Vec<u8>,
    pub(crate) lacking: Option<ConfigError>,
}

/// Makes the update that the arguments ask for. `timestamp` in seconds since 1970.
pub(crate) fn make(args: &UpdateArgs, timestamp: u64, seed: &Seed) -> Result<Made, UpdateFailure> {
    let path = || args.block.clone();
    let block = read_file(&args.block, BLOCK_BYTES_MAX).map_err(|source| UpdateFailure::Read {
        path: path(),
        source,
    })?;
    let refused = |source| UpdateFailure::Block {
        path: path(),
        source: Box::new(source),
    };
    let current = ConfigBlock::read(&block).map_err(refused)?;
    let bundle = Bundle::from_genesis(&current.channel_id, current.config_envelope);
    let bundle = bundle.map_err(refused)?;
    let config = ConfigEnvelope::decode(current.config_envelope)
        .map_err(|source| UpdateFailure::Undecodable {
            path: path(),
            source,
        })?
        .config
        .unwrap_or_default();
    let old = config.channel_group.unwrap_or_default();
    let new = edit(&args.edit, &old)?;
    let computed = compute_update(&old, &new).ok_or(UpdateFailure::Nothing)?;
    check_next(&current.channel_id, config.sequence, computed.next)?;
    let update = ConfigUpdate {
        channel_id: current.channel_id.to_string(),
        read_set: Some(computed.read_set),
        write_set: Some(computed.write_set),
        ..ConfigUpdate::default()
    };
    let envelope = sign(args, &update, timestamp, seed)?;
    let lacking = validate_update(&bundle, &envelope).err();
    Ok(Made { envelope, lacking })
}

fn edit(path: &Path, current: &ConfigGroup) -> Result<ConfigGroup, UpdateFailure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let edited = yaml::load(path, |edits: Edits| {
        let mut group = current.clone();
        edits.apply(&mut group, folder)?;
        Ok::<_, Problem>(group)
    })?;
    Ok(edited)
}

/// Refuses an edited configuration that could not be in force.
fn check_next(
    channel: &ChannelId,
    sequence: u64,
    channel_group: ConfigGroup,
) -> Result<(), UpdateFailure> {
    let config = Config {
        sequence: sequence + 1,
        channel_group: Some(channel_group),
    };
    let envelope = ConfigEnvelope {
        config: Some(config),
        last_update: None,
    };
    Bundle::from_genesis(channel, &envelope.encode_to_vec())
        .map(drop)
        .map_err(|source| UpdateFailure::Refused(Box::new(source)))
}

/// Fabric: `protoutil/signeddata.go`, `cmd/peer/channel/signconfigtx.go`.
fn sign(
    args: &UpdateArgs,
    update: &ConfigUpdate,
    timestamp: u64,
    seed: &Seed,
) -> Result<Vec<u8>, UpdateFailure> {
    let update_bytes = update.encode_to_vec();
    let mut signers = Vec::new();
    for signer in &args.sign {
        signers.push(SigningIdentity::load(&signer.folder, &signer.msp_id)?);
    }
    let mut signatures = Vec::new();
    for (index, signer) in (0..).zip(&signers) {
        let nonce = seed.numbered(index);
        let headers = EnvelopeHeaders {
            creator: signer.serialized(),
            nonce: nonce.bytes().get(..24).unwrap_or_default(),
            ..EnvelopeHeaders::default()
        };
        let signature_header = headers.signature_header();
        signatures.push(ConfigSignature {
            signature: signer.sign(&[&signature_header, &update_bytes]),
            signature_header,
        });
    }
    let data = ConfigUpdateEnvelope {
        config_update: update_bytes,
        signatures,
    };
    let submitter = match &args.submit {
        Some(submit) => Some(SigningIdentity::load(&submit.folder, &submit.msp_id)?),
        None => signers.first().cloned(),
    };
    let nonce = seed.child("submit");
    let headers = EnvelopeHeaders {
        r#type: 2,
        channel: &update.channel_id,
        timestamp: (timestamp, 0),
        creator: submitter.as_ref().map_or(&[], |one| one.serialized()),
        nonce: nonce.bytes().get(..24).unwrap_or_default(),
        ..EnvelopeHeaders::default()
    };
    Ok(headers.envelope(&data.encode_to_vec(), |payload| {
        let sign = |one: &SigningIdentity| one.sign(&[payload]);
        submitter.as_ref().map_or_else(Vec::new, sign)
    }))
}
