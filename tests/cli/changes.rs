//! The configuration changes while the bot runs: sessions come, go and connect anew, and what cannot change is said.

use std::fs;
use std::path::{Path, PathBuf};

use hotline::sandbox::{Control, Sandbox};
use tempfile::TempDir;

use crate::cli::person::Person;
use crate::cli::run::{Bot, folder};
use crate::sandbox::sandbox;

const SCRIPT: &str = "fn on_start() { log_info(`hello from ${session().name}`); }
fn on_stop() { log_info(`goodbye from ${session().name}`); }
fn on_message(msg) {
    if msg.text == \"sessions\" { msg.reply(sessions().map(|one| one.name).to_string()); }
    if msg.text == \"order\" {
        let item = msg.ask(\"What would you like?\");
        msg.reply(`One ${item.text}.`);
    }
}
";

/// A bot whose configuration is written again and again.
struct Stage {
    sandbox: Sandbox,
    folder: TempDir,
}

impl Stage {
    async fn set() -> Self {
        Self { sandbox: sandbox().await, folder: folder(&[("reply.rhai", SCRIPT)]) }
    }

    fn writer(&self) -> Writer {
        Writer { file: self.folder.path().join("hotline.toml"), gateway: self.sandbox.url() }
    }

    fn control(&self) -> Control {
        self.sandbox.control()
    }

    /// Runs a test of the real binary beside the sandbox.
    async fn play(&self, act: impl FnOnce(&Path, Writer) + Send + 'static) {
        let (folder, writer) = (self.folder.path().to_owned(), self.writer());
        tokio::task::spawn_blocking(move || act(&folder, writer)).await.expect("the bot does its part");
    }
}

#[derive(Clone)]
struct Writer {
    file: PathBuf,
    gateway: String,
}

impl Writer {
    /// Saves a configuration as many editors do; a session is its name, its account and further lines.
    fn save(&self, top: &str, sessions: &[(&str, &str, &str)]) {
        let mut text = format!("pacing = \"off\"\n{top}\n");
        for (name, account, lines) in sessions {
            text += &format!(
                "[[session]]\nname = \"{name}\"\ngateway = \"{}\"\nemail = \"{account}@sandbox.test\"\n\
                 password = \"sandbox\"\n{lines}\n",
                self.gateway
            );
        }
        self.write(&text);
    }

    fn write(&self, text: &str) {
        let draft = self.file.with_extension("draft");
        fs::write(&draft, text).expect("the folder is writable");
        fs::rename(draft, &self.file).expect("the folder is writable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_added_starts_and_one_that_is_removed_stops() {
    let stage = Stage::set().await;
    let control = stage.control();
    stage
        .play(move |folder, configuration| {
            configuration.save("", &[("main", "bot", "")]);
            let bot = Bot::start(folder, &["run"]);
            bot.logs("hello from main");
            configuration.save("", &[("main", "bot", ""), ("second", "carol", "")]);
            bot.logs("it is new in the configuration");
            bot.logs("hello from second");
            let mut alice = Person::chats(&configuration.gateway, &[]);
            alice.types("sessions");
            alice.sees(r#"bot: ["main", "second"]"#);
            configuration.save("", &[("main", "bot", "")]);
            bot.logs("it is not configured any more and closes");
            bot.logs("goodbye from second");
            // One line of the log follows another, and the next version is taken up only when this one is.
            configuration.save("workers = 3", &[("main", "bot", "")]);
            bot.logs("\"workers\" has changed, which counts from the next start on");
            alice.types("sessions");
            alice.sees(r#"bot: ["main"]"#);
            assert_eq!(control.connections("carol"), 0);
            assert_eq!(alice.leaves().0, 0);
            assert_eq!(bot.ends(), Some(0));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_changes_connects_anew_and_its_conversations_go_on() {
    let stage = Stage::set().await;
    stage
        .play(|folder, configuration| {
            configuration.save("", &[("main", "bot", "")]);
            let bot = Bot::start(folder, &["run"]);
            bot.logs("hello from main");
            let mut alice = Person::chats(&configuration.gateway, &[]);
            alice.types("order");
            alice.sees("bot: What would you like?");
            let proxy = "proxy = { type = \"socks5\", server = \"127.0.0.1\", port = 1 }";
            configuration.save("", &[("main", "bot", proxy)]);
            bot.logs("its configuration has changed: it connects anew");
            bot.logs("goodbye from main");
            bot.logs("hello from main");
            alice.types("tea");
            alice.sees("bot: One tea.");
            assert_eq!(alice.leaves().0, 0);
            assert_eq!(bot.ends(), Some(0));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_scripts_count_at_once_and_need_no_new_login() {
    let stage = Stage::set().await;
    stage
        .play(|folder, configuration| {
            let scripts = folder.join("scripts");
            let other = "fn on_start() { log_info(\"the other one starts\"); }
                         fn on_stop() { log_info(\"the other one stops\"); }";
            fs::write(scripts.join("other.rhai"), other).expect("the folder is writable");
            configuration.save("", &[("main", "bot", "scripts = [\"reply\"]")]);
            let bot = Bot::start(folder, &["run"]);
            bot.logs("hello from main");
            let mut alice = Person::chats(&configuration.gateway, &[]);
            alice.types("order");
            alice.sees("bot: What would you like?");
            bot.logs("logged in");
            configuration.save("", &[("main", "bot", "media = \"upload\"")]);
            bot.logs("have changed and count from now on");
            bot.logs("the other one starts");
            configuration.save("", &[("main", "bot", "scripts = [\"reply\", \"othr\"]")]);
            bot.logs("no script is named \"othr\" as in its \"scripts\"; did you mean \"other\"?");
            bot.logs("the other one stops");
            alice.types("tea");
            alice.sees("bot: One tea.");
            bot.has_not_logged("logged in");
            assert_eq!(alice.leaves().0, 0);
            assert_eq!(bot.ends(), Some(0));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_saved_wrong_is_mended_by_the_right_one() {
    let stage = Stage::set().await;
    stage
        .play(|folder, configuration| {
            configuration.save("", &[("main", "bot", "")]);
            let bot = Bot::start(folder, &["run"]);
            bot.logs("hello from main");
            let text = fs::read_to_string(&configuration.file).expect("it is there");
            configuration.write(&text.replace("\"sandbox\"", "\"sandbx\""));
            bot.logs("the login was refused, it is not tried again");
            bot.logs("once its configuration is mended and saved, it is tried again");
            configuration.write(&text);
            bot.logs("hello from main");
            assert_eq!(bot.ends(), Some(0));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_not_there_is_named_at_the_start() {
    let stage = Stage::set().await;
    stage
        .play(|folder, configuration| {
            configuration.save("", &[("main", "bot", "scripts = [\"rply\"]")]);
            let bot = Bot::start(folder, &["run"]);
            bot.logs("no script is named \"rply\" as in its \"scripts\"; did you mean \"reply\"?");
            assert_eq!(bot.ends(), Some(0));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_configuration_is_named_with_its_place_and_changes_nothing() {
    let stage = Stage::set().await;
    stage
        .play(|folder, configuration| {
            configuration.save("", &[("main", "bot", "")]);
            let bot = Bot::start(folder, &["run"]);
            bot.logs("hello from main");
            configuration.write("pacing = \"off\"\nworker = 2\n");
            bot.logs("hotline.toml:2:1: unknown key \"worker\" in the configuration; did you mean \"workers\"?");
            let mut alice = Person::chats(&configuration.gateway, &[]);
            alice.types("sessions");
            alice.sees(r#"bot: ["main"]"#);
            configuration.save("", &[("main", "bot", "")]);
            bot.logs("hotline.toml is in order again");
            assert_eq!(alice.leaves().0, 0);
            assert_eq!(bot.ends(), Some(0));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_files_cannot_be_carried_does_not_replace_the_one_that_runs() {
    let stage = Stage::set().await;
    stage
        .play(|folder, configuration| {
            configuration.save("", &[("main", "bot", "")]);
            let bot = Bot::start(folder, &["run"]);
            bot.logs("hello from main");
            configuration.save("", &[("main", "bot", "media = \"upload\"\nroot = \"missing.pem\"")]);
            bot.logs("missing.pem");
            // The next version that asks for it is another attempt.
            fs::write(folder.join("missing.pem"), "").expect("the folder is writable");
            configuration.save("# again", &[("main", "bot", "media = \"upload\"\nroot = \"missing.pem\"")]);
            bot.logs("found no certificate");
            let mut alice = Person::chats(&configuration.gateway, &[]);
            alice.types("sessions");
            alice.sees(r#"bot: ["main"]"#);
            assert_eq!(alice.leaves().0, 0);
            assert_eq!(bot.ends(), Some(0));
        })
        .await;
}

#[test]
fn a_configuration_without_a_session_runs_against_the_embedded_sandbox() {
    let folder = folder(&[("reply.rhai", SCRIPT)]);
    fs::write(folder.path().join("hotline.toml"), "workers = 1\n").expect("the folder is writable");
    let bot = Bot::start(folder.path(), &["run"]);
    bot.logs("hello from main");
    assert_eq!(bot.ends(), Some(0));
}

#[test]
fn the_files_that_a_configuration_allows_reach_the_embedded_sandbox_and_no_others_do() {
    let script = r#"
        fn on_message(msg) {
            send_image(msg.chat, "cat.jpg");
            try { send_image(msg.chat, "../hotline.toml"); } catch (error) { msg.reply(error.message); }
        }"#;
    let folder = folder(&[("cat.rhai", script)]);
    let (pictures, configuration) = (folder.path().join("pictures"), folder.path().join("hotline.toml"));
    fs::create_dir(&pictures).expect("the folder is writable");
    fs::write(pictures.join("cat.jpg"), "a cat").expect("the folder is writable");
    fs::write(configuration, "files = [\"pictures\"]\n").expect("the folder is writable");
    let bot = Bot::start(folder.path(), &["run"]);
    let mut alice = Person::chats(&bot.url(), &[]);
    alice.types("a picture, please");
    alice.sees("bot: [IMAGE]");
    alice.sees(&format!(
        "bot: ../hotline.toml is in none of the folders that the configuration allows for files: {}",
        pictures.canonicalize().expect("it is there").display()
    ));
    assert_eq!(alice.leaves().0, 0);
    assert_eq!(bot.ends(), Some(0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_behind_a_chain_of_links_is_followed_when_one_in_the_middle_flips() {
    use std::os::unix::fs::symlink;

    let stage = Stage::set().await;
    stage
        .play(|folder, configuration| {
            for release in ["1", "2"] {
                let file = folder.join("releases").join(release).join("hotline.toml");
                fs::create_dir_all(file.parent().expect("its folder")).expect("the folder is ours");
                Writer { file, ..configuration.clone() }.save(&format!("workers = {release}"), &[("main", "bot", "")]);
            }
            symlink("releases/1", folder.join("current")).expect("a link");
            symlink("current/hotline.toml", folder.join("hotline.toml")).expect("a link");
            let bot = Bot::start(folder, &["run"]);
            bot.logs("hello from main");
            symlink("releases/2", folder.join("next")).expect("a link");
            fs::rename(folder.join("next"), folder.join("current")).expect("the folder is ours");
            bot.logs("\"workers\" has changed, which counts from the next start on");
            assert_eq!(bot.ends(), Some(0));
        })
        .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_be_read_leaves_the_one_before() {
    let stage = Stage::set().await;
    stage
        .play(|folder, configuration| {
            configuration.save("", &[("main", "bot", "")]);
            let bot = Bot::start(folder, &["run"]);
            bot.logs("hello from main");
            fs::rename(&configuration.file, folder.join("kept")).expect("the folder is ours");
            std::os::unix::fs::symlink("hotline.toml", &configuration.file).expect("a link");
            bot.logs("it cannot be read: ");
            fs::rename(folder.join("kept"), &configuration.file).expect("the folder is ours");
            bot.logs("hotline.toml is in order again");
            assert_eq!(bot.ends(), Some(0));
        })
        .await;
}
