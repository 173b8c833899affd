//! Which session a command uses: `--config FILE`, or one session by flags. Logging in is not here.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use url::Url;

use super::exit::Exit;
use crate::host::config::{Config, Session, parse_gateway};
use crate::language::Setup;
use crate::language::check::SessionNetworks;
use crate::language::settings::ScriptSettings;
use crate::runtime::{AllowedHost, Limits};
use crate::session::{Credentials, MediaMode, Secret, without_credentials};

/// The configuration that is used where none is named.
pub(super) const DEFAULT_CONFIG: &str = "hotline.toml";

/// The flags of a command that needs sessions.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Session")]
pub(super) struct SessionFlags {
    /// The configuration [default: hotline.toml where it exists]
    #[arg(long, value_name = "FILE", conflicts_with = "gateway")]
    pub(super) config: Option<PathBuf>,

    /// The gateway of a single session, instead of a configuration
    #[arg(long, value_name = "URL")]
    pub(super) gateway: Option<String>,

    /// The account's email address
    #[arg(long, value_name = "ADDRESS", requires = "password", conflicts_with = "phone")]
    email: Option<String>,

    /// The account's password
    #[arg(long, requires = "email")]
    password: Option<String>,

    /// The account's phone number
    #[arg(long, value_name = "NUMBER", requires = "auth_token")]
    phone: Option<String>,

    /// The account's token
    #[arg(long, value_name = "TOKEN", requires = "phone")]
    auth_token: Option<String>,
}

impl SessionFlags {
    /// The configuration that the flags name or make; `None` where there is none at all.
    pub(super) fn configuration(&self) -> Result<Option<Config>, Exit> {
        let login = self.login();
        match (&self.gateway, login) {
            (Some(gateway), Some(login)) => {
                let session = by_flags(gateway, login).map_err(Exit::Usage)?;
                Ok(Some(Config { sessions: vec![session], ..Config::without_file(Path::new("")) }))
            }
            (Some(_), None) => Err(Exit::usage(anyhow!(
                "--gateway needs an account: --email and --password, or --phone and --auth-token"
            ))),
            (None, Some(_)) => Err(Exit::usage(anyhow!("an account by flags needs its --gateway URL"))),
            (None, None) => {
                let Some(config) = self.file(|name| std::env::var(name).ok())? else { return Ok(None) };
                for key in &config.without_effect {
                    tracing::warn!("{}: \"{key}\" has no effect yet", self.path().display());
                }
                Ok(Some(config))
            }
        }
    }

    /// The bot's session in the configuration file, for one who only wants to know where it is to be found.
    ///
    /// Its secrets are not: they may be set for the bot alone.
    pub(super) fn bot(&self) -> Result<Option<Session>, Exit> {
        let config = file(self.config.as_deref())?;
        Ok(config.and_then(|config| config.sessions.into_iter().next()))
    }

    fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))
    }

    /// The configuration file, named or default, without regard to the other flags.
    fn file(&self, env: impl Fn(&str) -> Option<String>) -> Result<Option<Config>, Exit> {
        let path = self.path();
        if self.config.is_none() && !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration {} cannot be read", path.display()))
            .map_err(Exit::Usage)?;
        Config::parse(&text, path, env).map(Some).map_err(Exit::usage)
    }

    /// The account that the flags name.
    pub(super) fn login(&self) -> Option<Credentials> {
        match (&self.email, &self.password, &self.phone, &self.auth_token) {
            (Some(email), Some(password), ..) => {
                Some(Credentials::Email { email: email.clone(), password: Secret::new(password.clone()) })
            }
            (_, _, Some(phone), Some(auth_token)) => {
                Some(Credentials::Token { phone: phone.clone(), auth_token: Secret::new(auth_token.clone()) })
            }
            _ => None,
        }
    }
}

/// The url that `--gateway` gives.
pub(super) fn gateway(text: &str) -> anyhow::Result<Url> {
    let expected = "a url such as \"ws://127.0.0.1:16089\" or \"wss://…\"";
    parse_gateway(text).with_context(|| format!("--gateway is \"{}\", expected {expected}", without_credentials(text)))
}

/// A session as flags give it.
pub(super) fn by_flags(url: &str, login: Credentials) -> anyhow::Result<Session> {
    Ok(Session {
        name: "main".to_owned(),
        gateway: gateway(url)?,
        login,
        proxy: None,
        connect_via: None,
        root: None,
        media: MediaMode::default(),
        scripts: None,
    })
}

/// The configuration file, named or default, for one who only wants to know where things lie.
///
/// Its secrets are not needed for that: they may be set for the bot alone.
pub(super) fn file(named: Option<&Path>) -> Result<Option<Config>, Exit> {
    let flags = SessionFlags { config: named.map(Path::to_owned), ..SessionFlags::default() };
    flags.file(|name| Some(std::env::var(name).unwrap_or_else(|_| format!("the value of {name}"))))
}

/// The scripts that a command looks at, and the limits that hold for them: those that are named, else those of the
/// configuration where there is one, else the folder `scripts`.
pub(super) fn scripts(config: Option<&Path>, named: &[PathBuf]) -> Result<(Vec<PathBuf>, Limits), Exit> {
    let config = file(config)?.unwrap_or_else(|| Config::without_file(Path::new("")));
    let scripts = if named.is_empty() { config.scripts } else { named.to_vec() };
    Ok((scripts, config.limits))
}

/// What scripts are given in tests: the settings as far as the configuration has to do with the tests, and its zone, never that of the
/// machine.
pub(super) fn test_setup(config: Option<&Path>, named: &[PathBuf]) -> Result<Setup, Exit> {
    let zone = file(config)?.and_then(|config| config.timezone).unwrap_or_default();
    Ok(Setup { settings: settings(config, named)?.unwrap_or_default(), zone })
}

/// The settings that scripts have, as far as the configuration has to do with them; `None` where it has not.
pub(super) fn settings(config: Option<&Path>, named: &[PathBuf]) -> Result<Option<ScriptSettings>, Exit> {
    Ok(concerned(config, named)?.map(|read| read.settings))
}

/// The networks of the sessions that run scripts, as far as the configuration has to do with them.
pub(super) fn session_networks(config: Option<&Path>, named: &[PathBuf]) -> Result<SessionNetworks, Exit> {
    let sessions = sessions(config, named)?;
    let networks: SessionNetworks =
        sessions.iter().map(|session| (session.scripts.clone(), session.network())).collect();
    let names = sessions.into_iter().map(|session| session.name);
    Ok(networks.with_names(names).with_hosts(test_hosts(config, named)?))
}

/// The sessions that run scripts, as far as the configuration has to do with these.
pub(super) fn sessions(config: Option<&Path>, named: &[PathBuf]) -> Result<Vec<Session>, Exit> {
    Ok(concerned(config, named)?.map(|read| read.sessions).unwrap_or_default())
}

/// The hosts that scripts may ask in tests, as far as the configuration has to do with them; `None` where it has not.
pub(super) fn test_hosts(config: Option<&Path>, named: &[PathBuf]) -> Result<Option<Vec<AllowedHost>>, Exit> {
    Ok(concerned(config, named)?.map(|read| read.http_allow))
}

/// The configuration, as far as it has to do with these scripts: it was named, or none of them was, or all lie where it has scripts.
fn concerned(config: Option<&Path>, named: &[PathBuf]) -> Result<Option<Config>, Exit> {
    let Some(read) = file(config)? else { return Ok(None) };
    let real = |path: &Path| path.canonicalize().ok();
    let folder = |path: &Path| if path.is_dir() { Some(path.to_owned()) } else { path.parent().map(Path::to_owned) };
    let folder = |path: &PathBuf| real(path).as_deref().and_then(folder);
    let roots: Vec<_> = read.scripts.iter().filter_map(folder).collect();
    let runs = |path: &PathBuf| folder(path).is_some_and(|path| roots.iter().any(|root| path.starts_with(root)));
    let concerns = config.is_some() || named.iter().all(runs);
    Ok(concerns.then_some(read))
}

/// The one session that a command acts on.
pub(super) fn choose<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a Session, Exit> {
    let names = || config.sessions.iter().map(|session| session.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, config.sessions.as_slice()) {
        (_, []) => Err(Exit::usage(anyhow!("the configuration has no [[session]]"))),
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(Exit::usage(anyhow!("the configuration has several sessions: choose one of {} by --session", names())))
        }
        (Some(name), sessions) => sessions
            .iter()
            .find(|session| session.name == name)
            .ok_or_else(|| Exit::usage(anyhow!("no session is named \"{name}\", the configuration has {}", names()))),
    }
}
