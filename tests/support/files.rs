//! A server for files over HTTP: takes one upload or gives one download, and tells what it saw.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};

/// A server that serves one request.
pub(crate) struct FileServer {
    pub(crate) url: String,
    pub(crate) served: JoinHandle<Served>,
}

/// What was asked of it.
#[derive(Default)]
pub(crate) struct Served {
    pub(crate) request: String,
    /// The headers, their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The heads of the parts with the bodies of all but the file.
    pub(crate) parts: Vec<String>,
    pub(crate) size: u64,
    pub(crate) hash: Vec<u8>,
}

/// What a server gives.
pub(crate) enum Answer {
    /// A status line's end, such as `200 OK`, after the whole request is read.
    Status(&'static str),
    /// So many bytes of [`content`].
    Content(u64),
    /// Half of a promised body.
    Torn,
}

/// The unit in which the content of a file changes.
pub(crate) const BLOCK: usize = 64 * 1024;

/// The bytes of a file from `at` on: any block can be made without the rest.
pub(crate) fn content(at: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0x5a; length];
    for (index, block) in bytes.chunks_mut(BLOCK).enumerate() {
        let place = (at + (index * BLOCK) as u64).to_le_bytes();
        let shown = place.len().min(block.len());
        block[..shown].copy_from_slice(&place[..shown]);
    }
    bytes
}

impl FileServer {
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/media?token=t", listener.local_addr().expect("it listens"));
        let served = spawn_local(async move { serve(listener.accept().await.expect("a client").0, answer).await });
        Self { url, served }
    }
}

async fn serve(stream: TcpStream, answer: Answer) -> Served {
    let mut stream = BufReader::with_capacity(256 * 1024, stream);
    let mut served = Served { request: line(&mut stream).await, ..Served::default() };
    loop {
        let header = line(&mut stream).await;
        let Some((name, value)) = header.split_once(": ") else { break };
        served.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    if let Some(boundary) = served.headers.get("content-type").and_then(|kind| kind.split_once("boundary=")) {
        let boundary = boundary.1.to_owned();
        form(&mut stream, &boundary, &mut served).await;
    }
    let stream = stream.get_mut();
    match answer {
        Answer::Status(status) => {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("an answer");
        }
        Answer::Content(length) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("a head");
            let mut hash = Sha256::new();
            for at in (0..length).step_by(BLOCK) {
                let length = usize::try_from((length - at).min(BLOCK as u64)).expect("small");
                let chunk = content(at, length);
                hash.update(&chunk);
                stream.write_all(&chunk).await.expect("a body");
            }
            served.hash = hash.finalize().to_vec();
        }
        Answer::Torn => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").await.expect("a body");
        }
    }
    served
}

async fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.expect("a line");
    line.trim_end().to_owned()
}

/// Reads a form whose last part is the file.
async fn form(stream: &mut BufReader<TcpStream>, boundary: &str, served: &mut Served) {
    let mut left: u64 = served.headers["content-length"].parse().expect("a length");
    let end = format!("\r\n--{boundary}--\r\n").len() as u64;
    loop {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a line");
            left -= line.len() as u64;
            if line == "\r\n" {
                break;
            }
            if line.trim_end() != format!("--{boundary}") {
                head.push_str(&line);
            }
        }
        if head.contains("name=\"files\"") {
            served.parts.push(head.trim_end().to_owned());
            break;
        }
        let body = line(stream).await;
        left -= body.len() as u64 + 2;
        served.parts.push(format!("{}|{body}", head.trim_end()));
    }
    served.size = left - end;
    let mut hash = Sha256::new();
    let mut file = stream.take(served.size);
    let mut chunk = vec![0; 256 * 1024];
    loop {
        let count = file.read(&mut chunk).await.expect("the file");
        if count == 0 {
            break;
        }
        hash.update(&chunk[..count]);
    }
    served.hash = hash.finalize().to_vec();
    let mut rest = vec![0; usize::try_from(end).expect("small")];
    stream.read_exact(&mut rest).await.expect("the end of the form");
}
