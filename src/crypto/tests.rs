//! Accept sets, pinned.
