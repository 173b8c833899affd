//! Texts in other forms, for scripts: for urls, in base64, as hashes and signatures. All of it is a pure function of its arguments.

use data_encoding::{BASE64, Encoding, HEXLOWER, Specification};
use hmac::{Hmac, Mac};
use rhai::{Engine, ImmutableString};
use sha2::{Digest, Sha256};

use crate::language::functions::HASH_FORMS;
use crate::language::spelling::did_you_mean;
use crate::runtime::engine::thrown::{self, ScriptError};

/// Registers the functions.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("url_encode", |text: &str| url_encode(text));
    engine.register_fn("url_decode", |text: &str| url_decode(text));
    engine.register_fn("base64_encode", |text: &str| BASE64.encode(text.as_bytes()));
    let reading = reading();
    engine.register_fn("base64_decode", move |text: &str| base64_decode(&reading, text));
    engine.register_fn("sha256", |text: &str| HEXLOWER.encode(&Sha256::digest(text)));
    engine.register_fn("sha256", |text: &str, form: &str| -> Result<String, ScriptError> {
        Ok(encoding("sha256", form)?.encode(&Sha256::digest(text)))
    });
    engine.register_fn("hmac_sha256", |key: &str, text: &str| HEXLOWER.encode(&signature(key, text)));
    engine.register_fn("hmac_sha256", hmac_sha256);
}

/// A text as it can stand in any part of a url.
fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ => {
                let [high, low] =
                    [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)]));
                encoded.extend(['%', high, low]);
            }
        }
    }
    encoded
}

fn url_decode(text: &str) -> Result<ImmutableString, ScriptError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let at = text.len() - rest.len() - 1;
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => decoded.extend(u8::try_from(high * 16 + low)),
            _ => {
                let found: String = text[at..].chars().take(3).collect();
                let place = text[..at].chars().count() + 1;
                return Err(thrown::error(format!(
                    "url_decode: found \"{found}\" at character {place}, expected % and two digits such as %20; a % itself is %25"
                )));
            }
        }
    }
    readable("url_decode", decoded)
}

/// Base64 as it is found: with the signs of urls or of letters, with or without its end, in lines or not.
fn reading() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    specification.translate.from.push_str("-_");
    specification.translate.to.push_str("+/");
    specification.ignore.push_str(" \t\r\n");
    specification.check_trailing_bits = false;
    specification.encoding().expect("the specification is right")
}

fn base64_decode(reading: &Encoding, text: &str) -> Result<ImmutableString, ScriptError> {
    let end = text.trim_end_matches(['=', ' ', '\t', '\r', '\n']);
    let bytes = reading.decode(end.as_bytes()).map_err(|error| {
        let found = text.get(error.position..).and_then(|rest| rest.chars().next());
        let reason = match (error.kind, found) {
            (data_encoding::DecodeKind::Symbol, Some(found)) => {
                let place = text[..error.position].chars().count() + 1;
                format!("found \"{found}\" at character {place}, expected letters, digits, + and /")
            }
            _ => "it breaks off: something of its end is missing".to_owned(),
        };
        thrown::error(format!("base64_decode: the text is no base64: {reason}"))
    })?;
    readable("base64_decode", bytes)
}

/// Bytes as a text, which is all that scripts have.
fn readable(function: &str, bytes: Vec<u8>) -> Result<ImmutableString, ScriptError> {
    String::from_utf8(bytes).map(Into::into).map_err(|_| {
        thrown::error(format!("{function}: what comes of it is no text in UTF-8, and scripts have texts only"))
    })
}

/// The signature of a text in a form.
///
/// # Errors
/// When there is no such form.
pub(super) fn hmac_sha256(key: &str, text: &str, form: &str) -> Result<String, ScriptError> {
    Ok(encoding("hmac_sha256", form)?.encode(&signature(key, text)))
}

fn signature(key: &str, text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// How the bytes of a hash are written.
fn encoding(function: &str, form: &str) -> Result<Encoding, ScriptError> {
    match form {
        "hex" => Ok(HEXLOWER),
        "base64" => Ok(BASE64),
        _ => {
            let meant = did_you_mean(form, HASH_FORMS);
            Err(thrown::error(format!("{function}: found the form \"{form}\", expected \"hex\" or \"base64\"{meant}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_encoded_for_a_url_comes_back() {
        let text = "a b&c=d/é?100%+茶~_.-";
        assert_eq!(url_encode(text), "a%20b%26c%3Dd%2F%C3%A9%3F100%25%2B%E8%8C%B6~_.-");
        assert_eq!(url_decode(&url_encode(text)).expect("it is encoded"), text);
        assert_eq!(url_decode("a+b%2f").expect("it is encoded"), "a+b/");
    }

    #[test]
    fn base64_is_read_as_it_is_found() {
        let reading = reading();
        for text in ["PDw/Pz8+Pg==", "PDw_Pz8-Pg", "PDw/\r\nPz8+\r\nPg==\r\n"] {
            assert_eq!(base64_decode(&reading, text).expect("it is base64"), "<<???>>", "{text}");
        }
        assert_eq!(base64_decode(&reading, "").expect("it is base64"), "");
    }
}
