//! The bots of `scripts/examples`: each passes its tests, which end it in the middle, wherever it is, and check finds nothing in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scenario::Folder;
use crate::wire;

/// The folder of each bot, with its name.
fn bots() -> Vec<(String, PathBuf)> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/examples");
    let folders = fs::read_dir(examples).expect("the examples are there");
    let mut bots: Vec<_> = folders
        .map(|entry| entry.expect("the folder can be read"))
        .map(|entry| (entry.file_name().into_string().expect("a name of text"), entry.path()))
        .collect();
    bots.sort();
    bots
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A copy of a bot that lives in a time zone.
fn moved(folder: &Path, zone: &str) -> Folder {
    let copy = Folder::with(&[]);
    for entry in fs::read_dir(folder).expect("the folder of a bot") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name of text");
        copy.write(name, &read(&path));
    }
    let config = read(&folder.join("hotline.toml"));
    let elsewhere = config.lines().filter(|line| !line.starts_with("timezone"));
    let config: Vec<_> = [format!("timezone = {zone:?}")].into_iter().chain(elsewhere.map(str::to_owned)).collect();
    copy.write("hotline.toml", &config.join("\n"));
    copy
}

/// What `hotline` says in a folder with a configuration, and whether it is content.
fn hotline(folder: &Path, arguments: &[&str], zone: &str) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG").env("TZ", zone);
    // Bots that ask services read their keys from here.
    command.env("OPENWEATHER_KEY", "sesame").env("OPENAI_API_KEY", "sesame");
    wire::written_by(&mut command);
    let output = command.output().expect("the binary starts");
    wire::check_frames();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text")).concat();
    assert!(!said.contains("sesame"), "a secret is told:\n{said}");
    if output.status.success() { Ok(()) } else { Err(said) }
}

#[test]
fn every_bot_passes_its_tests_wherever_the_machine_and_the_bot_are() {
    let mut wrong = Vec::new();
    for (name, folder) in bots() {
        for (machine, bot) in [("Asia/Tokyo", "America/New_York"), ("America/New_York", "Asia/Tokyo")] {
            let at_home = hotline(&folder, &["test"], machine);
            let away = hotline(moved(&folder, bot).0.path(), &["test"], machine);
            wrong.extend(
                [at_home, away].into_iter().filter_map(Result::err).map(|said| format!("{name} in {machine}:\n{said}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn check_finds_nothing_in_them() {
    for (name, folder) in bots() {
        let checked = hotline(&folder, &["check", "--deny-warnings"], "Asia/Tokyo");
        assert_eq!(checked, Ok(()), "{name}");
    }
}

#[test]
fn every_bot_is_killed_by_its_tests() {
    for (name, folder) in bots() {
        let tests = read(&folder.join(format!("{name}_test.rhai")));
        assert!(tests.contains("bot.kill();"), "{name} is never killed");
    }
}
