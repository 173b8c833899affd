//! A place on the web that answers when a test says so, or by itself after a moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Real time that no test comes near unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server; dropped, it is gone.
pub(crate) struct Site {
    port: u16,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    requests: Mutex<Vec<Request>>,
    /// What it answers by itself, by paths: status and headers, and the bytes of the body.
    pages: Mutex<BTreeMap<&'static str, (String, &'static [u8])>>,
    changed: Notify,
    /// How long it takes to answer by itself, from the path; `None` where a test answers.
    pace: fn(&str) -> Option<Duration>,
}

struct Request {
    /// The method, and the headers in small letters, each with a line of its own.
    head: String,
    path: String,
    body: String,
    answer: Option<oneshot::Sender<String>>,
}

impl Site {
    /// A server that leaves every answer to the test.
    pub(crate) async fn open() -> Self {
        Self::at_pace(|_| None).await
    }

    /// A server that answers by itself where `pace` says so.
    pub(crate) async fn at_pace(pace: fn(&str) -> Option<Duration>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let shared =
            Arc::new(Shared { requests: Mutex::default(), pages: Mutex::default(), changed: Notify::new(), pace });
        let serving = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                // A connection that breaks off is the bot's to notice.
                tokio::spawn(async move { serve(stream, &shared).await });
            }
        });
        Self { port, shared, serving }
    }

    /// Its host and port.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The url of a path that begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host())
    }

    /// Has a path answered by itself from now on, with a status such as `200 OK` and headers.
    pub(crate) fn serves(&self, path: &'static str, head: &str, body: &'static [u8]) {
        self.shared.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(path, (head.to_owned(), body));
    }

    /// The latest request of a path: its method, a line for each header, and its body.
    pub(crate) fn latest(&self, path: &str) -> String {
        let requests = self.requests();
        let latest = requests.iter().rfind(|request| request.path == path).expect("it was asked for");
        format!("{}\n{}", latest.head, latest.body)
    }

    /// The bodies of all requests of a path so far.
    pub(crate) fn bodies(&self, path: &str) -> Vec<String> {
        self.requests().iter().filter(|request| request.path == path).map(|request| request.body.clone()).collect()
    }

    /// Waits until a path has been asked for this often.
    pub(crate) async fn is_asked(&self, path: &str, times: usize) {
        let asked = async {
            loop {
                let changed = self.shared.changed.notified();
                if self.bodies(path).len() >= times {
                    return;
                }
                changed.await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, asked).await;
        outcome.unwrap_or_else(|_| panic!("{path} is asked for {} times, not {times}", self.bodies(path).len()));
    }

    /// Answers the oldest request of a path that waits.
    pub(crate) fn answers(&self, path: &str, text: &str) {
        let mut requests = self.requests();
        let waiting = requests.iter_mut().find(|request| request.path == path && request.answer.is_some());
        let answer = waiting.and_then(|request| request.answer.take()).expect("it is asked for");
        // Whoever asked may be gone.
        let _ = answer.send(text.to_owned());
    }

    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(&mut stream);
    let (mut head, mut path, mut length, mut line) = (String::new(), String::new(), 0, String::new());
    while reader.read_line(&mut line).await? > 0 && line != "\r\n" {
        if path.is_empty() {
            let mut words = line.split(' ');
            head.push_str(words.next().unwrap_or_default());
            path = words.next().unwrap_or_default().to_owned();
        } else {
            head.push('\n');
            head.push_str(line.trim_end());
        }
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.trim().parse().expect("a length");
        }
        line.clear();
    }
    if line != "\r\n" {
        // Whoever connected is gone.
        return Ok(());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    let body = String::from_utf8(body).expect("the body is text");
    let page = shared.pages.lock().unwrap_or_else(PoisonError::into_inner).get(path.as_str()).cloned();
    if let Some((status, bytes)) = page {
        let is_head = head.starts_with("HEAD\n");
        shared.take(Request { head, path, body, answer: None });
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
        stream.write_all(head.as_bytes()).await?;
        return stream.write_all(if is_head { &[] } else { bytes }).await;
    }
    let (answer, answered) = oneshot::channel();
    let text = match (shared.pace)(&path) {
        Some(pace) => {
            shared.take(Request { head, path, body: body.clone(), answer: None });
            tokio::time::sleep(pace).await;
            body
        }
        None => {
            shared.take(Request { head, path, body, answer: Some(answer) });
            answered.await.unwrap_or_default()
        }
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    stream.write_all(format!("{head}{text}").as_bytes()).await
}

impl Shared {
    fn take(&self, request: Request) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        self.changed.notify_waiters();
    }
}
