//! `hotline completions`: what a shell needs to complete our command line.

use super::exit::Exit;
use super::output;

/// The arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

impl CompletionsArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::definition(), "hotline", &mut script);
        output::painted(&String::from_utf8_lossy(&script))?;
        Ok(())
    }
}
