//! Small proxies, http and socks5, that tell what they were asked and pass the bytes on.

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};

/// A proxy that serves one connection.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// Gives what the client asked for, once the connection is over.
    pub(crate) asked: JoinHandle<String>,
}

impl Proxy {
    /// An http proxy: tells the head of the request.
    pub(crate) async fn http(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let asked = spawn_local(async move {
            let mut client = listener.accept().await.expect("a client").0;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.expect("a request"));
            }
            let head = String::from_utf8(head).expect("text");
            client.write_all(format!("HTTP/1.1 {answer}\r\nVia: test\r\n\r\n").as_bytes()).await.expect("an answer");
            if answer.starts_with("200") {
                let target = head.split(' ').nth(1).expect("a target").to_owned();
                pass_on(client, &target).await;
            }
            head
        });
        Self { port, asked }
    }

    /// A socks5 proxy that wants a name and a password: tells `name:password target`.
    pub(crate) async fn socks5() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let asked = spawn_local(async move {
            let mut client = listener.accept().await.expect("a client").0;
            assert_eq!(client.read_u8().await.expect("a version"), 5);
            text(&mut client).await;
            client.write_all(&[5, 2]).await.expect("an answer");
            assert_eq!(client.read_u8().await.expect("a version"), 1);
            let (name, password) = (text(&mut client).await, text(&mut client).await);
            client.write_all(&[1, 0]).await.expect("an answer");
            let mut head = [0; 4];
            client.read_exact(&mut head).await.expect("a request");
            let host = match head[3] {
                1 => {
                    let mut address = [0; 4];
                    client.read_exact(&mut address).await.expect("an address");
                    std::net::Ipv4Addr::from(address).to_string()
                }
                3 => text(&mut client).await,
                other => panic!("no address of kind {other}"),
            };
            let port = client.read_u16().await.expect("a port");
            client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.expect("an answer");
            let target = format!("{host}:{port}");
            pass_on(client, &target).await;
            format!("{name}:{password} {target}")
        });
        Self { port, asked }
    }
}

async fn text(client: &mut TcpStream) -> String {
    let mut bytes = vec![0; client.read_u8().await.expect("a length").into()];
    client.read_exact(&mut bytes).await.expect("a text");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn pass_on(mut client: TcpStream, target: &str) {
    let mut server = TcpStream::connect(target).await.expect("the target is there");
    // Either side may go without a word.
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
