//! What cannot be read is not what was deleted: the running version goes on in full, and the log says why.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::support::{Bot, Setup};

/// Holds a conversation, and tells when it is taken away.
const BOT: &str = "import \"lib/word\" as word;
fn on_stop() { send_text(\"life\", \"stop\"); }
fn on_message(msg) {
    if msg.text == \"go\" { msg.reply(\"answered \" + msg.ask(\"?\").text); return; }
    msg.reply(word::word());
}";

async fn start() -> Bot {
    Setup::new().script("bot", BOT).script("lib/word", "fn word() { \"here\" }").start().await
}

/// What takes a path's place.
type Spoil = fn(&Path);

/// What can stand where a file was, and what is said of it.
const IN_ITS_PLACE: [(&str, Spoil); 5] = [
    ("found a folder, expected a file", |path| fs::create_dir(path).expect("a folder")),
    ("found no regular file, expected a file", |path| make_pipe(path)),
    ("found no regular file, expected a file", |path| drop(UnixListener::bind(path).expect("a socket"))),
    ("it cannot be read: ", |path| symlink(path.file_name().expect("a name"), path).expect("a link")),
    ("it is no text in UTF-8", |path| fs::write(path, b"fn \xff").expect("the folder is ours")),
];

fn make_pipe(path: &Path) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
}

fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }.expect("it is ours");
}

/// Has a conversation go on over what `spoil` does to a path, and over its return.
async fn goes_on(bot: &Bot, path: &Path, reason: &str, spoil: impl FnOnce(&Path)) {
    let kept = path.with_extension("kept");
    bot.says("u1", "go");
    assert_eq!(bot.text_to("u1").await, "?");
    fs::rename(path, &kept).expect("the folder is ours");
    spoil(path);
    bot.logged(&[&path.display().to_string(), reason, "the version before it"]).await;
    bot.says("u2", "hi");
    assert_eq!(bot.text_to("u2").await, "here", "{reason}");
    bot.says("u1", "yes");
    assert_eq!(bot.text_to("u1").await, "answered yes", "{reason}");
    remove(path);
    fs::rename(&kept, path).expect("the folder is ours");
    bot.logged(&["is in order again"]).await;
}

#[tokio::test]
async fn a_script_whose_place_another_thing_takes_goes_on() {
    for (reason, spoil) in IN_ITS_PLACE {
        let bot = start().await;
        goes_on(&bot, &bot.file("bot"), reason, spoil).await;
        assert!(bot.texts_to("life").is_empty(), "{reason}");
        bot.stop().await;
    }
}

#[tokio::test]
async fn a_module_whose_place_another_thing_takes_goes_on() {
    for (reason, spoil) in IN_ITS_PLACE {
        let bot = start().await;
        goes_on(&bot, &bot.file("lib/word"), reason, spoil).await;
        assert!(bot.texts_to("life").is_empty(), "{reason}");
        bot.stop().await;
    }
}

#[tokio::test]
async fn the_scripts_of_a_folder_that_cannot_be_read_go_on() {
    let in_its_place: [Spoil; 2] = [
        |path| symlink(path.file_name().expect("a name"), path).expect("a link"),
        |path| fs::write(path, "no folder").expect("the folder is ours"),
    ];
    for spoil in in_its_place {
        let bot = start().await;
        goes_on(&bot, &bot.scripts(), "it cannot be read: ", spoil).await;
        assert!(bot.texts_to("life").is_empty());
        bot.stop().await;
    }
}

#[tokio::test]
async fn a_script_that_cannot_be_read_at_the_start_is_live_once_it_can() {
    let setup = Setup::new().script("z", "fn on_message(msg) { msg.reply(\"z\"); }");
    let file = setup.scripts().join("bot.rhai");
    symlink("bot.rhai", &file).expect("a link");
    let bot = setup.start().await;
    assert!(bot.host().faults()[0].message.starts_with("it cannot be read: "), "{}", bot.host().faults()[0]);
    remove(&file);
    bot.save("bot", "fn on_start() { send_text(\"life\", \"start\"); }");
    assert_eq!(bot.text_to("life").await, "start");
    bot.stop().await;
}

#[tokio::test]
async fn a_folder_of_modules_may_be_a_link() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    fs::write(elsewhere.path().join("word.rhai"), "fn word() { \"linked\" }").expect("the folder is ours");
    let setup = Setup::new().script("bot", BOT);
    symlink(elsewhere.path(), setup.scripts().join("lib")).expect("a link");
    let bot = setup.start().await;
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "linked");
    bot.stop().await;
}
