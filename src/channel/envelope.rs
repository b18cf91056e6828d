//! Envelopes as a node or an administrator makes them: requests, updates, config transactions.
//!
//! Knows nothing of what the envelope's data mean. Time and nonces are arguments.

use crate::proto::wire::{put_bytes, put_element, put_uint};

/// What the headers of an envelope say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EnvelopeHeaders<'a> {
    /// What the data are: `common.HeaderType`.
    pub r#type: i32,
    /// The version of the message: 0 for what Fabric's tools sign, 1 in a genesis block.
    pub version: u32,
    /// The channel.
    pub channel: &'a str,
    /// When it was made: seconds since 1970 and nanoseconds.
    pub timestamp: (u64, u32),
    /// The transaction's id; empty where there is none.
    pub tx_id: &'a str,
    /// Hash of the client's TLS certificate, where the request is bound to one.
    pub tls_cert_hash: &'a [u8],
    /// Who made it: a serialized `SerializedIdentity`.
    pub creator: &'a [u8],
    /// What makes it unique.
    pub nonce: &'a [u8],
}

impl EnvelopeHeaders<'_> {
    /// A serialized `common.SignatureHeader`.
    #[must_use]
    pub fn signature_header(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(self.creator.len() + self.nonce.len() + 8);
        put_bytes(&mut header, 1, self.creator);
        put_bytes(&mut header, 2, self.nonce);
        header
    }

    fn channel_header(&self) -> Vec<u8> {
        let (seconds, nanos) = self.timestamp;
        let mut timestamp = Vec::new();
        put_uint(&mut timestamp, 1, seconds);
        put_uint(&mut timestamp, 2, u64::from(nanos));
        let mut header = Vec::new();
        put_uint(&mut header, 1, i64::from(self.r#type).cast_unsigned());
        put_uint(&mut header, 2, u64::from(self.version));
        put_element(&mut header, 3, &timestamp);
        put_bytes(&mut header, 4, self.channel.as_bytes());
        put_bytes(&mut header, 5, self.tx_id.as_bytes());
        put_bytes(&mut header, 8, self.tls_cert_hash);
        header
    }

    /// A serialized `common.Payload` with these headers: what an envelope's signature covers.
    #[must_use]
    pub fn payload(&self, data: &[u8]) -> Vec<u8> {
        let mut header = Vec::new();
        put_element(&mut header, 1, &self.channel_header());
        put_element(&mut header, 2, &self.signature_header());
        let mut payload = Vec::with_capacity(header.len() + data.len() + 16);
        put_element(&mut payload, 1, &header);
        put_bytes(&mut payload, 2, data);
        payload
    }

    /// A serialized `common.Envelope` with these headers, signed by `sign`.
    #[must_use]
    pub fn envelope(&self, data: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let payload = self.payload(data);
        let signature = sign(&payload);
        let mut envelope = Vec::with_capacity(payload.len() + signature.len() + 16);
        put_bytes(&mut envelope, 1, &payload);
        put_bytes(&mut envelope, 2, &signature);
        envelope
    }
}
