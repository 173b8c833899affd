//! Requests of scripts to the web: what is sent, how answers are read, where they may lead, and what is refused.

use std::time::Duration;

use hotline::clock::Clock;

use super::site::Site;
use super::support::{Bot, Setup};

/// A bot that answers with what a piece of code gives, or the error that it throws.
fn setup(site: &Site, code: &str) -> Setup {
    let script = format!(
        "fn result(site) {{ {code} }}\nfn on_message(msg) {{\n    try {{ msg.reply(`${{result(\"{}\")}}`); }}\n    \
         catch (error) {{ msg.reply(`${{error.command}} ${{error.name}}: ${{error.message}}`); }}\n}}",
        site.url("")
    );
    Setup::new().allow(site).script("bot", script)
}

async fn said(bot: Bot) -> String {
    assert_eq!(bot.host().faults(), []);
    bot.says("u1", "go");
    let text = bot.text_to("u1").await;
    bot.stop().await;
    text
}

/// What a piece of code gives.
async fn gives(site: &Site, code: &str) -> String {
    said(setup(site, code).start().await).await
}

#[tokio::test]
async fn every_part_of_a_request_is_sent_as_servers_expect_it() {
    let site = Site::open().await;
    for path in ["/orders?a=1&shop=5th+%26+Main&size=2&size=L", "/form", "/text", "/look", "/gone"] {
        site.serves(path, "200 OK\r\nX-Kind: ok", b"{\"done\": true}");
    }
    let put = r#"http(#{
        url: site + "/orders?a=1",
        method: "put",
        query: #{ shop: "5th & Main", size: [2, "L"] },
        headers: #{ "X-Key": "k" },
        bearer: "token",
        json: [#{ item: "tea" }],
    }).json().done"#;
    assert_eq!(gives(&site, put).await, "true");
    let sent = site.latest("/orders?a=1&shop=5th+%26+Main&size=2&size=L");
    assert!(sent.starts_with("PUT\n") && sent.ends_with("\n[{\"item\":\"tea\"}]"), "{sent}");
    for header in ["authorization: Bearer token", "x-key: k", "content-type: application/json"] {
        assert!(sent.lines().any(|line| line == header), "{header}: {sent}");
    }

    let form = "http(#{ url: site + \"/form\", method: \"POST\", form: #{ name: \"Zoë & co\", n: 1.5 } }).status";
    assert_eq!(gives(&site, form).await, "200");
    let sent = site.latest("/form");
    assert!(sent.ends_with("\nn=1.5&name=Zo%C3%AB+%26+co"), "{sent}");
    assert!(sent.contains("\ncontent-type: application/x-www-form-urlencoded\n"), "{sent}");

    let text = "http(#{ url: site + \"/text\", method: \"PATCH\", body: \"a,b\", headers: #{ \"Content-Type\": \"text/csv\" } }).status";
    assert_eq!(gives(&site, text).await, "200");
    let sent = site.latest("/text");
    assert!(sent.starts_with("PATCH\n") && sent.ends_with("\na,b"), "{sent}");
    assert!(sent.contains("\ncontent-type: text/csv\n") && !sent.contains("text/plain"), "{sent}");

    let head =
        "let look = http(#{ url: site + \"/look\", method: \"HEAD\" }); `${look.headers[\"x-kind\"]} '${look.body}'`";
    assert_eq!(gives(&site, head).await, "ok ''");
    assert_eq!(gives(&site, "http(#{ url: site + \"/gone\", method: \"DELETE\" }).status").await, "200");
    assert!(site.latest("/gone").starts_with("DELETE\n"));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_and_nothing_is_sent() {
    let site = Site::open().await;
    for (options, expected) in [
        ("#{}", "the option url is missing"),
        ("#{ url: 5 }", "url needs a string; found the integer 5"),
        ("#{ url: site, quary: #{} }", "there is no option quary; there are method, url, query,"),
        ("#{ url: site, method: \"PSOT\" }", "method: found the method \"PSOT\", expected one such as GET, POST"),
        ("#{ url: site, query: \"a=1\" }", "query needs a map such as #{ city: \"Osaka\", days: 3 }; found a string"),
        ("#{ url: site, query: #{ page: () } }", "query needs a map such as #{ city: \"Osaka\", days: 3 }; page is ()"),
        ("#{ url: site, body: \"x\" }", "GET sends no body: give it as query, or name a method such as POST"),
        ("#{ url: site, method: \"POST\", body: \"x\", form: #{} }", "found form and body, expected one body"),
        ("#{ url: site, method: \"POST\", body: 5 }", "body needs a string; found the integer 5"),
        ("#{ url: site, method: \"POST\", json: |x| x }", "json: "),
        ("#{ url: site, timeout: \"11m\" }", "timeout: found \"11m\", expected from 1ms to 10m"),
        ("#{ url: site, timeout: 5 }", "timeout needs a string; found the integer 5"),
        ("#{ url: site, charset: \"shiftjiss\" }", "charset: found the charset \"shiftjiss\", expected one such as"),
        ("#{ url: site, bearer: \"a\\nb\" }", "the value of bearer cannot be sent"),
        (
            "#{ url: site, bearer: \"a\", headers: #{ authorization: \"b\" } }",
            "found bearer and the header Authorization, expected one of them",
        ),
    ] {
        let text = gives(&site, &format!("http({options})")).await;
        assert!(text.starts_with(&format!("http BAD_ARGUMENT: {expected}")), "{options}: {text}");
    }
    let short = gives(&site, "http_get(site, #{ timeout: \"5s\" })").await;
    assert_eq!(short, "http_get BAD_ARGUMENT: there is no option timeout; there is headers; http(#{ … }) has it");
    assert_eq!(site.bodies("/"), Vec::<String>::new());
}

/// "tea for two", packed.
const PACKED: [(&str, &[u8]); 4] = [
    (
        "gzip",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\x49\x4d\x54\x48\xcb\x2f\x52\x28\x29\xcf\x07\x00\xad\x23\xb3\x7c\x0b\x00\x00\x00",
    ),
    // As some servers send it: without its frame.
    ("deflate", b"\x2b\x49\x4d\x54\x48\xcb\x2f\x52\x28\x29\xcf\x07\x00"),
    ("deflate", b"\x78\x9c\x2b\x49\x4d\x54\x48\xcb\x2f\x52\x28\x29\xcf\x07\x00\x18\x39\x04\x1c"),
    ("br", b"\x0b\x05\x80\x74\x65\x61\x20\x66\x6f\x72\x20\x74\x77\x6f\x03"),
];

#[tokio::test]
async fn packed_answers_are_unpacked() {
    let site = Site::open().await;
    for (packing, bytes) in PACKED {
        site.serves("/", &format!("200 OK\r\nContent-Encoding: {packing}"), bytes);
        assert_eq!(gives(&site, "http_get(site).body").await, "tea for two", "{packing}");
        assert_eq!(gives(&site, "http(#{ url: site, method: \"HEAD\" }).body").await, "", "{packing}");
        assert!(site.latest("/").contains("\naccept-encoding: "), "{}", site.latest("/"));
        site.serves("/", &format!("200 OK\r\nContent-Encoding: {packing}"), &bytes[..bytes.len() / 2]);
        let broken = gives(&site, "http_get(site)").await;
        assert!(broken.starts_with("http_get HTTP_FAILED: 127.0.0.1: the answer cannot be unpacked"), "{broken}");
    }
    let broken = gives(&site, "http_post(site, \"\")").await;
    assert!(broken.starts_with("http_post IN_DOUBT: "), "{broken}");
}

/// 5,000 bytes as 45.
const SMALL: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xda\x8b\x6f\x0a\x3f\xa0\x00\x00\x00\x00\x80\xb7\x01\x26\xf0\xdb\x00\x88\x13\x00\x00";

#[tokio::test]
async fn what_is_too_long_counts_unpacked_and_as_text() {
    let site = Site::open().await;
    site.serves("/packed", "200 OK\r\nContent-Encoding: gzip", SMALL);
    site.serves("/latin", "200 OK\r\nContent-Type: text/plain; charset=latin1", &[0xe9; 3000]);
    for (path, limit, expected) in [
        ("/packed", 4096, "TOO_LARGE: the answer of 127.0.0.1 is longer than 4096 bytes"),
        ("/latin", 4096, "TOO_LARGE: the answer of 127.0.0.1 is longer than 4096 bytes"),
        ("/packed", 5500, "5000"),
        ("/latin", 6500, "3000"),
    ] {
        let bot =
            setup(&site, &format!("http_get(site + \"{path}\").body.len()")).limits(|limits| limits.string = limit);
        let text = said(bot.start().await).await;
        assert_eq!(text.trim_start_matches("http_get "), expected, "{path}");
    }
}

#[tokio::test]
async fn answers_are_read_in_the_charset_that_they_name() {
    let site = Site::open().await;
    site.serves("/gbk", "200 OK\r\nContent-Type: text/html; charset=GBK", b"\xb2\xe8");
    site.serves("/silent", "200 OK\r\nContent-Type: text/html", b"\x83J\x83t\x83F");
    site.serves("/mark", "200 OK\r\nContent-Type: application/json", b"\xef\xbb\xbf{\"tea\": 3}");
    site.serves("/none", "404 Not Found\r\nContent-Type: text/html; charset=klingon", b"no");
    assert_eq!(gives(&site, "http_get(site + \"/gbk\").body").await, "茶");
    assert_eq!(gives(&site, "http(#{ url: site + \"/silent\", charset: \"shift_jis\" }).body").await, "カフェ");
    assert_eq!(gives(&site, "parse_json(http_get(site + \"/mark\").body).tea").await, "3");
    assert_eq!(gives(&site, "http_get(site + \"/mark\").json().tea").await, "3");
    assert_eq!(gives(&site, "parse_json(\"\\ufeff[3]\")[0]").await, "3");
    let unknown = gives(&site, "http_get(site + \"/none\")").await;
    let expected = "http_get UNKNOWN_CHARSET: the answer of 127.0.0.1, of status 404: found the charset \"klingon\"";
    assert!(unknown.starts_with(expected), "{unknown}");
    let none = gives(&site, "http_get(site + \"/gbk\").json()").await;
    assert!(none.contains("NOT_JSON: json: the answer of status 200 is no JSON: "), "{none}");
    let other = gives(&site, "json(#{ a: 1 })").await;
    assert!(other.contains("BAD_ARGUMENT: json: expected an answer of the web"), "{other}");
}

#[tokio::test]
async fn a_request_is_sent_on_to_allowed_places_without_the_headers_of_the_first() {
    let (site, other, foreign) = (Site::open().await, Site::open().await, Site::open().await);
    other.serves("/there", "200 OK", b"arrived");
    site.serves("/there", "200 OK", b"arrived");
    site.serves("/here", "307 Temporary Redirect\r\nLocation: /there", b"");
    site.serves("/other", &format!("307 Temporary Redirect\r\nLocation: {}", other.url("/there")), b"");
    site.serves("/see", &format!("303 See Other\r\nLocation: {}", other.url("/there")), b"");
    site.serves("/foreign", &format!("302 Found\r\nLocation: {}", foreign.url("/there")), b"");
    site.serves("/lost", "307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/", b"");
    site.serves("/round", "302 Found\r\nLocation: /round", b"");
    let asks = async |path: &str, give: &str| {
        let code = format!(
            "http(#{{ url: site + \"{path}\", method: \"POST\", json: [1], bearer: \"hush\", headers: #{{ \"X-Key\": \"hush\" }} }}){give}"
        );
        let setup = setup(&site, &code).allow(&other).allow_host("127.0.0.1:1");
        said(setup.start().await).await
    };
    for (path, at, is_told, body) in
        [("/here", &site, true, "[1]"), ("/other", &other, false, "[1]"), ("/see", &other, false, "")]
    {
        assert_eq!(asks(path, ".body").await, "arrived", "{path}");
        let sent = at.latest("/there");
        assert_eq!(sent.matches("hush").count(), if is_told { 2 } else { 0 }, "{path}: {sent}");
        assert!(sent.ends_with(&format!("\n{body}")), "{path}: {sent}");
        assert_eq!(sent.contains("application/json"), !body.is_empty(), "{path}: {sent}");
    }
    assert_eq!(asks("/foreign", ".headers.location").await, foreign.url("/there"));
    assert_eq!(foreign.bodies("/there"), Vec::<String>::new());
    let lost = asks("/lost", "").await;
    assert!(lost.starts_with("http IN_DOUBT: 127.0.0.1: cannot connect"), "the first place was reached: {lost}");
    let round = gives(&site, "http_get(site + \"/round\")").await;
    assert_eq!(round, "http_get HTTP_FAILED: 127.0.0.1: it is sent on more than 10 times");
    assert_eq!(site.bodies("/round").len(), 11);
}

#[tokio::test]
async fn a_request_waits_for_its_own_time_which_may_be_longer_than_that_of_others() {
    let (site, clock) = (Site::open().await, Clock::manual(0));
    for (method, timeout, seconds, doubt) in
        [("GET", "5s", 5, ""), ("PUT", "2m", 120, "; it may have been done all the same")]
    {
        let code = format!("http(#{{ url: site + \"/{method}\", method: \"{method}\", timeout: \"{timeout}\" }})");
        let (bot, path) = (setup(&site, &code).clock(&clock).start().await, format!("/{method}"));
        bot.says("u1", "go");
        site.is_asked(&path, 1).await;
        clock.advance(Duration::from_secs(seconds - 1));
        bot.says("u2", "go");
        site.is_asked(&path, 2).await;
        assert_eq!(bot.texts_to("u1"), Vec::<String>::new());
        clock.advance(Duration::from_secs(1));
        let expected = format!("http TIMEOUT: 127.0.0.1 had no answer within {seconds}s{doubt}");
        assert_eq!(bot.text_to("u1").await, expected);
        site.answers(&path, "late");
        site.answers(&path, "in time");
        assert!(bot.text_to("u2").await.starts_with("#{"), "it has its own time");
        bot.stop().await;
    }
}

#[tokio::test]
async fn a_dry_run_looks_and_does_nothing() {
    let site = Site::open().await;
    let code = r#"
        for method in ["GET", "DELETE", "PUT", "HEAD"] {
            let answer = http(#{ url: `${site}/${method}`, method: method });
            if method == "GET" && answer.status != 418 || method == "PUT" && answer.status != 200 { return; }
        }
        http_get(site + "/end");"#;
    for path in ["/GET", "/DELETE", "/PUT", "/HEAD"] {
        site.serves(path, "418 I'm a teapot", b"");
    }
    let bot = setup(&site, code).dry_run().start().await;
    bot.says("u1", "go");
    site.is_asked("/end", 1).await;
    let asked = ["/GET", "/DELETE", "/PUT", "/HEAD"].map(|path| site.bodies(path).len());
    assert_eq!(asked, [1, 0, 0, 1]);
    site.answers("/end", "");
    bot.stop().await;
}
