//! Pictures and sounds: out by urls of the bot, in by LINE's server for content.

use hotline::protocol::Request;
use hotline::protocol::commands::SendImage;
use reqwest::StatusCode;
use reqwest::header::RANGE;

use crate::line::scene::Scene;

const SCRIPT: &str = r#"
fn on_message(msg) {
    if msg.content_type == "IMAGE" { let got = download_file(msg.id, "got.bin"); msg.reply(`saved`); return; }
    try {
        if msg.text == "picture" { send_image(msg.chat, "cat.png"); }
        if msg.text == "outside" { send_image(msg.chat, "../cat.png"); }
        if msg.text == "film" { send_video(msg.chat, "film.mp4", 1200); }
        if msg.text == "sound" { send_audio(msg.chat, "meow.m4a", 1200); }
    } catch (error) { msg.reply(`${error.command} ${error.name}: ${error.message}`); }
}
"#;

#[tokio::test]
async fn a_picture_goes_out_by_a_url_that_nobody_can_guess() {
    let mut scene = Scene::new(SCRIPT).await;
    std::fs::write(scene.folder.path().join("cat.png"), b"0123456789").expect("the folder is ours");
    std::fs::write(scene.folder.path().join("meow.m4a"), b"meow").expect("the folder is ours");
    scene.says("picture");
    scene.gets().await;
    let sent = scene.last().message;
    let url = sent["originalContentUrl"].as_str().expect("a url").to_owned();
    assert_eq!((&sent["type"], &sent["previewImageUrl"]), (&"image".into(), &sent["originalContentUrl"]));
    assert!(url.starts_with(&format!("{}/files/", scene.listen)), "{url}");
    let get = |url: String| scene.http.get(url);
    let whole = get(url.clone()).send().await.expect("it listens");
    assert_eq!(whole.headers()["content-type"], "image/png");
    assert_eq!(whole.bytes().await.expect("bytes").as_ref(), b"0123456789");
    let part = get(url.clone()).header(RANGE, "bytes=2-4").send().await.expect("it listens");
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.expect("bytes").as_ref(), b"234");
    for other in
        [url.replace("cat.png", "hotline.toml"), url.replace("/0/", "/1/"), url.replacen("files/", "files/0", 1)]
    {
        assert_eq!(get(other).send().await.expect("it listens").status(), StatusCode::NOT_FOUND);
    }
    scene.says("sound");
    scene.gets().await;
    assert_eq!(scene.last().message["duration"], 1200);
    scene.says("outside");
    let text = scene.hears().await;
    assert!(text.starts_with("SendImage FILE: ../cat.png is in none of the folders"), "{text}");
    std::fs::write(scene.folder.path().join("film.mp4"), b"film").expect("the folder is ours");
    scene.says("film");
    let text = scene.hears().await;
    assert!(text.starts_with("SendVideo FILE: its preview is a picture beside it: cannot use the file"), "{text}");
    std::fs::write(scene.folder.path().join("film.mp4.jpg"), b"still").expect("the folder is ours");
    scene.says("film");
    scene.gets().await;
    let preview = scene.last().message["previewImageUrl"].as_str().expect("a url").to_owned();
    assert!(preview.ends_with("/film.mp4.jpg"), "{preview}");
    scene.end().await;
}

#[tokio::test]
async fn a_picture_that_somebody_sent_is_downloaded() {
    let mut scene = Scene::new(SCRIPT).await;
    scene.sandbox.place("cat.png", b"0123456789").expect("the folder is there");
    let to = scene.control.mid("shop").expect("it is known");
    let picture = SendImage { to, path: "cat.png".to_owned() };
    scene.control.act("alice", Request::SendImage(picture)).await.expect("she can");
    assert_eq!(scene.hears().await, "saved");
    assert_eq!(std::fs::read(scene.folder.path().join("got.bin")).expect("it is there"), b"0123456789");
    scene.end().await;
}

#[tokio::test]
async fn what_operations_carry_arrives_byte_by_byte() {
    const SCRIPT: &str = r#"fn on_message(msg) {
        let area = #{ bounds: #{ x: 0, y: 0, width: 800, height: 270 }, action: #{ type: "postback", data: "tea" } };
        let size = #{ width: 800, height: 270 };
        let menu = line::create_rich_menu(#{ size: size, selected: true, name: "tea", chatBarText: "Tea", areas: [area] });
        line::set_rich_menu_image(menu.richMenuId, "menu.png");
        line::get_rich_menu_image(menu.richMenuId, "menu again");
        msg.reply(line::get_message_content(msg.id, "content").path);
        line::get_message_content_preview(msg.id, "preview");
        msg.reply("done");
    }"#;
    let mut scene = Scene::new(SCRIPT).await;
    let menu = [b"\x89PNG\r\n\x1a\n", (0..=255).collect::<Vec<u8>>().repeat(1_000).as_slice()].concat();
    let cat = [b"\xff\xd8\xff", (0..=255).rev().collect::<Vec<u8>>().repeat(1_000).as_slice()].concat();
    std::fs::write(scene.folder.path().join("menu.png"), &menu).expect("the folder is ours");
    scene.sandbox.place("cat.jpg", &cat).expect("the folder is there");
    let to = scene.control.mid("shop").expect("it is known");
    let picture = SendImage { to, path: "cat.jpg".to_owned() };
    scene.control.act("alice", Request::SendImage(picture)).await.expect("she can");
    assert!(scene.hears().await.ends_with("content"), "{}", scene.folder.log());
    assert_eq!(scene.hears().await, "done");
    for (file, expected) in [("menu again", &menu), ("content", &cat)] {
        assert!(std::fs::read(scene.folder.path().join(file)).expect("it is there") == *expected, "{file}");
    }
    assert!(!std::fs::read(scene.folder.path().join("preview")).expect("it is there").is_empty());
    scene.end().await;
}

#[tokio::test]
async fn a_url_of_a_file_cannot_be_bent() {
    let mut scene = Scene::new(SCRIPT).await;
    std::fs::create_dir(scene.folder.path().join("cats")).expect("the folder is ours");
    for file in ["cat.png", "cats/page.html"] {
        std::fs::write(scene.folder.path().join(file), b"0123456789").expect("the folder is ours");
    }
    scene.says("picture");
    scene.gets().await;
    let url = scene.last().message["originalContentUrl"].as_str().expect("a url").to_owned();
    let whole = scene.http.get(&url).send().await.expect("it listens");
    assert_eq!(
        (whole.status(), &whole.headers()["x-content-type-options"]),
        (StatusCode::OK, &"nosniff".parse().expect("a value"))
    );
    let head = scene.http.head(&url).send().await.expect("it listens");
    assert_eq!((head.status(), &head.headers()["content-length"]), (StatusCode::OK, &"10".parse().expect("a value")));
    let path = url.strip_prefix(&scene.listen).expect("it is here");
    let [_, files, code, until, folder, file] = path.split('/').collect::<Vec<_>>()[..] else { panic!("{path}") };
    let long = "x".repeat(20_000);
    for (bent, status) in [
        (format!("/{files}/{code}/{until}/{folder}/cats/%2e%2e/{file}"), "404"),
        (format!("/{files}/{code}/{until}/{folder}/cats/../{file}"), "404"),
        (format!("/{files}/{code}/{until}/{folder}/./{file}"), "404"),
        (format!("/{files}/{code}/{until}/{folder}//{file}"), "404"),
        (format!("/{files}/{code}/{until}/{folder}/{file}%00"), "404"),
        (format!("/{files}/{code}/{until}/{folder}/{file}/"), "404"),
        (format!("/{files}/{code}/{until}/{folder}/%2f{file}"), "404"),
        (format!("/{files}/{code}/{until}/{folder}/..%2fhotline.toml"), "404"),
        (format!("/{files}/{code}/{until}/{folder}/%ff%fe"), "400"),
        (format!("/{files}/{code}/{until}/{folder}/{long}"), "404"),
        (format!("/{files}/{code}/{until}/-1/{file}"), "404"),
        (format!("/{files}/{code}/9{until}/{folder}/{file}"), "404"),
        (format!("/{files}/{}/{until}/{folder}/{file}", code.to_uppercase()), "404"),
        (format!("/{files}//{until}/{folder}/{file}"), "404"),
        (format!("/{files}/../hotline.toml"), "404"),
        ("/../../etc/passwd".to_owned(), "404"),
        ("//etc/passwd".to_owned(), "404"),
    ] {
        // A client would mend the path.
        let said = scene.asks(&format!("GET {bent} HTTP/1.1\r\nHost: evil.test\r\n\r\n")).await;
        assert_eq!(said.split(' ').nth(1), Some(status), "{bent}: {said}");
        assert!(!said.contains("0123456789"), "{bent}: {said}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let said = scene.asks(&format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 405 "), "{method}: {said}");
    }
    scene.end().await;
}
