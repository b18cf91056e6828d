//! The folder of a peer's ledgers, for commands that need the peer not to run.

use std::path::PathBuf;

use clap::Args;

use super::error::CliError;
use crate::config::PeerConfig;
use crate::node::ledgers_of;
use crate::peer::LedgerFolder;

#[derive(Debug, Args)]
pub(super) struct FolderArgs {
    /// The folder of the peer's ledgers [default: ledgers in the fileSystemPath of core.yaml, as for 'node
    /// start']
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl FolderArgs {
    /// Takes the folder, which no peer may be using.
    pub(super) fn take(&self) -> Result<LedgerFolder, CliError> {
        let path = match &self.data {
            Some(path) => path.clone(),
            None => ledgers_of(&PeerConfig::of_process()?.config),
        };
        Ok(LedgerFolder::take(&path)?)
    }
}
