//! What is on this machine, as far as its address tells. No name is looked up.

use std::net::IpAddr;

use url::{Host, Url};

/// Whether a url names this machine.
pub(super) fn is_loopback(gateway: &str) -> bool {
    match Url::parse(gateway).ok().as_ref().and_then(Url::host) {
        // `ws` counts as a special scheme, so numbers have become addresses already.
        Some(Host::Domain(name)) => is_loopback_host(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

/// Whether a host, an address or a name, is this machine.
pub(super) fn is_loopback_host(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for here in ["ws://127.0.0.1:1", "ws://127.9.9.9", "ws://localhost:1", "wss://[::1]:1", "ws://LOCALHOST/x"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in
            ["ws://10.0.0.1", "ws://localhost.example.com", "wss://[::2]", "ws://127.0.0.1.example.com", "no url"]
        {
            assert!(!is_loopback(there), "{there}");
        }
    }
}
