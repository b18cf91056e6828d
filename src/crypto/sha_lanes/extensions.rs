//! The compression function with the CPU's SHA instructions, on several chains in turns.
//!
//! Four rounds of a chain wait for the four before them, for longer than they take: meanwhile those of
//! other chains go on.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x,
    _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
    _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128,
};

use super::constants::ROUNDS;
use super::{Block, Compressor, State};

/// Says that this CPU has the SHA instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extensions(());

impl Extensions {
    /// `None` where the CPU lacks them.
    pub(super) fn detect() -> Option<Self> {
        // Each check is a load and a test.
        let all = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("ssse3");
        all.then_some(Self(()))
    }

    pub(super) fn compressor<const LANES: usize>(self) -> InTurns<LANES> {
        InTurns {
            states: [[0; 8]; LANES],
        }
    }
}

/// Chains in turns, on a CPU that has what they need: [`Extensions::compressor`] makes it.
pub(super) struct InTurns<const LANES: usize> {
    states: [State; LANES],
}

impl<const LANES: usize> Compressor<LANES> for InTurns<LANES> {
    fn state(&self, lane: usize) -> State {
        self.states.get(lane).copied().unwrap_or_default()
    }

    fn set_state(&mut self, lane: usize, state: State) {
        if let Some(place) = self.states.get_mut(lane) {
            *place = state;
        }
    }

    #[expect(unsafe_code, reason = "instructions that not every CPU has")]
    fn compress(&mut self, runs: &[&[Block]; LANES], blocks: usize) {
        // SAFETY: `Extensions` made this, and who has them found the CPU to have what the function needs.
        unsafe { compress(&mut self.states, runs, blocks) }
    }
}

/// The words of a state as the instructions take them.
#[derive(Clone, Copy)]
struct Words {
    /// a, b, e, f, from the top.
    abef: __m128i,
    /// c, d, g, h, from the top.
    cdgh: __m128i,
}

/// A block under way.
#[derive(Clone, Copy)]
struct Chain {
    words: Words,
    /// The four times four words of the message that are next.
    message: [__m128i; 4],
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress<const LANES: usize>(
    states: &mut [State; LANES],
    runs: &[&[Block]; LANES],
    blocks: usize,
) {
    let zero = _mm_setzero_si128();
    let mut words = states.each_ref().map(|state| loaded(state));
    let mut chains = words.map(|words| Chain {
        words,
        message: [zero; 4],
    });
    for at in 0..blocks {
        for ((chain, words), run) in chains.iter_mut().zip(&words).zip(runs) {
            if let Some(block) = run.get(at) {
                chain.message = message(block);
            }
            chain.words = *words;
        }
        let [first, second, third, fourth] = &ROUNDS;
        sixteen_rounds::<LANES, true>(&mut chains, first);
        sixteen_rounds::<LANES, false>(&mut chains, second);
        sixteen_rounds::<LANES, false>(&mut chains, third);
        sixteen_rounds::<LANES, false>(&mut chains, fourth);
        for (words, chain) in words.iter_mut().zip(&chains) {
            words.abef = _mm_add_epi32(words.abef, chain.words.abef);
            words.cdgh = _mm_add_epi32(words.cdgh, chain.words.cdgh);
        }
    }
    for (state, words) in states.iter_mut().zip(words) {
        store(state, words);
    }
}

/// Sixteen rounds of every chain; the `FIRST` take the message as it is.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn sixteen_rounds<const LANES: usize, const FIRST: bool>(
    chains: &mut [Chain; LANES],
    constants: &[u32; 16],
) {
    let (constants, _) = constants.as_chunks();
    for constants in constants {
        let constants = load_words(constants);
        for chain in chains.iter_mut() {
            let [w0, w1, w2, w3] = chain.message;
            let now = if FIRST { w0 } else { next([w0, w1, w2, w3]) };
            chain.message = [w1, w2, w3, now];
            let Words { abef, cdgh } = chain.words;
            let sums = _mm_add_epi32(now, constants);
            let after_two = _mm_sha256rnds2_epu32(cdgh, abef, sums);
            let upper = _mm_shuffle_epi32::<0x0e>(sums);
            chain.words = Words {
                abef: _mm_sha256rnds2_epu32(abef, after_two, upper),
                cdgh: after_two,
            };
        }
    }
}

/// The message schedule: the four words after these sixteen.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn next([w0, w1, w2, w3]: [__m128i; 4]) -> __m128i {
    let nine_on = _mm_alignr_epi8::<4>(w3, w2);
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), nine_on);
    _mm_sha256msg2_epu32(sum, w3)
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn message(block: &Block) -> [__m128i; 4] {
    let mut words = [_mm_setzero_si128(); 4];
    let (quarters, _) = block.as_chunks::<16>();
    for (words, quarter) in words.iter_mut().zip(quarters) {
        *words = big_endian(load(quarter));
    }
    words
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn big_endian(words: __m128i) -> __m128i {
    let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm_shuffle_epi8(words, order)
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn loaded(state: &State) -> Words {
    let (halves, _) = state.as_chunks();
    let [dcba, hgfe] = match halves {
        [lower, upper] => [load_words(lower), load_words(upper)],
        _ => [_mm_setzero_si128(); 2],
    };
    let cdab = _mm_shuffle_epi32::<0xb1>(dcba);
    let efgh = _mm_shuffle_epi32::<0x1b>(hgfe);
    Words {
        abef: _mm_alignr_epi8::<8>(cdab, efgh),
        cdgh: _mm_blend_epi16::<0xf0>(efgh, cdab),
    }
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn store(state: &mut State, words: Words) {
    let feba = _mm_shuffle_epi32::<0x1b>(words.abef);
    let dchg = _mm_shuffle_epi32::<0xb1>(words.cdgh);
    let (halves, _) = state.as_chunks_mut();
    if let [lower, upper] = halves {
        store_words(lower, _mm_blend_epi16::<0xf0>(feba, dchg));
        store_words(upper, _mm_alignr_epi8::<8>(dchg, feba));
    }
}

#[inline]
#[target_feature(enable = "sse4.1")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the pointer comes from a reference to 16 bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse4.1")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
fn load_words(words: &[u32; 4]) -> __m128i {
    // SAFETY: the pointer comes from a reference to 16 bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse4.1")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
fn store_words(to: &mut [u32; 4], words: __m128i) {
    // SAFETY: the pointer comes from a reference to 16 bytes that are this function's to write.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), words) }
}
