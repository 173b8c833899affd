//! `hotline backup`: a copy of everything durable, also while a bot runs. What is in it, the store knows.

use std::path::PathBuf;

use anyhow::{Context, anyhow};

use super::exit::Exit;
use super::{output, record};
use crate::host::control::{self, ControlRequest};

/// The arguments of `backup`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "To restore it, put it as hotline.db into an empty folder, and start the bot with that as its data folder. End the \
                  bot that it was copied from first: both would answer."
)]
pub(super) struct BackupArgs {
    /// The file to make, which must not be there yet
    file: PathBuf,

    #[command(flatten)]
    record: record::JournalFlags,
}

impl BackupArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let Self { file, record } = self;
        if file.exists() {
            return Err(Exit::Failed(anyhow!("{} is there already; name a file that is not", file.display())));
        }
        let reply =
            control::ask::<()>(&record.folder()?, &ControlRequest::Flush).context("the running bot cannot be asked")?;
        if let Some(Err(reason)) = reply {
            return Err(Exit::Failed(anyhow!("{reason}")));
        }
        let bytes = record.open()?.copy(&file)?;
        if record.json {
            output::line(&serde_json::json!({ "file": file, "bytes": bytes }).to_string())?;
        } else {
            output::note(format_args!(
                "{} has everything ({bytes} bytes), also certificates, by which one logs in, and what people wrote: keep it where \
                 nobody else can read it",
                file.display()
            ));
        }
        Ok(())
    }
}
