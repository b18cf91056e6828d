//! Hashes, keys and signatures with Fabric's accept sets, behind one seam that takes batches.
//!
//! Knows nothing of certificates or transactions.
