//! `hotline sandbox`: the embedded gateway alone. What it does is in the module `sandbox`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use url::Url;

use super::exit::Exit;
use super::{blocking, frames, output};
use crate::access::{Access, HostName, WebOrigin};
use crate::sandbox::{
    DEFAULT_LINE_LISTEN, DEFAULT_LISTEN, DEMO_DOMAIN, DEMO_PASSWORD, LINE_CHANNEL, OFFICIAL_ACCOUNT, OfficialConfig,
    Sandbox, SandboxConfig, SandboxStartError,
};

/// The arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct SandboxArgs {
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value_t = DEFAULT_LISTEN, value_parser = listen_address)]
    listen: SocketAddr,

    /// Where it speaks LINE's Messaging API, for the bot of its official account, or "off" [default: 127.0.0.1:16090, or a
    /// free port where that is taken]
    #[arg(long, value_name = "ADDR|off", value_parser = line_listen)]
    line_listen: Option<LineListen>,

    /// Where it sends the official account's webhooks until a bot sets another place
    #[arg(long, value_name = "URL", value_parser = webhook_url)]
    webhook: Option<Url>,

    /// The file that keeps its world; without one it is gone at the end
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    /// Other names by which programs reach its HTTP routes, besides localhost and its address
    #[arg(long, alias = "allow-host", value_name = "HOST,…", value_delimiter = ',')]
    allow_hosts: Vec<HostName>,

    /// The origins of the web pages that may connect, such as http://localhost:5173; no other page may
    #[arg(long, alias = "allow-origin", value_name = "ORIGIN,…", value_delimiter = ',')]
    allow_origins: Vec<WebOrigin>,
}

impl SandboxArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        blocking::run(async {
            // Before anything is promised: whoever reads the first line may already send the signal.
            let mut asked = blocking::Asked::listen()?;
            let access = Access { hosts: self.allow_hosts.clone(), origins: self.allow_origins.clone() };
            let data = self.data.clone();
            let official = OfficialConfig {
                listen: self.line_listen.map_or(Some(DEFAULT_LINE_LISTEN), |listen| listen.0),
                webhook: self.webhook.as_ref().map(ToString::to_string),
                ..OfficialConfig::default()
            };
            let config = SandboxConfig {
                listen: self.listen,
                access,
                data,
                tap: frames::tap(),
                official,
                ..SandboxConfig::default()
            };
            let sandbox = match Sandbox::start(config.clone()).await {
                // Nobody asked for this very address.
                Err(SandboxStartError::LineListen { .. }) if self.line_listen.is_none() => {
                    let listen = Some(SocketAddr::new(DEFAULT_LINE_LISTEN.ip(), 0));
                    let official = OfficialConfig { listen, ..config.official.clone() };
                    Sandbox::start(SandboxConfig { official, ..config }).await?
                }
                started => started?,
            };
            let greeting = self.greeting(&sandbox.url(), sandbox.line_url().as_deref(), &sandbox.files()?);
            output::write(&greeting)?;
            asked.wait().await;
            tokio::select! {
                () = sandbox.stop() => Ok(()),
                () = asked.again() => Err(Exit::Failed(anyhow::anyhow!("ended at once, as asked"))),
            }
        })?
    }

    fn greeting(&self, url: &str, line: Option<&str>, files: &Path) -> String {
        let kept = match &self.data {
            Some(file) => format!("kept in {}", file.display()),
            None => "kept in memory: gone at the end (--data FILE keeps it)".to_owned(),
        };
        let elsewhere = if self.listen == DEFAULT_LISTEN { String::new() } else { format!(" --gateway {url}") };
        format!(
            "The sandbox listens on {url}.\n\
             Its world is {kept}.\n\
             Its files are in {}: what the \"path\" of a command names.\n\
             Accounts: bot, alice, bob and carol at @{DEMO_DOMAIN}, password \"{DEMO_PASSWORD}\"; dave needs a PIN the first time.\n\
             \n\
             A bot:     hotline run --gateway {url} --email bot@{DEMO_DOMAIN} --password {DEMO_PASSWORD}\n\
             A person:  hotline chat --as alice{elsewhere}\n\
             \n\
             {}\
             Ctrl-C ends it.\n",
            files.display(),
            line.map(|url| self.line_greeting(url)).unwrap_or_default(),
        )
    }

    /// What to set in the bot of an official account.
    fn line_greeting(&self, url: &str) -> String {
        let webhook = match &self.webhook {
            Some(webhook) => format!("goes to {webhook}"),
            None => format!(
                "is set by the bot, or by --webhook URL, or so:\n\
                 \x20            curl -X PUT {url}/v2/bot/channel/webhook/endpoint -H 'Authorization: Bearer {LINE_CHANNEL}' \\\n\
                 \x20              -H 'Content-Type: application/json' -d '{{\"endpoint\": \"http://localhost:8080/callback\"}}'"
            ),
        };
        format!(
            "LINE's Messaging API, for bots of the official account \"{}\" in any language:\n\
             Base url:  {url} (instead of https://api.line.me and https://api-data.line.me)\n\
             Channel:   secret \"{LINE_CHANNEL}\", access token \"{LINE_CHANNEL}\", id \"{LINE_CHANNEL}\"\n\
             Webhook:   {webhook}\n\
             \n",
            OFFICIAL_ACCOUNT.0
        )
    }
}

/// Where LINE's Messaging API is served, if anywhere.
#[derive(Clone, Copy, Debug)]
struct LineListen(Option<SocketAddr>);

fn line_listen(text: &str) -> Result<LineListen, String> {
    if text == "off" {
        return Ok(LineListen(None));
    }
    let wrong = |_| format!("expected an address and a port such as {DEFAULT_LINE_LISTEN}, a port alone, or off");
    listen_address(text).map(|address| LineListen(Some(address))).map_err(wrong)
}

fn webhook_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| "expected a url such as http://localhost:8080/callback".to_owned())
}

/// Reads an address and a port, or a port on this machine.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").unwrap_or(text);
    let address = local.parse().or_else(|_| local.parse().map(|port| SocketAddr::new(DEFAULT_LISTEN.ip(), port)));
    address.map_err(|_| {
        format!("expected an address and a port such as {DEFAULT_LISTEN}, or a port alone; 0 takes a free one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_port_on_this_machine() {
        for (text, expected) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::1]:80", "[::1]:80"),
            ("16089", "127.0.0.1:16089"),
            ("localhost:0", "127.0.0.1:0"),
        ] {
            assert_eq!(listen_address(text).map(|address| address.to_string()), Ok(expected.to_owned()));
        }
        for wrong in ["", "127.0.0.1", "70000", "example.com:80"] {
            let error = listen_address(wrong).expect_err("it is none");
            assert!(error.contains("such as 127.0.0.1:16089"), "{error}");
        }
    }
}
