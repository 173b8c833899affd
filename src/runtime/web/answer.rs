//! Answers of the web as scripts get them: what their bytes say, by the charset that they name. How they come is not here.

use std::collections::BTreeMap;

use encoding_rs::{Encoding, UTF_8};
use flate2::{Decompress, FlushDecompress, Status};
use rhai::{Dynamic, Map};

use crate::language::web;

/// The answer as scripts get it.
pub(crate) fn answer(status: i64, headers: BTreeMap<String, String>, body: String) -> Dynamic {
    let headers: Map = headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let mut map = Map::new();
    map.insert("status".into(), status.into());
    map.insert("headers".into(), headers.into());
    map.insert("body".into(), body.into());
    map.into()
}

/// How much room a body gets at a time while it is unpacked, in bytes.
const ROOM: usize = 16 << 10;

/// What a body is that was packed as `deflate`: as the standard has it, or as servers do that leave its frame away. One that is longer
/// than `longest` need not be whole. `None` where it is packed in neither way.
pub(super) fn inflated(bytes: &[u8], longest: usize) -> Option<Vec<u8>> {
    unpacked(Decompress::new(true), bytes, longest).or_else(|| unpacked(Decompress::new(false), bytes, longest))
}

fn unpacked(mut unpacking: Decompress, bytes: &[u8], longest: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (read, length) = (unpacking.total_in(), body.len());
        body.reserve(ROOM);
        let rest = bytes.get(usize::try_from(read).ok()?..)?;
        let status = unpacking.decompress_vec(rest, &mut body, FlushDecompress::None).ok()?;
        if status == Status::StreamEnd || body.len() > longest {
            return Some(body);
        }
        if (unpacking.total_in(), body.len()) == (read, length) {
            return None;
        }
    }
}

/// The text of a body in a charset, in that which the kind of its content names, or in UTF-8; a byte order mark, which is none of
/// the text, is more certain than all of them.
///
/// # Errors
/// When the charset that is named is not known.
pub(super) fn text(bytes: &[u8], kind: Option<&str>, charset: Option<&'static Encoding>) -> Result<String, String> {
    let encoding = match (charset, kind.and_then(named)) {
        (Some(charset), _) => charset,
        (None, Some(name)) => web::charset(name)?,
        (None, None) => UTF_8,
    };
    Ok(encoding.decode(bytes).0.into_owned())
}

/// The charset that a kind of content names, such as `text/html; charset=gbk`.
fn named(kind: &str) -> Option<&str> {
    kind.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::{GBK, SHIFT_JIS};

    use super::*;

    #[test]
    fn what_is_packed_as_deflate_is_unpacked_with_its_frame_and_without() {
        let framed = b"\x78\x9c\x2b\x49\x4d\x54\x48\xcb\x2f\x52\x28\x29\xcf\x07\x00\x18\x39\x04\x1c";
        let bare = &framed[2..framed.len() - 4];
        for packed in [&framed[..], bare] {
            assert_eq!(inflated(packed, 100).expect("it is packed"), b"tea for two");
            assert!(inflated(packed, 5).expect("it is packed").len() > 5, "it is longer");
            assert_eq!(inflated(&packed[..packed.len() / 2], 100), None, "it breaks off");
        }
        assert_eq!(inflated(b"tea for two", 100), None);
    }

    #[test]
    fn a_body_is_read_in_the_charset_that_it_names() {
        for (bytes, kind, expected) in [
            (&b"\x83J\x83t\x83F"[..], Some("text/html; charset=Shift_JIS"), "カフェ"),
            (b"\xb2\xe8", Some("text/html;charset=\"gb2312\""), "茶"),
            (b"caf\xe9", Some("text/plain; format=flowed; CHARSET=latin1"), "café"),
            (b"\xef\xbb\xbf{}", Some("application/json"), "{}"),
            (b"\xff\xfeh\0i\0", Some("text/plain; charset=utf-8"), "hi"),
            ("茶".as_bytes(), Some("text/html; charset="), "茶"),
            ("茶".as_bytes(), None, "茶"),
            (b"\xff", None, "\u{fffd}"),
        ] {
            assert_eq!(text(bytes, kind, None).as_deref(), Ok(expected), "{kind:?}");
        }
        assert_eq!(text(b"\xb2\xe8", Some("text/html; charset=utf-8"), Some(GBK)).as_deref(), Ok("茶"));
        assert_eq!(text(b"\x83J", Some("text/html; charset=klingon"), Some(SHIFT_JIS)).as_deref(), Ok("カ"));
        let unknown = text(b"a", Some("text/html; charset=utf8mb4"), None).expect_err("there is none");
        assert!(unknown.starts_with("found the charset \"utf8mb4\", expected one such as \"gbk\""), "{unknown}");
    }
}
