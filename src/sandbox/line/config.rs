//! How the official account of a sandbox is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where LINE's Messaging API is served unless the command line says otherwise.
pub const DEFAULT_LINE_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 16_090);

/// The channel's id, its secret, and its access token that never ends.
pub const LINE_CHANNEL: &str = "sandbox";

/// How the official account is set up.
#[derive(Clone, Debug)]
pub struct OfficialConfig {
    /// Where the Messaging API is served; port 0 takes a free one, `None` serves none.
    pub listen: Option<SocketAddr>,
    /// The url of the webhook at the start; a bot can set it too.
    pub webhook: Option<String>,
    /// How long a reply token lives after its event was delivered.
    pub reply_token_life: Duration,
    /// How many messages may be sent in a month; `None` sets no limit.
    pub monthly_quota: Option<u64>,
    /// How many events go together in a webhook, at most, where several wait.
    pub events_per_webhook: usize,
    /// How long a webhook has to be answered.
    pub webhook_patience: Duration,
    /// How long after each failure a webhook is sent again; none are, where there is nothing here.
    pub redelivery: Vec<Duration>,
}

impl Default for OfficialConfig {
    fn default() -> Self {
        Self {
            listen: None,
            webhook: None,
            reply_token_life: Duration::from_secs(60),
            monthly_quota: Some(1_000),
            events_per_webhook: 1,
            webhook_patience: Duration::from_secs(2),
            redelivery: [1, 5, 30, 120, 600].map(Duration::from_secs).to_vec(),
        }
    }
}
