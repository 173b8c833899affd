//! `hotline sandbox`: the embedded gateway alone. What it does is in the module `sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::exit::Exit;
use super::{blocking, output};
use crate::sandbox::{Config, DEFAULT_LISTEN, DEMO_DOMAIN, DEMO_PASSWORD, Sandbox};

/// The arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value_t = DEFAULT_LISTEN)]
    listen: SocketAddr,

    /// The file that keeps its world; without one it is gone at the end
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> Result<(), Exit> {
        blocking::run(async {
            // Before anything is promised: whoever reads the first line may already send the signal.
            let mut asked = blocking::Asked::listen()?;
            let config = Config { listen: self.listen, data: self.data.clone(), ..Config::default() };
            let sandbox = Sandbox::start(config).await?;
            output::write(&self.greeting(&sandbox.url()))?;
            asked.wait().await;
            sandbox.stop().await;
            Ok(())
        })?
    }

    fn greeting(&self, url: &str) -> String {
        let kept = match &self.data {
            Some(file) => format!("kept in {}", file.display()),
            None => "kept in memory: gone at the end (--data FILE keeps it)".to_owned(),
        };
        let elsewhere = if self.listen == DEFAULT_LISTEN { String::new() } else { format!(" --gateway {url}") };
        format!(
            "The sandbox listens on {url}.\n\
             Its world is {kept}.\n\
             Accounts: bot, alice, bob and carol at @{DEMO_DOMAIN}, password \"{DEMO_PASSWORD}\"; dave needs a PIN the first time.\n\
             \n\
             A bot:     hotline run --gateway {url} --email bot@{DEMO_DOMAIN} --password {DEMO_PASSWORD}\n\
             A person:  hotline chat --as alice{elsewhere}\n\
             \n\
             Ctrl-C ends it.\n"
        )
    }
}
