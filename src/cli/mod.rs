//! The command line: one file per subcommand.
//!
//! Logs go to standard error, results to standard output. The exit status is 0 for success, 1 for a failure of what was
//! asked, 2 for wrong usage. What the commands act on is in the lower floors.

mod account;
mod backup;
mod blocking;
mod call;
mod chat;
mod check;
mod completions;
mod definitions;
pub mod docs;
mod exit;
mod forget;
mod frames;
mod gather;
mod journal;
mod live;
mod logging;
mod new;
mod output;
mod record;
mod repl;
mod run;
mod runs;
mod sandbox;
mod status;
mod store;
mod test;
mod trace;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use exit::Exit;
use logging::LogFormat;

/// Seeds the hashes by which Rhai names closures. A script can see such a name, and a run that is rebuilt in another process
/// must see the same one. What is hashed with it is code, which nobody chooses who does not run it.
const HASHING_SEED: [u64; 4] =
    [0x686f_746c_696e_6531, 0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b];

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    // Nothing has been hashed yet in this process, and a seed that is set already is this one.
    let _ = rhai::config::hashing::set_hashing_seed(Some(HASHING_SEED));
    match Arguments::try_parse() {
        Ok(arguments) => {
            logging::choose(arguments.log_format);
            logging::start();
            crate::host::descriptors::raise();
            let outcome = arguments.command.unwrap_or_default().run();
            logging::finish();
            exit::status(outcome)
        }
        Err(error) => {
            logging::choose(LogFormat::of(std::env::args_os()));
            if error.use_stderr() && logging::is_json() {
                output::complaint(error.render().to_string().trim_end());
            } else {
                let _ = error.print();
            }
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::USAGE))
        }
    }
}

/// The definition of the whole command line, for completions and the reference.
fn definition() -> clap::Command {
    Arguments::command()
}

/// Runs chat bots, written as plain Rhai scripts, and reloads them while they run.
#[derive(Debug, Parser)]
#[command(name = "hotline", version, max_term_width = 100)]
#[command(after_help = "`hotline` alone is `hotline run`.")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// How the log on standard error looks
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the scripts against live sessions
    Run(run::RunArgs),
    /// Run the embedded gateway alone
    Sandbox(sandbox::SandboxArgs),
    /// Talk to the bot in this terminal
    Chat(chat::ChatArgs),
    /// Send one command and print its content as JSON
    Call(call::CallArgs),
    /// Find everything that can be known about scripts without running them
    Check(check::CheckArgs),
    /// Run the scenario tests of scripts
    Test(test::TestArgs),
    /// A prompt against a live session
    Repl(repl::ReplArgs),
    /// Show how the running bot is
    Status(status::StatusArgs),
    /// List what is parked and where, or end it
    Runs(runs::RunsArgs),
    /// Tell why an event was handled as it was
    Trace(trace::TraceArgs),
    /// List what was recorded
    Journal(journal::JournalArgs),
    /// End what a script was at that is missing for good
    Forget(forget::ForgetArgs),
    /// Look at what scripts keep, and change it
    Store(store::StoreArgs),
    /// Copy everything durable into a file, also while the bot runs
    Backup(backup::BackupArgs),
    /// Make a bot to start from
    New(new::NewArgs),
    /// Write the editor definitions of everything that scripts can use
    Definitions(definitions::DefinitionsArgs),
    /// Print the reference of commands, hooks and events
    Docs(docs::DocsArgs),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
}

impl Default for Command {
    fn default() -> Self {
        Self::Run(run::RunArgs::default())
    }
}

impl Command {
    fn run(self) -> Result<(), Exit> {
        match self {
            Self::Run(args) => args.run(),
            Self::Sandbox(args) => args.run(),
            Self::Chat(args) => args.run(),
            Self::Call(args) => args.run(),
            Self::Check(args) => args.run(),
            Self::Test(args) => args.run(),
            Self::Repl(args) => args.run(),
            Self::Status(args) => args.run(),
            Self::Runs(args) => args.run(),
            Self::Trace(args) => args.run(),
            Self::Journal(args) => args.run(),
            Self::Forget(args) => args.run(),
            Self::Store(args) => args.run(),
            Self::Backup(args) => args.run(),
            Self::New(args) => args.run(),
            Self::Definitions(args) => args.run(),
            Self::Docs(args) => args.run(),
            Self::Completions(args) => args.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        super::definition().debug_assert();
    }
}
