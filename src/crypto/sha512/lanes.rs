//! Eight messages side by side, in the lanes of AVX-512.
//!
//! Eight messages take about as long as three take in the library, so they must be of similar lengths,
//! and few are left to the library. Messages are sorted by their blocks, and those of one group differ by
//! a factor of two at most. They are copied, with their padding; so long ones are left to the library, too.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_mask_mov_epi64, _mm512_ror_epi64, _mm512_set_epi64,
    _mm512_set1_epi64, _mm512_shuffle_epi8, _mm512_srli_epi64, _mm512_ternarylogic_epi64,
};

use super::{Digest512, Pieces, sha512};
use crate::crypto::lanes::{LANES, Lanes, row_of_bytes, to_row, transposed};
use crate::limits::SHA512_LANE_BYTES_MAX;

/// Fewer messages of similar lengths than this are hashed one by one.
const GROUP_MIN: usize = 4;

const BLOCK_BYTES: usize = 128;

/// Blocks of the longest message that is copied: longer ones are hashed one by one.
const BLOCKS_MAX: usize = SHA512_LANE_BYTES_MAX / BLOCK_BYTES;

type Block = [u8; BLOCK_BYTES];

/// The digests of messages, in their order.
#[expect(unsafe_code, reason = "instructions that not every CPU has")]
pub(in crate::crypto) fn sha512_all(_: Lanes, messages: &[Pieces<'_>]) -> Vec<Digest512> {
    let mut digests = vec![[0; 64]; messages.len()];
    let mut order: Vec<(usize, usize)> = messages.iter().map(blocks).zip(0..).collect();
    order.sort_unstable();
    let mut rest = order.as_slice();
    let mut buffers: [Vec<u8>; LANES] = Default::default();
    while let Some(&(shortest, _)) = rest.first() {
        let longest = (2 * shortest).min(BLOCKS_MAX);
        let similar = rest.partition_point(|&(blocks, _)| blocks <= longest);
        let (group, others) = rest.split_at(similar.clamp(1, LANES));
        rest = others;
        let members = group.iter().filter_map(|&(_, at)| messages.get(at));
        let found = if group.len() < GROUP_MIN {
            let mut found = [[0; 64]; LANES];
            for (digest, pieces) in found.iter_mut().zip(members) {
                *digest = sha512(pieces);
            }
            found
        } else {
            buffers.iter_mut().for_each(Vec::clear);
            for (buffer, pieces) in buffers.iter_mut().zip(members) {
                pad(pieces, buffer);
            }
            // SAFETY: who has a `Lanes` found the CPU to have what the function needs.
            unsafe { digest_lanes(&buffers) }
        };
        for (&(_, at), digest) in group.iter().zip(found) {
            if let Some(to) = digests.get_mut(at) {
                *to = digest;
            }
        }
    }
    digests
}

/// Blocks of a message with its padding: a byte at least and the length in 16.
fn blocks(pieces: &Pieces<'_>) -> usize {
    let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
    (bytes + 17).div_ceil(BLOCK_BYTES)
}

/// The blocks of a message.
fn pad(pieces: &Pieces<'_>, to: &mut Vec<u8>) {
    for piece in pieces {
        to.extend_from_slice(piece);
    }
    let bits = 8 * to.len() as u128;
    to.push(0x80);
    to.resize(blocks(pieces) * BLOCK_BYTES - 16, 0);
    to.extend_from_slice(&bits.to_be_bytes());
}

/// The digests of padded messages; no message, no digest.
#[target_feature(enable = "avx512f,avx512bw")]
fn digest_lanes(messages: &[Vec<u8>; LANES]) -> [Digest512; LANES] {
    let lanes = messages
        .each_ref()
        .map(|message| message.as_chunks::<BLOCK_BYTES>().0);
    let most = lanes.iter().map(|blocks| blocks.len()).max();
    let mut state = INITIAL.map(|word| splat(word));
    for at in 0..most.unwrap_or(0) {
        let blocks = lanes.map(|blocks| blocks.get(at));
        state = compressed(state, blocks);
    }
    let words = state.map(|word| to_row(word));
    let mut digests = [[0; 64]; LANES];
    for (lane, digest) in digests.iter_mut().enumerate() {
        for (to, row) in digest.as_chunks_mut::<8>().0.iter_mut().zip(&words) {
            *to = row.get(lane).copied().unwrap_or(0).to_be_bytes();
        }
    }
    digests
}

/// One more block for every lane that has one.
#[target_feature(enable = "avx512f,avx512bw")]
fn compressed(state: [__m512i; 8], blocks: [Option<&Block>; LANES]) -> [__m512i; 8] {
    let mut live = 0;
    for (lane, block) in blocks.iter().enumerate() {
        live |= u8::from(block.is_some()) << lane;
    }
    let half = |second: bool| {
        let rows = blocks.map(|block| {
            let (halves, _) = block.unwrap_or(&[0; BLOCK_BYTES]).as_chunks::<64>();
            let half = if second {
                halves.last()
            } else {
                halves.first()
            };
            row_of_bytes(half.unwrap_or(&[0; 64]))
        });
        transposed(rows).map(|words| from_big_endian(words))
    };
    let ([w0, w1, w2, w3, w4, w5, w6, w7], [w8, w9, w10, w11, w12, w13, w14, w15]) =
        (half(false), half(true));
    let schedule = [
        w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15,
    ];
    let after = rounds(state, schedule);
    let [s0, s1, s2, s3, s4, s5, s6, s7] = state;
    let [a0, a1, a2, a3, a4, a5, a6, a7] = after;
    let sum = |s, a| _mm512_mask_mov_epi64(s, live, _mm512_add_epi64(s, a));
    [
        sum(s0, a0),
        sum(s1, a1),
        sum(s2, a2),
        sum(s3, a3),
        sum(s4, a4),
        sum(s5, a5),
        sum(s6, a6),
        sum(s7, a7),
    ]
}

/// The 80 rounds: sixteen by sixteen, each of which replaces a word of the schedule by the one sixteen
/// rounds later.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rounds(state: [__m512i; 8], schedule: [__m512i; 16]) -> [__m512i; 8] {
    let (mut state, mut w) = (state, schedule);
    for constants in &ROUND_CONSTANTS {
        macro_rules! step {
            ($at:literal, $plus_1:literal, $plus_9:literal, $plus_14:literal) => {
                let constant = splat(constants[$at]);
                state = round(state, _mm512_add_epi64(w[$at], constant));
                let more = _mm512_add_epi64(small_sigma_0(w[$plus_1]), w[$plus_9]);
                let more = _mm512_add_epi64(more, small_sigma_1(w[$plus_14]));
                w[$at] = _mm512_add_epi64(w[$at], more);
            };
        }
        step!(0, 1, 9, 14);
        step!(1, 2, 10, 15);
        step!(2, 3, 11, 0);
        step!(3, 4, 12, 1);
        step!(4, 5, 13, 2);
        step!(5, 6, 14, 3);
        step!(6, 7, 15, 4);
        step!(7, 8, 0, 5);
        step!(8, 9, 1, 6);
        step!(9, 10, 2, 7);
        step!(10, 11, 3, 8);
        step!(11, 12, 4, 9);
        step!(12, 13, 5, 10);
        step!(13, 14, 6, 11);
        step!(14, 15, 7, 12);
        step!(15, 0, 8, 13);
    }
    state
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn round([a, b, c, d, e, f, g, h]: [__m512i; 8], word: __m512i) -> [__m512i; 8] {
    let one = _mm512_add_epi64(_mm512_add_epi64(h, word), big_sigma_1(e));
    let one = _mm512_add_epi64(one, _mm512_ternarylogic_epi64::<CHOICE>(e, f, g));
    let two = _mm512_ternarylogic_epi64::<MAJORITY>(a, b, c);
    let two = _mm512_add_epi64(big_sigma_0(a), two);
    [
        _mm512_add_epi64(one, two),
        a,
        b,
        c,
        _mm512_add_epi64(d, one),
        e,
        f,
        g,
    ]
}

// Truth tables of three bits.
const XOR: i32 = 0x96;
const CHOICE: i32 = 0xca;
const MAJORITY: i32 = 0xe8;

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<XOR>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big_sigma_0(x: __m512i) -> __m512i {
    xor(
        _mm512_ror_epi64::<28>(x),
        _mm512_ror_epi64::<34>(x),
        _mm512_ror_epi64::<39>(x),
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big_sigma_1(x: __m512i) -> __m512i {
    xor(
        _mm512_ror_epi64::<14>(x),
        _mm512_ror_epi64::<18>(x),
        _mm512_ror_epi64::<41>(x),
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn small_sigma_0(x: __m512i) -> __m512i {
    xor(
        _mm512_ror_epi64::<1>(x),
        _mm512_ror_epi64::<8>(x),
        _mm512_srli_epi64::<7>(x),
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn small_sigma_1(x: __m512i) -> __m512i {
    xor(
        _mm512_ror_epi64::<19>(x),
        _mm512_ror_epi64::<61>(x),
        _mm512_srli_epi64::<6>(x),
    )
}

/// Turns the bytes of each word over.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn from_big_endian(words: __m512i) -> __m512i {
    let (low, high) = (0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let order = _mm512_set_epi64(high, low, high, low, high, low, high, low);
    _mm512_shuffle_epi8(words, order)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat(word: u64) -> __m512i {
    _mm512_set1_epi64(word.cast_signed())
}

// FIPS 180-4, 4.2.3 and 5.3.5.
const ROUND_CONSTANTS: [[u64; 16]; 5] = [
    [
        0x428a_2f98_d728_ae22,
        0x7137_4491_23ef_65cd,
        0xb5c0_fbcf_ec4d_3b2f,
        0xe9b5_dba5_8189_dbbc,
        0x3956_c25b_f348_b538,
        0x59f1_11f1_b605_d019,
        0x923f_82a4_af19_4f9b,
        0xab1c_5ed5_da6d_8118,
        0xd807_aa98_a303_0242,
        0x1283_5b01_4570_6fbe,
        0x2431_85be_4ee4_b28c,
        0x550c_7dc3_d5ff_b4e2,
        0x72be_5d74_f27b_896f,
        0x80de_b1fe_3b16_96b1,
        0x9bdc_06a7_25c7_1235,
        0xc19b_f174_cf69_2694,
    ],
    [
        0xe49b_69c1_9ef1_4ad2,
        0xefbe_4786_384f_25e3,
        0x0fc1_9dc6_8b8c_d5b5,
        0x240c_a1cc_77ac_9c65,
        0x2de9_2c6f_592b_0275,
        0x4a74_84aa_6ea6_e483,
        0x5cb0_a9dc_bd41_fbd4,
        0x76f9_88da_8311_53b5,
        0x983e_5152_ee66_dfab,
        0xa831_c66d_2db4_3210,
        0xb003_27c8_98fb_213f,
        0xbf59_7fc7_beef_0ee4,
        0xc6e0_0bf3_3da8_8fc2,
        0xd5a7_9147_930a_a725,
        0x06ca_6351_e003_826f,
        0x1429_2967_0a0e_6e70,
    ],
    [
        0x27b7_0a85_46d2_2ffc,
        0x2e1b_2138_5c26_c926,
        0x4d2c_6dfc_5ac4_2aed,
        0x5338_0d13_9d95_b3df,
        0x650a_7354_8baf_63de,
        0x766a_0abb_3c77_b2a8,
        0x81c2_c92e_47ed_aee6,
        0x9272_2c85_1482_353b,
        0xa2bf_e8a1_4cf1_0364,
        0xa81a_664b_bc42_3001,
        0xc24b_8b70_d0f8_9791,
        0xc76c_51a3_0654_be30,
        0xd192_e819_d6ef_5218,
        0xd699_0624_5565_a910,
        0xf40e_3585_5771_202a,
        0x106a_a070_32bb_d1b8,
    ],
    [
        0x19a4_c116_b8d2_d0c8,
        0x1e37_6c08_5141_ab53,
        0x2748_774c_df8e_eb99,
        0x34b0_bcb5_e19b_48a8,
        0x391c_0cb3_c5c9_5a63,
        0x4ed8_aa4a_e341_8acb,
        0x5b9c_ca4f_7763_e373,
        0x682e_6ff3_d6b2_b8a3,
        0x748f_82ee_5def_b2fc,
        0x78a5_636f_4317_2f60,
        0x84c8_7814_a1f0_ab72,
        0x8cc7_0208_1a64_39ec,
        0x90be_fffa_2363_1e28,
        0xa450_6ceb_de82_bde9,
        0xbef9_a3f7_b2c6_7915,
        0xc671_78f2_e372_532b,
    ],
    [
        0xca27_3ece_ea26_619c,
        0xd186_b8c7_21c0_c207,
        0xeada_7dd6_cde0_eb1e,
        0xf57d_4f7f_ee6e_d178,
        0x06f0_67aa_7217_6fba,
        0x0a63_7dc5_a2c8_98a6,
        0x113f_9804_bef9_0dae,
        0x1b71_0b35_131c_471b,
        0x28db_77f5_2304_7d84,
        0x32ca_ab7b_40c7_2493,
        0x3c9e_be0a_15c9_bebc,
        0x431d_67c4_9c10_0d4c,
        0x4cc5_d4be_cb3e_42b6,
        0x597f_299c_fc65_7e2a,
        0x5fcb_6fab_3ad6_faec,
        0x6c44_198c_4a47_5817,
    ],
];

const INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];
