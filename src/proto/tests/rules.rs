//! The rules of [`wire`](crate::proto::wire)'s documentation that need more than a line of hex: nesting,
//! errors by name, positions, and what the writers write.

use crate::proto::tests::bytes::{bytes, group, groups, long_varint, nest, number, tag, varint};
use crate::proto::tests::readers::Reader;
use crate::proto::wire::{
    Field, Fields, MESSAGE_DEPTH_MAX, Value, WireError, put_bytes, put_element, put_uint,
    put_varint, take_varint, varint_len,
};
use crate::proto::{common, wire::Message};

/// Deep nesting needs a deep stack: the threads that decode have one.
fn on_deep_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(crate::limits::WORKER_STACK_BYTES);
    thread
        .spawn(test)
        .expect("a thread")
        .join()
        .expect("the test passes");
}

#[track_caller]
fn check_depth(message: &str, input: &[u8], fits: bool) {
    let read = (Reader::of(message).read)(input);
    match fits {
        true => assert!(read.is_ok(), "{message}: {read:?}"),
        false => assert_eq!(read, Err(WireError::Depth), "{message}"),
    }
}

/// A level of a signature policy is two messages: the policy and its gate.
fn gates(levels: usize) -> Vec<u8> {
    nest(levels, number(1, 0), |inner| bytes(2, &bytes(2, inner)))
}

/// A level of groups is two, too: the entry of the map and the group.
fn config_groups(levels: usize, leaf: Vec<u8>) -> Vec<u8> {
    nest(levels, leaf, |inner| bytes(2, &bytes(2, inner)))
}

#[test]
fn messages_nest_as_deep_as_in_go() {
    assert_eq!(MESSAGE_DEPTH_MAX, 10_000);
    on_deep_stack(|| {
        for (message, input, fits) in [
            ("common.SignaturePolicy", gates(4_999), true),
            ("common.SignaturePolicy", gates(5_000), false),
            (
                "common.SignaturePolicyEnvelope",
                bytes(2, &gates(4_999)),
                true,
            ),
            (
                "common.SignaturePolicyEnvelope",
                bytes(2, &gates(5_000)),
                false,
            ),
            (
                "protos.ApplicationPolicy",
                bytes(1, &bytes(2, &gates(4_998))),
                true,
            ),
            (
                "protos.ApplicationPolicy",
                bytes(1, &bytes(2, &gates(4_999))),
                false,
            ),
            (
                "common.ConfigGroup",
                config_groups(4_999, number(1, 1)),
                true,
            ),
            (
                "common.ConfigGroup",
                config_groups(5_000, number(1, 1)),
                false,
            ),
        ] {
            check_depth(message, &input, fits);
        }
    });
}

#[test]
fn a_map_counts_its_entry_before_it_looks_at_the_wire_type() {
    on_deep_stack(|| {
        let number_for_map = number(2, 1);
        let config = |levels| bytes(2, &config_groups(levels, number_for_map.clone()));
        check_depth("common.Config", &config(4_998), true);
        check_depth("common.Config", &config(4_999), false);
        let empty_entry = |levels| config_groups(levels, bytes(2, b""));
        check_depth("common.ConfigGroup", &empty_entry(4_999), true);
        let value_in_entry = |levels| config_groups(levels, bytes(2, &bytes(2, b"")));
        check_depth("common.ConfigGroup", &value_in_entry(4_999), false);
        let other_field = bytes(2, &config_groups(4_999, number(6, 1)));
        check_depth("common.Config", &other_field, true);
    });
}

#[test]
fn unknown_groups_nest_one_deeper_and_from_the_start_wherever_they_are() {
    let most = MESSAGE_DEPTH_MAX as usize + 1;
    check_depth("common.LastConfig", &groups(9, most), true);
    check_depth("common.LastConfig", &groups(9, most + 1), false);
    check_depth("common.Block", &bytes(1, &groups(9, most)), true);
    check_depth("common.Block", &bytes(1, &groups(9, most + 1)), false);
}

#[test]
fn a_group_without_end_is_refused_without_a_deep_stack() {
    let opened = tag(9, 3).repeat(1_000_000);
    assert_eq!(common::LastConfig::decode(&opened), Err(WireError::Depth));
}

#[test]
fn errors_say_what_is_wrong() {
    for (input, expected) in [
        (tag(1, 2), WireError::Truncated),
        (
            [tag(1, 2), varint(2), vec![0]].concat(),
            WireError::Truncated,
        ),
        (tag(9, 3), WireError::Truncated),
        (vec![0x80; 10], WireError::VarintOverflow),
        (number(0, 1), WireError::FieldNumber),
        (number(1 << 29, 1), WireError::FieldNumber),
        (group(9, &number(1 << 31, 1)), WireError::FieldNumber),
        (tag(9, 6), WireError::WireType),
        (tag(9, 7), WireError::WireType),
        (tag(9, 4), WireError::Group),
        ([tag(9, 3), tag(8, 4)].concat(), WireError::Group),
        (bytes(4, b"\xff"), WireError::Utf8),
    ] {
        assert_eq!(
            common::ChannelHeader::decode(&input),
            Err(expected),
            "{input:02x?}"
        );
    }
}

#[test]
fn fields_tell_number_value_and_raw_bytes() {
    let fixed32 = [tag(3, 5), 7_u32.to_le_bytes().to_vec()].concat();
    let fixed64 = [tag(4, 1), 8_u64.to_le_bytes().to_vec()].concat();
    let padded = [long_varint(1 << 3, 3), long_varint(5, 4)].concat();
    let message = [
        padded,
        bytes(2, b"ab"),
        fixed32,
        fixed64,
        group(5, &number(1, 1)),
    ]
    .concat();
    let mut fields = Fields::new(&message);
    for (number, wire_type, value, raw) in [
        (1, 0, Value::Varint(5), &[0x85, 0x80, 0x80, 0][..]),
        (2, 2, Value::Bytes(b"ab"), b"\x02ab"),
        (3, 5, Value::Fixed32(7), &[7, 0, 0, 0]),
        (4, 1, Value::Fixed64(8), &[8, 0, 0, 0, 0, 0, 0, 0]),
        (5, 3, Value::Group(&[8, 1, 0x2c]), &[8, 1, 0x2c]),
    ] {
        let expected = Field {
            number,
            value,
            wire_type,
            raw,
        };
        assert_eq!(fields.next_field(), Ok(Some(expected)));
    }
    assert_eq!(fields.next_field(), Ok(None));
    assert_eq!(fields.rest(), b"");
}

#[test]
fn everything_read_borrows_from_the_input() {
    let input = bytes(1, &[b'p'; 40]);
    let envelope = common::Envelope::decode(&input).unwrap();
    assert!(input.as_ptr_range().contains(&envelope.payload.as_ptr()));
}

#[test]
fn varints_of_every_length_round_trip() {
    for value in (0..64)
        .flat_map(|bit| [1_u64 << bit, (1 << bit) - 1])
        .chain([u64::MAX])
    {
        let mut out = Vec::new();
        put_varint(&mut out, value);
        assert_eq!(out.len(), varint_len(value), "{value}");
        for length in out.len()..=10 {
            let long = [long_varint(value, length), vec![0xaa]].concat();
            let mut rest = long.as_slice();
            assert_eq!(take_varint(&mut rest), Ok(value));
            assert_eq!(rest, [0xaa], "takes its own bytes only");
            for cut in 0..length {
                assert_eq!(take_varint(&mut &long[..cut]), Err(WireError::Truncated));
            }
        }
    }
}

#[test]
fn writers_write_the_canonical_form() {
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        out
    };
    assert_eq!(written(&|out| put_uint(out, 1, 0)), b"");
    assert_eq!(
        written(&|out| put_uint(out, 16, 300)),
        [0x80, 0x01, 0xac, 0x02]
    );
    assert_eq!(written(&|out| put_bytes(out, 1, b"")), b"");
    assert_eq!(written(&|out| put_bytes(out, 1, b"ab")), b"\x0a\x02ab");
    assert_eq!(written(&|out| put_element(out, 1, b"")), b"\x0a\x00");
    assert_eq!(written(&|out| put_element(out, 2, b"ab")), b"\x12\x02ab");
}
