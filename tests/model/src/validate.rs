//! The validator: blocks in, verdicts out, in the order of the rules (validation-spec 0.5).

use std::collections::BTreeSet;

use heddle::channel::Bundle;
use heddle::ledger::{Effect, Expiry, HistoryEntry, KeyUpdate, NamespaceUpdates, UpdateBatch};
use heddle::proto::common::{ChannelHeader, Envelope, Payload};
use heddle::proto::rwset::{KvRwSet, KvWrite};
use heddle::proto::wire::Message;
use heddle::types::{BlockNumber, ChannelId, Digest, ValidationCode as Code, Version};

use crate::definition::Context;
use crate::endorsement::{ChangedPolicies, check_collections, endorse};
use crate::frame::Frame;
use crate::mvcc::{Batch, apply_writes, check_reads, commit_hash};
use crate::policy::Config;
use crate::state::{Key, State, Value};
use crate::structure::{Invocation, NsRwSet, Sound, index_id, invocation, structure};
use crate::{Halt, Verdict, refused, stopped};

/// A channel, validated block by block.
#[derive(Debug)]
pub struct Model {
    channel: ChannelId,
    config: Option<Config>,
    state: State,
    tx_ids: BTreeSet<String>,
    next: u64,
    header_hash: Vec<u8>,
    commit_hash: Option<Digest>,
}

/// A transaction on its way through a block.
enum Writes<'a> {
    /// Nothing: it is not valid.
    None,
    Config(&'a [u8]),
    Endorser(Invocation<'a>),
}

impl Model {
    /// A channel without blocks.
    #[must_use]
    pub fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            config: None,
            state: State::default(),
            tx_ids: BTreeSet::new(),
            next: 0,
            header_hash: Vec::new(),
            commit_hash: None,
        }
    }

    /// The state after the last block.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Validates and commits the channel's next block.
    ///
    /// # Errors
    /// The block is not committed, and nothing has changed.
    pub fn commit(&mut self, block: &[u8]) -> Result<Verdict, Halt> {
        let frame = Frame::read(block)?;
        if frame.header.number != self.next {
            return Err(refused("number"));
        }
        let validated = match &self.config {
            None => self.found(&frame)?,
            Some(config) => {
                if frame.header.previous_hash != self.header_hash {
                    return Err(refused("previous hash"));
                }
                frame.check_signatures(config)?;
                self.validate(&frame, config)?
            }
        };
        let verdict = self.verdict(&validated)?;
        self.apply(&verdict.batch);
        self.commit_hash = verdict.commit_hash;
        self.tx_ids
            .extend(frame.envelopes.iter().map(|envelope| index_id(envelope)));
        self.header_hash = frame.header_hash();
        self.next += 1;
        if let Some(config) = validated.config {
            self.config = Some(config);
        }
        Ok(verdict)
    }

    /// 1.7: the genesis block is not validated; its configuration must found the channel.
    fn found(&self, frame: &Frame<'_>) -> Result<Validated, Halt> {
        let (true, [envelope]) = (frame.is_config_block(), &*frame.envelopes) else {
            return Err(refused("no genesis block"));
        };
        let envelope = Envelope::decode(envelope).unwrap_or_default();
        let payload = Payload::decode(envelope.payload).unwrap_or_default();
        let header = payload.header.unwrap_or_default();
        let header = ChannelHeader::decode(header.channel_header).unwrap_or_default();
        if header.channel_id != self.channel.as_str() {
            return Err(refused("another channel's genesis block"));
        }
        let bundle = Bundle::from_genesis(&self.channel, payload.data);
        let bundle = bundle.map_err(|error| refused(error.to_string()))?;
        let mut batch = Batch::new();
        apply_config(payload.data, self.version(0), &self.state, &mut batch);
        Ok(Validated {
            codes: vec![Code::Valid],
            batch,
            history: BTreeSet::new(),
            config: Some(Config::new(bundle)),
        })
    }

    fn validate(&self, frame: &Frame<'_>, config: &Config) -> Result<Validated, Halt> {
        let context = Context {
            state: &self.state,
            config,
        };
        if !config.bundle.capabilities().application().v2_0_validation {
            return Err(stopped("channels below V2_0 are not the model's"));
        }
        let mut next_config = None;
        let mut changed = ChangedPolicies::new();
        let mut ids_in_block = BTreeSet::new();
        let mut codes = Vec::new();
        let mut writes = Vec::new();
        for envelope in &frame.envelopes {
            let (code, written) = match structure(envelope, &self.channel, config) {
                Err(code) => (code, Writes::None),
                Ok(Sound::Config(data)) => {
                    let bundle = config.bundle.apply(data);
                    let bundle = bundle.map_err(|error| stopped(error.to_string()))?;
                    next_config = Some(Config::new(bundle));
                    (Code::Valid, Writes::Config(data))
                }
                Ok(Sound::Endorser(action)) if self.tx_ids.contains(action.tx_id) => {
                    (Code::DuplicateTxid, Writes::None)
                }
                Ok(Sound::Endorser(action)) => match invocation(&action) {
                    Err(code) => (code, Writes::None),
                    Ok(invocation) => {
                        let mut code = endorse(context, &action, &invocation, &mut changed)?;
                        if code == Code::Valid && !ids_in_block.insert(action.tx_id) {
                            code = Code::DuplicateTxid;
                        }
                        (code, Writes::Endorser(invocation))
                    }
                },
            };
            if code == Code::Valid
                && let Writes::Endorser(invocation) = &written
            {
                check_collections(context, invocation)?;
            }
            codes.push(code);
            writes.push(written);
        }
        self.fold(codes, &writes, next_config)
    }

    /// 5.3 and 5.6: transaction by transaction, each sees what those before it wrote.
    fn fold(
        &self,
        mut codes: Vec<Code>,
        writes: &[Writes<'_>],
        config: Option<Config>,
    ) -> Result<Validated, Halt> {
        let mut batch = Batch::new();
        let mut history = BTreeSet::new();
        for (tx, (code, writes)) in (0..).zip(codes.iter_mut().zip(writes)) {
            if *code != Code::Valid {
                continue;
            }
            match writes {
                Writes::None => {}
                Writes::Config(data) => {
                    apply_config(data, self.version(tx), &self.state, &mut batch);
                }
                Writes::Endorser(invocation) => {
                    *code = check_reads(&invocation.rwset, &self.state, &batch)?;
                    if *code == Code::Valid {
                        let at = self.version(tx);
                        apply_writes(&invocation.rwset, at, &self.state, &mut batch);
                        for ns in &invocation.rwset {
                            let keys = ns.public.writes.iter().map(|write| write.key);
                            history.extend(keys.map(|key| (ns.name.into(), key.into(), at)));
                        }
                    }
                }
            }
        }
        Ok(Validated {
            codes,
            batch,
            history,
            config,
        })
    }

    fn version(&self, tx: u64) -> Version {
        Version {
            block: self.next,
            tx,
        }
    }

    /// The verdict in the form in which heddle gives it, expiries of this block included (8.5).
    fn verdict(&self, validated: &Validated) -> Result<Verdict, Halt> {
        let Validated { codes, batch, .. } = validated;
        let block = BlockNumber(self.next);
        let mut updates: Vec<(Key, Version, Effect)> = Vec::new();
        let mut expiries = Vec::new();
        for (key, update) in batch {
            let effect = match &update.put {
                None => Effect::Delete,
                Some((value, metadata)) => Effect::Put {
                    value: value.clone().into(),
                    metadata: metadata.clone().into(),
                },
            };
            if update.put.is_some()
                && let Some(at) = self.expires(key)?
            {
                expiries.push(Expiry {
                    at: BlockNumber(at),
                    written: block,
                    namespace: key.namespace.clone(),
                    key: key.key.clone().into(),
                });
            }
            updates.push((key.clone(), update.version, effect));
        }
        for key in self.state.expired(self.next) {
            if !batch.contains_key(&key) {
                updates.push((key, Version::default(), Effect::Expire));
            }
        }
        updates.sort_by(|one, other| one.0.cmp(&other.0));
        let mut namespaces: Vec<NamespaceUpdates> = Vec::new();
        for (key, version, effect) in updates {
            if namespaces
                .last()
                .is_none_or(|last| last.namespace != key.namespace)
            {
                namespaces.push(NamespaceUpdates {
                    namespace: key.namespace,
                    updates: Vec::new(),
                });
            }
            let key = key.key.into();
            if let Some(last) = namespaces.last_mut() {
                last.updates.push(KeyUpdate {
                    key,
                    version,
                    effect,
                });
            }
        }
        let history = validated.history.iter();
        let history = history.map(|(name, key, version)| HistoryEntry {
            name: name.as_str().into(),
            key: key.as_bytes().into(),
            version: *version,
        });
        let hashed = block > BlockNumber(0);
        Ok(Verdict {
            codes: codes.clone(),
            commit_hash: hashed.then(|| commit_hash(codes, batch, self.commit_hash)),
            batch: UpdateBatch {
                block,
                namespaces,
                expiries,
                history: history.collect(),
            },
        })
    }

    /// 8.5: the block with which a private hash goes that is written now.
    fn expires(&self, key: &Key) -> Result<Option<u64>, Halt> {
        let (Some(config), Some(collection)) = (&self.config, &key.namespace.collection) else {
            return Ok(None);
        };
        let context = Context {
            state: &self.state,
            config,
        };
        let collection = context.collection(&key.namespace.name, collection)?;
        let blocks = collection.map_or(0, |collection| collection.block_to_live);
        let at = self
            .next
            .checked_add(blocks)
            .and_then(|at| at.checked_add(1));
        Ok(at.filter(|_| blocks > 0))
    }

    fn apply(&mut self, batch: &UpdateBatch) {
        for namespace in &batch.namespaces {
            for update in &namespace.updates {
                let key = Key {
                    namespace: namespace.namespace.clone(),
                    key: update.key.to_vec(),
                };
                let Effect::Put { value, metadata } = &update.effect else {
                    self.state.keys.remove(&key);
                    continue;
                };
                let mut expiries = batch.expiries.iter();
                let expiry =
                    expiries.find(|it| it.namespace == key.namespace && *it.key == *key.key);
                let value = Value {
                    version: update.version,
                    value: value.to_vec(),
                    metadata: metadata.to_vec(),
                    expires: expiry.map(|expiry| expiry.at.0),
                };
                self.state.put(key, value);
            }
        }
    }
}

/// A block's outcome, expiries left out.
struct Validated {
    codes: Vec<Code>,
    batch: Batch,
    /// Chaincode, key and version of every public write (9.3).
    history: BTreeSet<(String, String, Version)>,
    /// The configuration from the next block on, if it changes.
    config: Option<Config>,
}

/// 5.1: a config transaction writes the channel's configuration to the state.
fn apply_config(data: &[u8], at: Version, state: &State, batch: &mut Batch) {
    let write = KvWrite {
        key: "CHANNEL_CONFIG_ENV_BYTES",
        is_delete: false,
        value: data,
    };
    let rwset = NsRwSet {
        name: "",
        public: KvRwSet {
            writes: vec![write],
            ..KvRwSet::default()
        },
        collections: Vec::new(),
    };
    apply_writes(&[rwset], at, state, batch);
}
