//! What went wrong with an http request, in words.

use std::error::Error as _;

/// An error with its causes, without the url: its query may hold a secret.
pub(in crate::session) fn in_full(error: &reqwest::Error) -> String {
    let mut text = match error {
        error if error.is_connect() => "cannot connect".to_owned(),
        error if error.is_timeout() => "the server is silent".to_owned(),
        _ => "the connection failed".to_owned(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
