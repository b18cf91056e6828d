//! The manual: how heddle is built, and why.
//!
//! - [`architecture`]: bird's eye, the way of a block, code map, invariants.
//! - [`back_edges`]: where one block waits for another.
//! - [`verdicts`]: how verdicts are kept equal to Fabric's, and the rules of our own where Fabric has none.
//! - [`sources`]: where blocks come from, and what may go wrong there.
//! - [`signatures`]: how signatures are verified fast, and why the verdicts stay the same.
//! - [`durability`]: what is safe when, and how a ledger recovers.
//! - [`testing`]: how verdicts are checked, and the sequential model.
//! - [`benches_and_fuzzing`]: how figures and hostile bytes are made.
//! - [`scaling`]: what more cores give, and what limits.
//! - [`netgen`]: test networks and config updates from YAML.
//! - [`devorderer`]: an orderer of one node, for development.
//! - [`node`]: the running peer's configuration, and what is done while it does not run.
//! - [`gossip`]: how peers keep each other current, and how that is simulated.
//! - [`explanations`]: why a transaction was refused, and how that is found.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("back_edges.md")]
pub mod back_edges {}

#[doc = include_str!("verdicts.md")]
pub mod verdicts {}

#[doc = include_str!("durability.md")]
pub mod durability {}

#[doc = include_str!("sources.md")]
pub mod sources {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("benches_and_fuzzing.md")]
pub mod benches_and_fuzzing {}

#[doc = include_str!("scaling.md")]
#[doc = ""]
#[doc = include_str!("scaling.svg")]
pub mod scaling {}

#[doc = include_str!("explanations.md")]
pub mod explanations {}

#[doc = include_str!("devorderer.md")]
pub mod devorderer {}

#[doc = include_str!("node.md")]
pub mod node {}
#[doc = include_str!("gossip.md")]
pub mod gossip {}

#[doc = include_str!("netgen.md")]
pub mod netgen {}

#[doc = include_str!("signatures.md")]
pub mod signatures {}
