//! The engine beside the library, number by number.

mod arithmetic;
