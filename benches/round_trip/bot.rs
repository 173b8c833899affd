//! The hard-coded bot: what one would write by hand for exactly this job. It awaits no reply, and does nothing else.

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// A read clears its buffer before it fills it, of which a chat with short messages should not have much.
const READ_BUFFER: usize = 16 * 1024;

#[derive(Deserialize)]
struct Frame<'a> {
    command: &'a str,
    #[serde(default)]
    subcommand: Option<&'a str>,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct Received<'a> {
    from: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Login<'a> {
    command: &'a str,
    task_id: u64,
    email: String,
    password: &'a str,
    cert: &'a str,
}

#[derive(Serialize)]
struct SendText<'a> {
    command: &'a str,
    task_id: u64,
    to: &'a str,
    content: &'a str,
}

/// Serves `sessions` at the gateway until it goes away.
pub(crate) fn run(url: &str, sessions: usize) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let tasks: Vec<_> =
            (0..sessions).map(|number| tokio::task::spawn_local(serve(url.to_owned(), number))).collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

async fn serve(url: String, number: usize) -> anyhow::Result<()> {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let (mut socket, _) = tokio_tungstenite::connect_async_with_config(url, Some(config), true).await?;
    let email = format!("bot{number}@bench.test");
    let login = Login { command: "Login", task_id: 0, email, password: "-", cert: "" };
    socket.send(Message::Text(Utf8Bytes::from(serde_json::to_string(&login)?))).await?;
    let mut task_id = 0;
    while let Some(frame) = socket.next().await {
        let mut frame = frame?;
        loop {
            if let Message::Text(text) = &frame
                && let Some(answer) = answer(text, task_id + 1)?
            {
                task_id += 1;
                socket.feed(Message::Text(Utf8Bytes::from(answer))).await?;
            }
            match socket.next().now_or_never() {
                Some(Some(next)) => frame = next?,
                _ => break,
            }
        }
        socket.flush().await?;
    }
    Ok(())
}

fn answer(text: &str, task_id: u64) -> anyhow::Result<Option<String>> {
    let frame: Frame<'_> = serde_json::from_str(text)?;
    if frame.command != "OnNotify" || frame.subcommand != Some("RECEIVE_MESSAGE") {
        return Ok(None);
    }
    let message: Received<'_> = serde_json::from_str(&frame.content)?;
    if !message.text.starts_with("ping") {
        return Ok(None);
    }
    let content = format!("pong: {}", message.text);
    let answer = SendText { command: "SendText", task_id, to: message.from, content: &content };
    Ok(Some(serde_json::to_string(&answer)?))
}
