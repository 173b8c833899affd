//! Scripts on the web: a bot in a process of its own, a server that it may reach, and places that it may not.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::person::Person;
use crate::cli::run::{Bot, folder};
use crate::sandbox::sandbox;

/// A server of a few pages, and the requests that it got.
struct Site {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let told = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let told = Arc::clone(&told);
                // A connection that breaks off is the bot's to notice.
                std::thread::spawn(move || serve(&stream, port, &told));
            }
        });
        Self { port, requests }
    }

    /// The requests so far, each as its first line, the headers that a script gave, and its body.
    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: &TcpStream, port: u16, told: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let header = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let first = lines.first().cloned().unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default();
    let mut request = format!("{path} {}", String::from_utf8_lossy(&body));
    for name in ["content-type", "x-key"] {
        if let Some(value) = header(name) {
            let _ = write!(request, " {name}={value}");
        }
    }
    // There are servers that insist on it.
    if first.starts_with("POST") && header("content-length").is_none() {
        request.push_str(" without a length");
    }
    told.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let (head, body) = match path {
        "/here" => ("302 Found\r\nLocation: /hello".to_owned(), String::new()),
        "/away" => (format!("302 Found\r\nLocation: http://localhost:{port}/hello"), String::new()),
        "/long" => ("200 OK".to_owned(), "x".repeat(5000)),
        "/gone" => ("410 Gone".to_owned(), "no more".to_owned()),
        "/never" => {
            // Until the bot gives up.
            let _ = reader.read(&mut [0; 1]);
            return Ok(());
        }
        _ => ("200 OK\r\nX-Kind: greeting\r\nSet-Cookie: id=s3cret-cookie".to_owned(), "hello".to_owned()),
    };
    let length = body.len();
    write!(&mut &*stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// Runs a script against a sandbox, has alice say "go" and gives what the bot answers, line by line.
async fn answers(script: &str, settings: &str, expected: &[&str], after: impl FnOnce(&Path) + Send + 'static) {
    let sandbox = sandbox().await;
    let folder = folder(&[("web.rhai", script)]);
    let configuration = format!(
        "pacing = \"off\"\n{settings}\n[[session]]\ngateway = \"{}\"\nemail = \"bot@sandbox.test\"\n\
         password = \"sandbox\"\n",
        sandbox.url()
    );
    fs::write(folder.path().join("hotline.toml"), configuration).expect("the folder is writable");
    let expected: Vec<_> = expected.iter().map(|line| format!("bot: {line}")).collect();
    let url = sandbox.url();
    let talk = move || {
        let bot = Bot::start(folder.path(), &["run"]);
        bot.logs("logged in");
        let mut alice = Person::chats(&url, &[]);
        alice.types("go");
        for line in expected {
            alice.sees(&line);
        }
        assert_eq!(alice.leaves(), (0, String::new()));
        assert_eq!(bot.ends(), Some(0));
        after(folder.path());
    };
    tokio::task::spawn_blocking(talk).await.expect("the bot answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_fetches_and_posts_and_its_secrets_stay_out_of_the_record() {
    let site = Site::open();
    let url = format!("http://127.0.0.1:{}", site.port);
    let script = format!(
        r#"
fn on_message(msg) {{
    let site = "{url}";
    let key = "s3cret" + "-value";
    let found = http_get(site + "/hello", #{{headers: #{{"X-Key": key}}}});
    msg.reply(`${{found.status}} ${{found.headers["x-kind"]}} ${{found.body}}`);
    let gone = http_get(site + "/gone");
    msg.reply(`${{gone.status}} ${{gone.body}}`);
    msg.reply(http_get(site + "/here").body);
    http_post(site + "/text", "plain");
    http_post(site + "/json", #{{a: [1, "two"]}}, #{{headers: #{{"X-Key": key}}}});
    if "set-cookie" in found.headers {{ throw "a cookie"; }}
    http_get(site + "/query?key=" + key);
    http_post(site + "/body", key);
    http_post(site + "/nothing", "");
    http_post(site + "/csv", "a,b", #{{headers: #{{"Content-Type": "text/csv"}}}});
    msg.reply("done");
}}
"#
    );
    let settings = format!("[http]\nallow = [\"127.0.0.1:{}\"]\n", site.port);
    let expected = ["200 greeting hello", "410 no more", "hello", "done"];
    let record_is_clean = |folder: &Path| {
        let mut record = Vec::new();
        for entry in fs::read_dir(folder.join("data")).expect("a data folder") {
            record.extend(fs::read(entry.expect("an entry").path()).expect("it is readable"));
        }
        let holds = |text: &str| record.windows(text.len()).any(|found| found == text.as_bytes());
        assert!(holds("/json"), "the calls are recorded");
        assert!(!holds("s3cret-value"), "their headers, queries and bodies are not");
        assert!(!holds("s3cret-cookie"), "nor are cookies");
    };
    answers(&script, &settings, &expected, record_is_clean).await;
    assert_eq!(
        site.requests(),
        [
            "/hello  x-key=s3cret-value",
            "/gone ",
            "/here ",
            "/hello ",
            "/text plain content-type=text/plain; charset=utf-8",
            r#"/json {"a":[1,"two"]} content-type=application/json x-key=s3cret-value"#,
            "/query?key=s3cret-value ",
            "/body s3cret-value content-type=text/plain; charset=utf-8",
            "/nothing  content-type=text/plain; charset=utf-8",
            "/csv a,b content-type=text/csv",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_may_not_do_on_the_web_or_cannot_is_thrown() {
    let site = Site::open();
    let url = format!("http://127.0.0.1:{}", site.port);
    let script = format!(
        r#"
fn attempt(msg, url, options) {{
    try {{
        msg.reply(`${{http_get(url, options).status}}`);
    }} catch (error) {{
        msg.reply(`${{error.command}} ${{error.name}} ${{error.message}}`);
    }}
}}

fn on_message(msg) {{
    let site = "{url}";
    attempt(msg, "http://localhost:{port}/hello", #{{}});
    attempt(msg, "ftp://127.0.0.1:{port}/hello", #{{}});
    attempt(msg, site + "/hello", #{{header: #{{}}}});
    attempt(msg, site + "/hello", #{{headers: #{{Host: "elsewhere"}}}});
    attempt(msg, site + "/away", #{{}});
    attempt(msg, site + "/long", #{{}});
    attempt(msg, site + "/never", #{{}});
}}
"#,
        port = site.port
    );
    let settings =
        format!("[limits]\nreply = \"500ms\"\nstring = \"4 KiB\"\n[http]\nallow = [\"127.0.0.1:{}\"]\n", site.port);
    let expected = [
        "http_get NOT_ALLOWED localhost is not among the hosts that the configuration allows: add it to [http] allow",
        "http_get BAD_ARGUMENT found a url of the scheme ftp, expected http or https",
        "http_get BAD_ARGUMENT there is no option header; there is headers",
        "http_get BAD_ARGUMENT the header Host is set by Hotline itself",
        "302",
        "http_get TOO_LARGE the answer of 127.0.0.1 is longer than 4096 bytes",
        "http_get TIMEOUT 127.0.0.1 had no answer within 500ms",
    ];
    answers(&script, &settings, &expected, |_| {}).await;
    assert_eq!(site.requests(), ["/away ", "/long ", "/never "]);
}
