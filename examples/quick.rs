use heddle::testing::sequential::SequentialChannel;
use heddle::types::ChannelId;
use std::io::Read;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut bytes = Vec::new();
    std::fs::File::open(&args[2]).unwrap().read_to_end(&mut bytes).unwrap();
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) { bytes = zstd::decode_all(&bytes[..]).unwrap(); }
    let mut rest = &bytes[..];
    let name = { let mut r = rest; let len = heddle::proto::wire::take_varint(&mut r).unwrap() as usize; heddle::channel::channel_id_of_config_block(&r[..len]).unwrap() }; let _ = ChannelId::new("a"); let mut channel = SequentialChannel::new(name);
    while !rest.is_empty() {
        let len = heddle::proto::wire::take_varint(&mut rest).unwrap() as usize;
        let (b, r) = rest.split_at(len); rest = r;
        match channel.commit(bytes::Bytes::copy_from_slice(b)) {
            Ok(v) => {
                for (i, (tx, code)) in v.decoded().contents().transactions.iter().zip(v.codes()).enumerate() {
                    println!("{{\"block\":{},\"tx\":{i},\"txid\":\"{}\",\"type\":{},\"code\":{},\"code_name\":\"{}\"}}", v.decoded().number(), tx.claimed_id, tx.header_type.unwrap_or(-1), code.number(), code);
                }
                println!("{{\"block\":{},\"header_hash\":\"{}\",\"commit_hash\":\"{}\"}}", v.decoded().number(), v.decoded().header_hash(), v.commit_hash().map(|h| h.to_string()).unwrap_or_default());
            }
            Err(e) => { eprintln!("STOP {e} {e:?}"); std::process::exit(1) }
        }
    }
    use base64::Engine;
    let b64 = base64::engine::general_purpose::STANDARD;
    let mut out = std::fs::File::create(&args[3]).unwrap();
    use std::io::Write;
    for ((ns, key), st) in &channel.frontier().state().keys {
        writeln!(out, "{{\"ns\":\"{}\",\"key\":\"{}\",\"value\":\"{}\",\"metadata\":\"{}\",\"block\":{},\"tx\":{}}}", ns.as_ref(), b64.encode(key), b64.encode(&st.value), b64.encode(&st.metadata), st.version.block, st.version.tx).unwrap();
    }
}
