//! Readers, generated types and definitions describe the same messages.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use crate::proto::tests::bytes;
use crate::proto::tests::readers::{READERS, Reader};
use crate::proto::wire::low_u32;

/// The definitions by full name, without the leading dot.
pub(crate) struct Definitions {
    messages: BTreeMap<String, DescriptorProto>,
    enums: BTreeMap<String, EnumDescriptorProto>,
}

impl Definitions {
    pub(crate) fn load() -> Self {
        let bytes = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
        let set = FileDescriptorSet::decode(bytes.as_slice()).expect("our own definitions");
        let mut all = Self {
            messages: BTreeMap::new(),
            enums: BTreeMap::new(),
        };
        for file in &set.file {
            for message in &file.message_type {
                all.add(file.package(), message);
            }
            for definition in &file.enum_type {
                let name = format!("{}.{}", file.package(), definition.name());
                all.enums.insert(name, definition.clone());
            }
        }
        all
    }

    fn add(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for nested in &message.nested_type {
            self.add(&name, nested);
        }
        for definition in &message.enum_type {
            self.enums
                .insert(format!("{name}.{}", definition.name()), definition.clone());
        }
        self.messages.insert(name, message.clone());
    }

    fn message(&self, name: &str) -> &DescriptorProto {
        let name = name.trim_start_matches('.');
        self.messages
            .get(name)
            .unwrap_or_else(|| panic!("no message {name}"))
    }

    /// A field's kind in the words of `wire_message!`.
    fn kind(&self, field: &FieldDescriptorProto) -> String {
        let repeated = field.label() == Label::Repeated;
        let inner = field
            .type_name()
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_lowercase();
        match (field.r#type(), repeated) {
            (Type::Message, true) => {
                let message = self.message(field.type_name());
                if message
                    .options
                    .as_ref()
                    .is_some_and(|options| options.map_entry())
                {
                    let value = self.kind(&message.field[1]);
                    let inner = value.trim_start_matches("message(").trim_end_matches(')');
                    return format!("map({inner})");
                }
                format!("repeated({inner})")
            }
            (Type::Message, false) => format!("message({inner})"),
            (Type::Bytes, true) => "repeated_bytes".to_owned(),
            (Type::String, true) => "repeated_string".to_owned(),
            (Type::Bytes, false) => "bytes".to_owned(),
            (Type::String, false) => "string".to_owned(),
            (Type::Uint64, false) => "u64".to_owned(),
            (Type::Uint32, false) => "u32".to_owned(),
            (Type::Int64, false) => "i64".to_owned(),
            (Type::Int32 | Type::Enum, false) => "i32".to_owned(),
            (Type::Bool, false) => "bool".to_owned(),
            other => format!("{other:?}"),
        }
    }
}

/// `super::msp::Inner<'a>` and `RwVersion` as the definitions call them.
fn reader_kind(kind: &str) -> String {
    let kind = kind.replace("<'a>", "").replace(' ', "").to_lowercase();
    let kind = kind
        .replace("rwversion", "version")
        .replace("rawbytes", "bytes");
    match kind.split_once('(') {
        Some((outer, inner)) => {
            format!("{outer}({}", inner.rsplit("::").next().unwrap_or_default())
        }
        None => kind,
    }
}

#[test]
fn each_reader_has_all_fields_of_its_message() {
    let definitions = Definitions::load();
    for reader in READERS.iter().filter(|reader| !reader.fields.is_empty()) {
        let defined: Vec<_> = definitions
            .message(reader.name)
            .field
            .iter()
            .map(|field| {
                (
                    field.name().replace("TransientMap", "transient_map"),
                    field.number(),
                    definitions.kind(field),
                )
            })
            .collect();
        let read: Vec<_> = reader
            .fields
            .iter()
            .map(|(name, number, kind)| {
                let name = name.trim_start_matches("r#").to_owned();
                (name, i32::try_from(*number).unwrap(), reader_kind(kind))
            })
            .collect();
        assert_eq!(read, defined, "{}", reader.name);
    }
}

#[test]
fn definitions_state_the_facts_of_the_protocol() {
    let definitions = Definitions::load();
    let facts = include_str!("facts.txt").lines();
    for fact in facts.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let parts: Vec<_> = fact.split(' ').collect();
        let (found, stated) = match *parts {
            [message, field, number, kind] => {
                let fields = &definitions.message(message).field;
                let found = fields.iter().find(|candidate| candidate.name() == field);
                let found = found.unwrap_or_else(|| panic!("{message} has no field {field}"));
                assert_eq!(definitions.kind(found), kind, "{fact}");
                (found.number().to_string(), number)
            }
            [name, value, number] => {
                let found = definitions.enums.get(name).and_then(|definition| {
                    definition
                        .value
                        .iter()
                        .find(|candidate| candidate.name() == value)
                });
                let found = found.unwrap_or_else(|| panic!("no value {name}.{value}"));
                (found.number().to_string(), number)
            }
            _ => panic!("three or four words: {fact}"),
        };
        assert_eq!(found, stated, "{fact}");
    }
}

/// Draws numbers from proptest's bytes; zeros when they are used up, so that messages end.
pub(crate) struct Entropy<'a>(pub(crate) &'a [u8]);

impl Entropy<'_> {
    fn below(&mut self, bound: u8) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first % bound
    }

    fn integer(&mut self) -> u64 {
        const INTERESTING: [u64; 8] = [
            1,
            2,
            127,
            128,
            i32::MAX as u64,
            u32::MAX as u64,
            i64::MAX as u64,
            u64::MAX,
        ];
        INTERESTING[usize::from(self.below(8))]
    }
}

/// A message by its definition: known fields only, with values of every size.
pub(crate) fn draw(
    definitions: &Definitions,
    name: &str,
    entropy: &mut Entropy<'_>,
    depth: u32,
) -> Vec<u8> {
    let message = definitions.message(name);
    let map_entry = message
        .options
        .as_ref()
        .is_some_and(|options| options.map_entry());
    let mut chosen = vec![None; message.oneof_decl.len()];
    let mut out = Vec::new();
    for field in &message.field {
        let mut count = match field.label() {
            Label::Repeated => entropy.below(4),
            _ if map_entry => 1,
            Label::Optional | Label::Required => entropy.below(2),
        };
        if let Some(index) = field.oneof_index {
            let choice = &mut chosen[usize::try_from(index).unwrap()];
            count = if choice.is_some() { 0 } else { count };
            *choice = choice.or((count > 0).then_some(field.number()));
        }
        for _ in 0..count {
            draw_field(definitions, field, entropy, depth, &mut out);
        }
    }
    out
}

fn draw_field(
    definitions: &Definitions,
    field: &FieldDescriptorProto,
    entropy: &mut Entropy<'_>,
    depth: u32,
    out: &mut Vec<u8>,
) {
    let number = u32::try_from(field.number()).unwrap();
    let inner = match field.r#type() {
        Type::Message if depth == 0 => return,
        Type::Message => draw(definitions, field.type_name(), entropy, depth - 1),
        Type::String => {
            ["a", "key", "\u{0}", "\u{10ffff}\u{e9}"][usize::from(entropy.below(4))].into()
        }
        Type::Bytes => vec![0xff; usize::from(entropy.below(200)) + 1],
        Type::Bool => return out.extend(bytes::number(u64::from(number), 1)),
        Type::Int32 | Type::Enum => {
            let value = i64::from(low_u32(entropy.integer()).cast_signed()).cast_unsigned();
            return out.extend(bytes::number(u64::from(number), value));
        }
        Type::Uint32 => {
            return out.extend(bytes::number(
                u64::from(number),
                entropy.integer() & 0xffff_ffff,
            ));
        }
        Type::Uint64 | Type::Int64 => {
            return out.extend(bytes::number(u64::from(number), entropy.integer()));
        }
        Type::Double
        | Type::Float
        | Type::Fixed64
        | Type::Fixed32
        | Type::Group
        | Type::Sfixed32
        | Type::Sfixed64
        | Type::Sint32
        | Type::Sint64 => panic!("no reader has a field of this type: {field:?}"),
    };
    out.extend(bytes::bytes(number, &inner));
}

/// What a reader reads and what the generated type reads is the same, field by field.
fn check_agreement(reader: &Reader, input: &[u8]) {
    let generated = (reader.generated)(input).unwrap();
    let read = (reader.read)(input).unwrap();
    assert_eq!(
        (reader.generated)(&read).unwrap(),
        generated,
        "{} {input:02x?}",
        reader.name
    );
    assert_eq!(
        (reader.read)(&generated).unwrap(),
        read,
        "{} {input:02x?}",
        reader.name
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn readers_agree_with_generated_types(entropy in prop::collection::vec(any::<u8>(), 0..300)) {
        let definitions = Definitions::load();
        for reader in READERS {
            let input = draw(&definitions, reader.name, &mut Entropy(&entropy), 6);
            check_agreement(reader, &input);
        }
    }
}
