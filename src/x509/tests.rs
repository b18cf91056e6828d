//! What is a certificate and what is not, pinned; chains; revocation lists.
