//! Who may log in: passwords, tokens, certificates, PINs and proxies.
//!
//! Showing a PIN and waiting for it is the hub's affair; here stands only whether one is needed.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::{Account, Certificate, GatewayProxy};
use super::ids::Mid;
use super::{CommandReply, World, malformed, quoted};
use crate::protocol::commands::{Login, LoginWithToken};
use crate::protocol::{Failure, FailureCode};

/// A login whose credentials are right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SignIn {
    pub(crate) mid: Mid,
    /// The certificate that was shown, `None` where one is to be given.
    pub(crate) certificate: Option<String>,
    pub(crate) proxy: Option<GatewayProxy>,
}

/// What a login still needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Knock {
    /// Nothing more.
    Open(SignIn),
    /// The PIN that is shown now.
    Pin(SignIn),
}

/// Whether the account has a live connection already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    Away,
    Connected,
}

impl World {
    /// The mid of the account that an email address names.
    pub(crate) fn mid_of_email(&self, email: &str) -> Option<&Mid> {
        self.accounts.values().find(|account| account.email == email).map(|account| &account.mid)
    }

    /// The mid of the account that a phone number names.
    pub(crate) fn mid_of_phone(&self, phone: &str) -> Option<&Mid> {
        self.accounts.values().find(|account| !phone.is_empty() && account.phone == phone).map(|account| &account.mid)
    }

    /// Checks a login by email address and password.
    pub(crate) fn check_login(&self, request: &Login, presence: ConnectionState) -> Result<Knock, Failure> {
        let texts = [&request.proxy_server, &request.proxy_type, &request.proxy_username, &request.proxy_password];
        let proxy = proxy_of(texts, request.proxy_port)?;
        let account = self.mid_of_email(&request.email).and_then(|mid| self.accounts.get(mid));
        // One text for both, as a real gateway would not tell which addresses have an account.
        let wrong = || Failure::new(FailureCode::AuthenticationFailed, "the email address or the password is wrong");
        let matches = |account: &&Account| !account.official && account.password == request.password;
        let account = account.filter(matches).ok_or_else(wrong)?;
        check_secondary(account, presence)?;
        let shown = account.certificates.iter().find(|known| !request.cert.is_empty() && known.value == request.cert);
        if shown.is_some_and(|certificate| certificate.revoked) {
            let message = "the certificate was revoked; log in without one";
            return Err(Failure::new(FailureCode::NotAuthorizedDevice, message));
        }
        let certificate = shown.map(|certificate| certificate.value.clone());
        // A certificate of another world counts as none, so that a client outlives a sandbox that was kept in memory.
        let needs_pin = account.needs_pin && certificate.is_none();
        let sign_in = SignIn { mid: account.mid.clone(), certificate, proxy };
        Ok(if needs_pin { Knock::Pin(sign_in) } else { Knock::Open(sign_in) })
    }

    /// Checks a login by phone number and token.
    pub(crate) fn check_token_login(
        &self,
        request: &LoginWithToken,
        presence: ConnectionState,
    ) -> Result<Knock, Failure> {
        let texts = [&request.proxy_server, &request.proxy_type, &request.proxy_username, &request.proxy_password];
        let proxy = proxy_of(texts, request.proxy_port)?;
        let account = self.mid_of_phone(&request.phone).and_then(|mid| self.accounts.get(mid));
        let wrong = || Failure::new(FailureCode::AuthenticationFailed, "the phone number or the token is wrong");
        let matches = |account: &&Account| !account.auth_token.is_empty() && account.auth_token == request.auth_token;
        let account = account.filter(matches).ok_or_else(wrong)?;
        check_secondary(account, presence)?;
        Ok(Knock::Open(SignIn { mid: account.mid.clone(), certificate: None, proxy }))
    }

    /// Carries a login out and gives the content of its answer.
    pub(super) fn sign_in(&mut self, sign_in: &SignIn) -> CommandReply {
        let gone = || Failure::new(FailureCode::AuthenticationFailed, "the account is gone");
        let account = self.accounts.get_mut(&sign_in.mid).ok_or_else(gone)?;
        // The valid one is given out again, so that only revoking makes another. A revoked one is never forgotten: it would
        // count as one of another world.
        let valid = account.certificates.iter().rfind(|certificate| !certificate.revoked);
        let cert = match (&sign_in.certificate, valid) {
            (Some(shown), _) => shown.clone(),
            (None, Some(valid)) => valid.value.clone(),
            (None, None) => {
                let value = self.ids.token();
                account.certificates.push(Certificate { value: value.clone(), revoked: false });
                value
            }
        };
        if sign_in.proxy.is_some() {
            account.proxy.clone_from(&sign_in.proxy);
        }
        Ok(json!({"mid": &*account.mid, "cert": cert, "displayName": account.display_name}))
    }
}

impl World {
    /// Whether a further login is allowed, for one that was checked before and has waited since.
    pub(crate) fn check_presence(&self, mid: &str, presence: ConnectionState) -> Result<(), Failure> {
        self.accounts.get(mid).map_or(Ok(()), |account| check_secondary(account, presence))
    }
}

fn check_secondary(account: &Account, presence: ConnectionState) -> Result<(), Failure> {
    if presence == ConnectionState::Connected && !account.settings.privacy_allow_secondary_device_login {
        let message = "the account is logged in elsewhere and allows no further login";
        return Err(Failure::new(FailureCode::NotAuthorizedDevice, message));
    }
    Ok(())
}

/// Reads `[server, type, username, password]` and the port. Without a server and a port there is no proxy, whatever the type:
/// some clients always send all fields.
fn proxy_of(texts: [&Option<String>; 4], port: Option<i64>) -> Result<Option<GatewayProxy>, Failure> {
    let [server, kind, username, password] = texts.map(|text| text.as_deref().unwrap_or_default());
    if server.is_empty() && port.unwrap_or_default() == 0 {
        return Ok(None);
    }
    if server.is_empty() {
        return Err(malformed("\"proxy_server\" takes a host, since a proxy is asked for; found an empty text"));
    }
    if !matches!(kind, "socks5" | "http") {
        let found = if kind.is_empty() { "nothing".to_owned() } else { quoted(kind) };
        return Err(malformed(format!("\"proxy_type\" takes \"socks5\" or \"http\"; found {found}")));
    }
    let Some(given) = port else {
        return Err(malformed("\"proxy_port\" takes 1 to 65535; found nothing"));
    };
    let port = u16::try_from(given).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| malformed(format!("\"proxy_port\" takes 1 to 65535; found {given}")))?;
    // It goes with http only, and some clients send an old one all the same.
    let password = if kind == "socks5" { "" } else { password };
    let [server, kind, username, password] = [server, kind, username, password].map(str::to_owned);
    Ok(Some(GatewayProxy { server, port, kind, username, password }))
}
