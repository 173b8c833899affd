//! The bot with its handler in Lua: `round-trip-peer URL SESSIONS`. LuaJIT runs it by way of mlua; each session has a state of its own, and each
//! answer is awaited, which parks the handler's coroutine.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use mlua::{Function, Lua};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// As the hard-coded bot has it.
const READ_BUFFER: usize = 16 * 1024;

#[derive(Deserialize)]
struct Frame<'a> {
    command: &'a str,
    #[serde(default)]
    subcommand: &'a str,
    #[serde(default)]
    task_id: u64,
    #[serde(default)]
    code: i64,
    #[serde(default, borrow)]
    content: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Received<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    from: Cow<'a, str>,
    #[serde(borrow)]
    to: Cow<'a, str>,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Serialize)]
struct SendText<'a> {
    command: &'a str,
    task_id: u64,
    to: &'a str,
    content: &'a str,
}

/// Lua's errors belong to their thread, so that they are boxed here.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What a session's handlers share with its connection.
#[derive(Default)]
struct Session {
    sent: Cell<u64>,
    out: RefCell<Vec<String>>,
    filled: Notify,
    waiting: RefCell<HashMap<u64, oneshot::Sender<i64>>>,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("no url is given")?;
    let sessions: usize = arguments.next().ok_or("no number of sessions is given")?.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let tasks: Vec<_> = (0..sessions).map(|number| tokio::task::spawn_local(serve(url.clone(), number))).collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

async fn serve(url: String, number: usize) -> Result<()> {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let (mut socket, _) = tokio_tungstenite::connect_async_with_config(url, Some(config), true).await?;
    let login = format!(r#"{{"command":"Login","email":"bot{number}@bench.test","password":"-","cert":""}}"#);
    socket.send(Message::text(login)).await?;
    let session = Rc::new(Session::default());
    let lua = Lua::new();
    let on_message = load(&lua, &session)?;
    let mut heartbeat = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            biased;
            () = session.filled.notified() => {
                for text in session.out.take() {
                    socket.feed(Message::text(text)).await?;
                }
            }
            frame = socket.next() => {
                let mut frame = frame.ok_or("the gateway is gone")??;
                // What has arrived is handled in one go, and what comes of it is flushed once.
                loop {
                    take(&session, &lua, &on_message, &frame)?;
                    match socket.next().now_or_never() {
                        Some(next) => frame = next.ok_or("the gateway is gone")??,
                        None => break,
                    }
                }
                continue;
            }
            _ = heartbeat.tick() => socket.feed(Message::text(r#"{"command":"HeartBeat"}"#)).await?,
        }
        socket.flush().await?;
    }
}

fn load(lua: &Lua, session: &Rc<Session>) -> mlua::Result<Function> {
    let session = Rc::clone(session);
    let send = lua.create_async_function(move |_, (to, content): (String, String)| {
        let session = Rc::clone(&session);
        async move { session.send_text(&to, &content).await }
    })?;
    lua.globals().set("send_text", send)?;
    lua.load(include_str!("bot.lua")).exec()?;
    lua.globals().get("on_message")
}

impl Session {
    async fn send_text(&self, to: &str, content: &str) -> mlua::Result<()> {
        let task_id = self.sent.get() + 1;
        self.sent.set(task_id);
        let command = SendText { command: "SendText", task_id, to, content };
        let text = serde_json::to_string(&command).map_err(mlua::Error::external)?;
        let (answer, answered) = oneshot::channel();
        self.waiting.borrow_mut().insert(task_id, answer);
        self.out.borrow_mut().push(text);
        self.filled.notify_one();
        match answered.await {
            Ok(0) => Ok(()),
            Ok(code) => Err(mlua::Error::runtime(format!("the gateway answers with {code}"))),
            Err(gone) => Err(mlua::Error::external(gone)),
        }
    }
}

fn take(session: &Session, lua: &Lua, on_message: &Function, frame: &Message) -> Result<()> {
    let Message::Text(text) = frame else { return Ok(()) };
    let frame: Frame<'_> = serde_json::from_str(text)?;
    if frame.subcommand == "RECEIVE_MESSAGE" {
        let received: Received<'_> = serde_json::from_str(&frame.content)?;
        let msg = lua.create_table_with_capacity(0, 4)?;
        msg.raw_set("id", &*received.id)?;
        msg.raw_set("from", &*received.from)?;
        msg.raw_set("to", &*received.to)?;
        msg.raw_set("text", &*received.text)?;
        let handled = on_message.call_async::<()>(msg);
        tokio::task::spawn_local(async move {
            if let Err(error) = handled.await {
                eprintln!("on_message: {error}");
            }
        });
    } else if frame.command == "SendText"
        && let Some(answer) = session.waiting.borrow_mut().remove(&frame.task_id)
    {
        // The handler may have ended.
        let _ = answer.send(frame.code);
    }
    Ok(())
}
