//! Starting with what cannot work: one clear error, or the rest runs.

use hotline::host::{Host, StartError};
use hotline::session::Ended;

use super::support::{Gateway, Setup, soon};

async fn start_error(setup: &Setup, change: impl FnOnce(&mut hotline::host::RunOptions)) -> StartError {
    let gateway = Gateway::listen(None).await;
    let mut options = setup.options(std::slice::from_ref(&gateway));
    change(&mut options);
    match Host::start(options).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let setup = Setup::new().session("main");
    let missing = setup.scripts().join("nowhere");
    let error = start_error(&setup, |options| options.config.scripts = vec![missing.clone()]).await;
    let expected = format!(
        "there is no script or folder {}; create it, or name others: hotline run SCRIPT or FOLDER",
        missing.display()
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_faulty_script_stops_a_strict_start_and_no_other() {
    let setup = Setup::new()
        .session("main")
        .script("bot", "fn on_message(msg) {\n    oh no\n}")
        .script("ok", "fn on_start() { }");
    let error = start_error(&setup, |options| options.strict = true).await.to_string();
    assert!(
        error.contains("bot.rhai:2:8") && error.ends_with("with --strict nothing runs until this is mended"),
        "{error}"
    );
    let bot = setup.start().await;
    assert_eq!(bot.host().faults().len(), 1);
    assert_eq!(bot.host().scripts().iter().filter(|script| script.live.is_some()).count(), 1);
    bot.stop().await;
}

#[tokio::test]
async fn a_script_that_is_no_text_is_a_fault_of_its_own() {
    let setup = Setup::new().session("main").script("ok", "fn on_message(msg) { msg.reply(\"ok\"); }");
    std::fs::write(setup.scripts().join("bad.rhai"), [0xff, 0xfe, 0x00]).expect("the folder is ours");
    std::fs::create_dir(setup.scripts().join("folder.rhai")).expect("the folder is ours");
    let bot = setup.start().await;
    let faults: Vec<_> = bot.host().faults().iter().map(ToString::to_string).collect();
    assert_eq!(faults, [format!("{}: it is no text in UTF-8", bot.file("bad").display())]);
    bot.says("u1", "hi");
    assert_eq!(bot.text_to("u1").await, "ok");
    bot.stop().await;
}

#[tokio::test]
async fn a_data_folder_belongs_to_one_engine_at_a_time() {
    let setup = Setup::new().session("main");
    let data = setup.scripts().join("../data");
    let bot = Setup::new().data(&data).start().await;
    let error = start_error(&setup, |options| options.config.data = data).await;
    assert!(matches!(error, StartError::Store(_)) && error.to_string().contains("data"), "{error}");
    bot.stop().await;
}

#[tokio::test]
async fn a_refused_login_ends_its_session_and_is_told() {
    let gateway = Gateway::refusing(1, "AUTHENTICATION_FAILED: wrong password").await;
    let setup = Setup::new().session("main").script("bot", "fn on_message(msg) { }");
    let mut host = Host::start(setup.options(std::slice::from_ref(&gateway))).await.expect("the engine starts");
    let ends = soon("the end of the session", host.over()).await;
    let [(name, Ended::Refused(failure))] = ends.as_slice() else { panic!("{ends:?}") };
    assert_eq!((name.as_str(), failure.code), ("main", 1));
    host.stop().await.expect("the disk takes writes");
    assert_eq!(gateway.logins(), 1, "a refused login is not tried again");
}
