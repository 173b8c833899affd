//! Whatever a person sees who looks at a script's path is what is live, by whatever road it came there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::support::{Bot, Setup};

fn says(text: &str) -> String {
    format!("fn on_message(msg) {{ msg.reply(\"{text}\"); }}")
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is ours");
    fs::write(path, text).expect("the folder is ours");
}

/// Has a link lead elsewhere, in one step.
fn flip(link: &Path, target: &str) {
    let beside = link.with_extension("next");
    symlink(target, &beside).expect("a link");
    fs::rename(beside, link).expect("the folder is ours");
}

/// A folder with two releases of these files, each with its number in place of `N`, and `current`, which leads to the first.
fn releases(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for number in ["1", "2"] {
        for (path, text) in files {
            write(folder.path(), &format!("releases/{number}/{path}"), &text.replace('N', number));
        }
    }
    flip(&folder.path().join("current"), "releases/1");
    folder
}

async fn until_says(bot: &Bot, expected: &str) {
    loop {
        bot.says("probe", "?");
        if bot.text_to("probe").await == expected {
            return;
        }
    }
}

#[tokio::test]
async fn a_link_in_the_middle_of_a_chain_is_followed_when_it_flips() {
    let elsewhere = releases(&[("bot.rhai", "fn on_message(msg) { msg.reply(\"release N\"); }")]);
    let setup = Setup::new();
    symlink(elsewhere.path().join("current/bot.rhai"), setup.scripts().join("bot.rhai")).expect("a link");
    let bot = setup.start().await;
    for release in ["1", "2", "1"] {
        flip(&elsewhere.path().join("current"), &format!("releases/{release}"));
        until_says(&bot, &format!("release {release}")).await;
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_module_behind_a_chain_of_links_is_followed_too() {
    let elsewhere = releases(&[("word.rhai", "export const WORD = \"release N\";")]);
    let setup = Setup::new().script("bot", "import \"lib/word\" as w; fn on_message(msg) { msg.reply(w::WORD); }");
    symlink(elsewhere.path().join("current"), setup.scripts().join("lib")).expect("a link");
    let bot = setup.start().await;
    for release in ["1", "2", "1"] {
        flip(&elsewhere.path().join("current"), &format!("releases/{release}"));
        until_says(&bot, &format!("release {release}")).await;
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_folder_of_scripts_behind_a_chain_of_links_is_followed_too() {
    let files = [("scripts/bot.rhai", "fn on_message(msg) { msg.reply(\"release N\"); }")];
    let elsewhere = releases(&files);
    let linked = elsewhere.path().join("linked");
    symlink("current/scripts", &linked).expect("a link");
    let bot = Setup::new().also(linked).start().await;
    until_says(&bot, "release 1").await;
    flip(&elsewhere.path().join("current"), "releases/2");
    until_says(&bot, "release 2").await;
    // And what comes into it then.
    write(elsewhere.path(), "releases/2/scripts/a.rhai", "fn on_message(msg) { msg.reply(\"new\"); true }");
    until_says(&bot, "new").await;
    bot.stop().await;
}

#[tokio::test]
async fn a_module_that_was_looked_for_in_vain_is_found_when_it_comes() {
    let bot = Setup::new()
        .script("bot", "import \"lib/deep/word\" as w; fn on_message(msg) { msg.reply(w::WORD); }")
        .script("z", says("nothing"))
        .start()
        .await;
    until_says(&bot, "nothing").await;
    bot.save("lib/deep/word", "export const WORD = \"here\";");
    bot.logged(&["bot.rhai is live"]).await;
    bot.stop().await;
}

#[tokio::test]
async fn a_module_that_comes_before_the_one_in_use_takes_its_place() {
    let bot = Setup::new()
        .script("bot", "import \"lib/a\" as a; fn on_message(msg) { msg.reply(a::word()); }")
        .script("lib/a", "fn word() { import \"b\" as b; b::WORD }")
        .script("b", "export const WORD = \"the folder's\";")
        .start()
        .await;
    until_says(&bot, "the folder's").await;
    bot.save("lib/b", "export const WORD = \"the module's own\";");
    until_says(&bot, "the module's own").await;
    fs::remove_file(bot.file("lib/b")).expect("it is there");
    until_says(&bot, "the folder's").await;
    bot.stop().await;
}

#[tokio::test]
async fn a_link_that_leads_to_nothing_is_a_script_once_its_target_comes() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let setup = Setup::new();
    symlink(elsewhere.path().join("bot.rhai"), setup.scripts().join("bot.rhai")).expect("a link");
    let bot = setup.start().await;
    write(elsewhere.path(), "bot.rhai", "fn on_start() { send_text(\"life\", \"start\"); }");
    assert_eq!(bot.text_to("life").await, "start");
    bot.stop().await;
}

#[tokio::test]
async fn a_folder_that_leaves_for_a_moment_is_watched_on() {
    let bot = Setup::new()
        .script("bot", "import \"lib/word\" as w; fn on_message(msg) { msg.reply(w::WORD); }")
        .script("lib/word", "export const WORD = \"old\";")
        .start()
        .await;
    for folder in [bot.scripts().join("lib"), bot.scripts()] {
        let away = folder.with_extension("away");
        fs::rename(&folder, &away).expect("the folder is ours");
        fs::rename(&away, &folder).expect("the folder is ours");
        for word in ["new", "newer"] {
            bot.save("lib/word", format!("export const WORD = \"{word} in {}\";", folder.display()));
            until_says(&bot, &format!("{word} in {}", folder.display())).await;
        }
    }
    bot.stop().await;
}
