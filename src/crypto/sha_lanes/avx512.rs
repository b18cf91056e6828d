//! The compression function over sixteen lanes of 32 bits, with AVX-512.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_epi8, _mm512_loadu_epi32, _mm512_ror_epi32,
    _mm512_set1_epi32, _mm512_set4_epi32, _mm512_shuffle_epi8, _mm512_shuffle_i32x4,
    _mm512_srli_epi32, _mm512_storeu_epi32, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::constants::ROUNDS;
use super::{Block, Compressor, State};
pub(super) use crate::crypto::lanes::Lanes;

/// Chains side by side.
pub(super) const LANES: usize = 16;

/// Word i of the state in lane j stands at `[i][j]`.
type States = [[u32; LANES]; 8];

/// Sixteen chains, on a CPU that has what they need: [`Lanes::compressor`] makes it.
pub(super) struct SideBySide {
    states: States,
}

impl Lanes {
    pub(in crate::crypto::sha_lanes) fn compressor(self) -> SideBySide {
        SideBySide {
            states: [[0; LANES]; 8],
        }
    }
}

impl Compressor<LANES> for SideBySide {
    fn state(&self, lane: usize) -> State {
        self.states
            .map(|word| word.get(lane).copied().unwrap_or_default())
    }

    fn set_state(&mut self, lane: usize, state: State) {
        for (words, new) in self.states.iter_mut().zip(state) {
            if let Some(word) = words.get_mut(lane) {
                *word = new;
            }
        }
    }

    #[expect(unsafe_code, reason = "instructions that not every CPU has")]
    fn compress(&mut self, runs: &[&[Block]; LANES], blocks: usize) {
        // SAFETY: a `Lanes` made this, and who has one found the CPU to have what the function needs.
        unsafe { compress(&mut self.states, runs, blocks) }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn compress(states: &mut States, runs: &[&[Block]; LANES], blocks: usize) {
    let mut state = states.each_ref().map(|word| load_words(word));
    for at in 0..blocks {
        let mut rows = [_mm512_set1_epi32(0); LANES];
        for (row, run) in rows.iter_mut().zip(runs) {
            if let Some(block) = run.get(at) {
                *row = load(block);
            }
        }
        let after = rounds(state, transposed(rows));
        for (word, after) in state.iter_mut().zip(after) {
            *word = _mm512_add_epi32(*word, after);
        }
    }
    for (to, word) in states.iter_mut().zip(state) {
        store_words(to, word);
    }
}

/// One round. The words of the state keep their places: the caller turns their names instead.
macro_rules! round {
    ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $word:expr, $constant:expr) => {
        let before = _mm512_add_epi32(
            _mm512_add_epi32($h, _mm512_add_epi32($word, splat($constant))),
            _mm512_add_epi32(rotations::<6, 11, 25>($e), choice($e, $f, $g)),
        );
        $d = _mm512_add_epi32($d, before);
        $h = _mm512_add_epi32(
            before,
            _mm512_add_epi32(rotations::<2, 13, 22>($a), majority($a, $b, $c)),
        );
    };
}

/// Eight rounds, after which each word has its name again.
macro_rules! eight_rounds {
    ($state:ident, $words:expr, $constants:expr) => {
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = $state;
        let [w0, w1, w2, w3, w4, w5, w6, w7] = $words;
        let [k0, k1, k2, k3, k4, k5, k6, k7] = $constants;
        round!(a b c d e f g h, w0, k0);
        round!(h a b c d e f g, w1, k1);
        round!(g h a b c d e f, w2, k2);
        round!(f g h a b c d e, w3, k3);
        round!(e f g h a b c d, w4, k4);
        round!(d e f g h a b c, w5, k5);
        round!(c d e f g h a b, w6, k6);
        round!(b c d e f g h a, w7, k7);
        $state = [a, b, c, d, e, f, g, h];
    };
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rounds(mut state: [__m512i; 8], mut words: [__m512i; 16]) -> [__m512i; 8] {
    let [first, later @ ..] = &ROUNDS;
    state = sixteen_rounds(state, words, first);
    for constants in later {
        words = next_words(words);
        state = sixteen_rounds(state, words, constants);
    }
    state
}

#[inline]
#[target_feature(enable = "avx512f")]
fn sixteen_rounds(
    mut state: [__m512i; 8],
    words: [__m512i; 16],
    constants: &[u32; 16],
) -> [__m512i; 8] {
    let [w0, w1, w2, w3, w4, w5, w6, w7, later @ ..] = words;
    let [k0, k1, k2, k3, k4, k5, k6, k7, later_constants @ ..] = *constants;
    eight_rounds!(
        state,
        [w0, w1, w2, w3, w4, w5, w6, w7],
        [k0, k1, k2, k3, k4, k5, k6, k7]
    );
    eight_rounds!(state, later, later_constants);
    state
}

/// The message schedule: the sixteen words after these.
#[inline]
#[target_feature(enable = "avx512f")]
fn next_words(words: [__m512i; 16]) -> [__m512i; 16] {
    let [
        w0,
        w1,
        w2,
        w3,
        w4,
        w5,
        w6,
        w7,
        w8,
        w9,
        w10,
        w11,
        w12,
        w13,
        w14,
        w15,
    ] = words;
    let n0 = next_word(w0, w1, w9, w14);
    let n1 = next_word(w1, w2, w10, w15);
    let n2 = next_word(w2, w3, w11, n0);
    let n3 = next_word(w3, w4, w12, n1);
    let n4 = next_word(w4, w5, w13, n2);
    let n5 = next_word(w5, w6, w14, n3);
    let n6 = next_word(w6, w7, w15, n4);
    let n7 = next_word(w7, w8, n0, n5);
    let n8 = next_word(w8, w9, n1, n6);
    let n9 = next_word(w9, w10, n2, n7);
    let n10 = next_word(w10, w11, n3, n8);
    let n11 = next_word(w11, w12, n4, n9);
    let n12 = next_word(w12, w13, n5, n10);
    let n13 = next_word(w13, w14, n6, n11);
    let n14 = next_word(w14, w15, n7, n12);
    let n15 = next_word(w15, n0, n8, n13);
    [
        n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15,
    ]
}

/// The word after those that are 16, 15, 7 and 2 before it.
#[inline]
#[target_feature(enable = "avx512f")]
fn next_word(w16: __m512i, w15: __m512i, w7: __m512i, w2: __m512i) -> __m512i {
    let small_0 = xor(
        _mm512_ror_epi32::<7>(w15),
        _mm512_ror_epi32::<18>(w15),
        _mm512_srli_epi32::<3>(w15),
    );
    let small_1 = xor(
        _mm512_ror_epi32::<17>(w2),
        _mm512_ror_epi32::<19>(w2),
        _mm512_srli_epi32::<10>(w2),
    );
    _mm512_add_epi32(
        _mm512_add_epi32(w16, w7),
        _mm512_add_epi32(small_0, small_1),
    )
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rotations<const ONE: i32, const TWO: i32, const THREE: i32>(word: __m512i) -> __m512i {
    xor(
        _mm512_ror_epi32::<ONE>(word),
        _mm512_ror_epi32::<TWO>(word),
        _mm512_ror_epi32::<THREE>(word),
    )
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(one: __m512i, two: __m512i, three: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(one, two, three)
}

/// Bits of `two` where `one` is set, else of `three`.
#[inline]
#[target_feature(enable = "avx512f")]
fn choice(one: __m512i, two: __m512i, three: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xca>(one, two, three)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(one: __m512i, two: __m512i, three: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xe8>(one, two, three)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> __m512i {
    _mm512_set1_epi32(word.cast_signed())
}

/// The words of sixteen blocks, one block in each row, as one vector of lanes for each word.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transposed(rows: [__m512i; LANES]) -> [__m512i; 16] {
    let [
        r0,
        r1,
        r2,
        r3,
        r4,
        r5,
        r6,
        r7,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
    ] = rows;
    // Word 4 q + i of four rows stands in quarter q of vector i.
    let [a0, a1, a2, a3] = four_rows([r0, r1, r2, r3]);
    let [b0, b1, b2, b3] = four_rows([r4, r5, r6, r7]);
    let [c0, c1, c2, c3] = four_rows([r8, r9, r10, r11]);
    let [d0, d1, d2, d3] = four_rows([r12, r13, r14, r15]);
    let [w0, w4, w8, w12] = quarters([a0, b0, c0, d0]);
    let [w1, w5, w9, w13] = quarters([a1, b1, c1, d1]);
    let [w2, w6, w10, w14] = quarters([a2, b2, c2, d2]);
    let [w3, w7, w11, w15] = quarters([a3, b3, c3, d3]);
    [
        w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15,
    ]
}

/// Word j of each quarter of row i becomes word i of this quarter of vector j, with its bytes turned
/// round.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn four_rows([r0, r1, r2, r3]: [__m512i; 4]) -> [__m512i; 4] {
    let low_01 = _mm512_unpacklo_epi32(r0, r1);
    let low_23 = _mm512_unpacklo_epi32(r2, r3);
    let high_01 = _mm512_unpackhi_epi32(r0, r1);
    let high_23 = _mm512_unpackhi_epi32(r2, r3);
    [
        big_endian(_mm512_unpacklo_epi64(low_01, low_23)),
        big_endian(_mm512_unpackhi_epi64(low_01, low_23)),
        big_endian(_mm512_unpacklo_epi64(high_01, high_23)),
        big_endian(_mm512_unpackhi_epi64(high_01, high_23)),
    ]
}

/// Quarter j of vector i becomes quarter i of vector j.
#[inline]
#[target_feature(enable = "avx512f")]
fn quarters([v0, v1, v2, v3]: [__m512i; 4]) -> [__m512i; 4] {
    const EVEN: i32 = 0x88;
    const ODD: i32 = 0xdd;
    let even_01 = _mm512_shuffle_i32x4::<EVEN>(v0, v1);
    let odd_01 = _mm512_shuffle_i32x4::<ODD>(v0, v1);
    let even_23 = _mm512_shuffle_i32x4::<EVEN>(v2, v3);
    let odd_23 = _mm512_shuffle_i32x4::<ODD>(v2, v3);
    [
        _mm512_shuffle_i32x4::<EVEN>(even_01, even_23),
        _mm512_shuffle_i32x4::<EVEN>(odd_01, odd_23),
        _mm512_shuffle_i32x4::<ODD>(even_01, even_23),
        _mm512_shuffle_i32x4::<ODD>(odd_01, odd_23),
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big_endian(words: __m512i) -> __m512i {
    let order = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    _mm512_shuffle_epi8(words, order)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
fn load(block: &Block) -> __m512i {
    // SAFETY: the pointer comes from a reference to 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_epi8(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
fn load_words(words: &[u32; LANES]) -> __m512i {
    // SAFETY: the pointer comes from a reference to 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_epi32(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
fn store_words(to: &mut [u32; LANES], words: __m512i) {
    // SAFETY: the pointer comes from a reference to 64 bytes that are this function's to write.
    unsafe { _mm512_storeu_epi32(to.as_mut_ptr().cast(), words) }
}
