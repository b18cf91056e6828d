//! Whether the peer is well.

use serde_json::{Value, json};

use crate::limits::IN_SYNC_LAG_BLOCKS;

/// How one channel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelHealth {
    /// Its name.
    pub channel: String,
    /// Its height; `None` where it could not be opened.
    pub height: Option<u64>,
    /// What is wrong with it: why it is stopped, or gets no blocks.
    pub problem: Option<String>,
    /// How far it is behind its orderer; `None` while that is not known.
    pub lag: Option<Lag>,
    /// Whether it is paused: it was not opened because somebody wants so, which is nothing wrong.
    pub paused: bool,
}

/// How far a channel is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Blocks that the orderer has shown and the ledger has not.
    pub blocks: u64,
    /// When the orderer's last block came, in seconds since 1970.
    pub last_block_unix_seconds: Option<u64>,
}

impl ChannelHealth {
    /// Whether nothing is wrong, and it has about all blocks that the orderer has shown.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        self.problem.is_none() && self.lag.is_none_or(|lag| lag.blocks <= IN_SYNC_LAG_BLOCKS)
    }
}

/// What `/healthz` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Every channel.
    pub channels: Vec<ChannelHealth>,
    /// Other things that are wrong, by component.
    pub failed: Vec<(String, String)>,
}

impl Health {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.failed.is_empty()
            && self
                .channels
                .iter()
                .all(|channel| channel.problem.is_none())
    }

    /// The answer's status, and its body: Fabric's form with the channels beside it. `time` is RFC 3339.
    #[must_use]
    pub fn answer(&self, time: &str) -> (u16, Value) {
        let of_channels = self.channels.iter().filter_map(|channel| {
            let problem = channel.problem.as_ref()?;
            Some((format!("channel {}", channel.channel), problem.clone()))
        });
        let failed = self.failed.iter().cloned().chain(of_channels);
        let failed: Vec<Value> = failed
            .map(|(component, reason)| json!({"component": component, "reason": reason}))
            .collect();
        let channels: Vec<Value> = self
            .channels
            .iter()
            .map(|channel| {
                json!({
                    "channel": channel.channel,
                    "height": channel.height,
                    "in_sync": channel.is_in_sync() && !channel.paused,
                    "lag_blocks": channel.lag.map(|lag| lag.blocks),
                    "last_block_at": channel.lag.and_then(|lag| lag.last_block_unix_seconds),
                    "paused": channel.paused,
                })
            })
            .collect();
        let well = self.is_well();
        let body = if well {
            json!({"status": "OK", "time": time, "channels": channels})
        } else {
            json!({
                "status": "Service Unavailable",
                "time": time,
                "failed_checks": failed,
                "channels": channels,
            })
        };
        (if well { 200 } else { 503 }, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str, problem: Option<&str>, paused: bool) -> ChannelHealth {
        ChannelHealth {
            channel: name.to_owned(),
            height: (!paused).then_some(3),
            problem: problem.map(str::to_owned),
            lag: (!paused).then_some(Lag {
                blocks: 1,
                last_block_unix_seconds: Some(77),
            }),
            paused,
        }
    }

    #[test]
    fn a_channel_that_is_far_behind_is_not_in_sync_and_nothing_is_wrong() {
        let mut behind = channel("one", None, false);
        let lag = |blocks| Lag {
            blocks,
            last_block_unix_seconds: None,
        };
        behind.lag = Some(lag(IN_SYNC_LAG_BLOCKS));
        assert!(behind.is_in_sync());
        behind.lag = Some(lag(IN_SYNC_LAG_BLOCKS + 1));
        assert!(!behind.is_in_sync());
        let health = Health {
            channels: vec![behind],
            failed: Vec::new(),
        };
        assert!(health.is_well());
    }

    #[test]
    fn channels_are_told_one_by_one() {
        let mut health = Health {
            channels: vec![channel("one", None, false), channel("two", None, true)],
            failed: Vec::new(),
        };
        let (status, body) = health.answer("now");
        assert_eq!((status, &body["status"]), (200, &json!("OK")));
        let expected = json!([
            {"channel": "one", "height": 3, "in_sync": true, "lag_blocks": 1, "last_block_at": 77, "paused": false},
            {"channel": "two", "height": null, "in_sync": false, "lag_blocks": null, "last_block_at": null, "paused": true},
        ]);
        assert_eq!(body["channels"], expected);

        health
            .channels
            .push(channel("three", Some("no orderer"), false));
        let (status, body) = health.answer("now");
        assert_eq!(status, 503);
        let expected = json!([{"component": "channel three", "reason": "no orderer"}]);
        assert_eq!(body["failed_checks"], expected);
        assert_eq!(body["channels"][2]["in_sync"], json!(false));
    }
}
