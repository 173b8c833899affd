//! Walks all commands of the table: each succeeds once with its events to the others, and is refused at least once.

use std::time::{SystemTime, UNIX_EPOCH};

use hotline::protocol::{COMMANDS, FieldKind, Presence};
use hotline::sandbox::{NewAccount, Sandbox};
use serde_json::{Map, Value, json};

use crate::sandbox::client::{Client, sandbox};
use crate::sandbox::media;

/// alice on two devices, bob, carol, and a group of alice and bob; bob has alice as a contact.
struct Stage {
    sandbox: Sandbox,
    alice: Client,
    phone: Client,
    bob: Client,
    carol: Client,
    group: String,
}

impl Stage {
    async fn set() -> Self {
        let sandbox = sandbox().await;
        let mut bob = Client::login(&sandbox, "bob").await;
        let alice = Client::login(&sandbox, "alice").await;
        let phone = Client::login(&sandbox, "alice").await;
        let carol = Client::login(&sandbox, "carol").await;
        let group = sandbox.control().create_group("tea", &["alice", "bob"]).expect("both are there");
        bob.ok("SearchAndAddContactsByMid", json!({"mid": alice.mid})).await;
        let mut stage = Self { sandbox, alice, phone, bob, carol, group };
        for client in [&mut stage.alice, &mut stage.phone] {
            client.event("NOTIFIED_ADD_CONTACT").await;
        }
        stage
    }

    fn people(&mut self) -> [&mut Client; 4] {
        [&mut self.alice, &mut self.phone, &mut self.bob, &mut self.carol]
    }

    /// Invites carol, who sees it.
    async fn invite_carol(&mut self) {
        let (group, carol) = (self.group.clone(), self.carol.mid.clone());
        self.alice.ok("InviteIntoGroup", json!({"group_id": group, "mids": [carol]})).await;
        let alice = self.alice.mid.clone();
        is_invited(&mut self.carol, &json!(group), &alice).await;
    }

    /// Checks that a message of alice, who got the answer `sent`, arrived at bob and on her phone as it should.
    async fn arrived(&mut self, sent: &Value, kind: &str, text: Value, metadata: Value) {
        let expected = json!({
            "id": sent["id"], "from": self.alice.mid, "to": sent["to"], "text": text, "timestamp": sent["timestamp"],
            "contentType": kind, "contentMetadata": metadata,
        });
        assert_eq!(self.bob.event("RECEIVE_MESSAGE").await, expected);
        assert_eq!(self.phone.event("SEND_MESSAGE").await, expected);
    }

    /// Checks what alice's other device is told of her own deed.
    async fn phone_hears(&mut self, subcommand: &str, content: Value) {
        assert_eq!(self.phone.event(subcommand).await, content, "{subcommand}");
    }

    /// Checks what bob and alice's other device are told of a change of their group.
    async fn group_changes(&mut self, kind: &str) {
        let content = json!({"group_id": self.group, "mid": self.alice.mid, "type": kind});
        assert_eq!(self.bob.event("NOTIFIED_UPDATE_CHAT").await, content);
        self.phone_hears("NOTIFIED_UPDATE_CHAT", content).await;
    }
}

/// Checks that someone is told of an invitation, with its time in seconds.
async fn is_invited(client: &mut Client, group: &Value, by: &str) {
    let event = client.event("NOTIFIED_INVITE_INTO_CHAT").await;
    let time = event["created_time"].as_u64().expect("a number");
    assert_eq!(event, json!({"group_id": group, "mid": by, "created_time": time}));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    assert!(now.abs_diff(time) < 60, "{time} at {now}");
}

#[tokio::test]
async fn every_command_succeeds_with_its_events_and_is_refused() {
    for command in COMMANDS.iter().filter(|command| !command.is_login()) {
        let mut stage = Stage::set().await;
        play(&mut stage, command.name).await;
        let tally = &stage.alice.tally;
        assert!(tally.succeeded.contains(command.name), "{} never succeeded", command.name);
        assert!(tally.refused.contains(command.name), "{} was never refused", command.name);
        for client in stage.people() {
            client.expect_silence().await;
        }
        stage.sandbox.stop().await;
    }
}

#[tokio::test]
async fn every_command_is_refused_before_the_login_and_with_a_field_amiss() {
    let sandbox = sandbox().await;
    let mut stranger = Client::connect(&sandbox).await;
    let mut alice = Client::login(&sandbox, "alice").await;
    for command in COMMANDS.iter().filter(|command| !command.is_login()) {
        let mut fields: Map<String, Value> =
            command.positional().map(|field| (field.name.to_owned(), example(field.kind))).collect();
        let refusal = stranger.refused(command.name, Value::Object(fields.clone())).await;
        assert_eq!(refusal, "NOT_AUTHENTICATED", "{}", command.name);
        let Some(field) = command.fields.iter().find(|field| field.presence != Presence::Optional) else { continue };
        for wrong in [None, Some(Value::Null), Some(json!({}))] {
            match wrong.clone() {
                Some(wrong) => fields.insert(field.name.to_owned(), wrong),
                None => fields.remove(field.name),
            };
            let (code, text) = alice.call(command.name, Value::Object(fields.clone())).await.expect_err("it is amiss");
            assert!(code == -1 && text.contains(field.name) && text.contains("found"), "{}: {text}", command.name);
        }
    }
}

#[tokio::test]
async fn both_logins_succeed_and_are_refused() {
    let sandbox = sandbox().await;
    let mut client = Client::connect(&sandbox).await;
    let mut token_login = async |phone: &str, token: &str, proxy: Value| {
        let mut frame = json!({"command": "LoginWithToken", "phone": phone, "auth_token": token});
        let fields = frame.as_object_mut().expect("an object");
        fields.extend(proxy.as_object().cloned().expect("an object"));
        client.send(&frame).await;
        client.frame_named("OnLogin").await["code"].clone()
    };
    assert_eq!(token_login("+819000000002", "wrong", json!({})).await, 1);
    assert_eq!(token_login("+819000000099", "sandbox", json!({})).await, 1);
    let proxy = |port: i64, kind: &str| json!({"proxy_server": "127.0.0.1", "proxy_port": port, "proxy_type": kind});
    assert_eq!(token_login("+819000000002", "sandbox", proxy(70_000, "http")).await, -1);
    assert_eq!(token_login("+819000000002", "sandbox", proxy(1080, "ftp")).await, -1);
    assert_eq!(token_login("+819000000002", "sandbox", proxy(1080, "socks5")).await, 0);
    let remembered = sandbox.control().proxy("alice").expect("it is remembered");
    assert_eq!((remembered.port, remembered.kind.as_str()), (1080, "socks5"));
    // A malformed login is answered as a login is, since that is what its client waits for.
    client.send(&json!({"command": "Login", "email": "alice@sandbox.test", "password": 5, "cert": ""})).await;
    assert_eq!(client.frame_named("OnLogin").await["code"], -1);
}

#[tokio::test]
async fn whatever_the_fields_say_there_is_exactly_one_reply() {
    let mut stage = Stage::set().await;
    let (alice, bob, group) = (stage.alice.mid.clone(), stage.bob.mid.clone(), stage.group.clone());
    let long = "é".repeat(20_000);
    let texts =
        ["", " ", "x", "..", "/", "\u{0}", "-1", "+819000000003", "9".repeat(40).as_str(), &long].map(str::to_owned);
    let texts: Vec<_> = texts.into_iter().chain([alice, bob, group, NOBODY.to_owned(), NO_GROUP.to_owned()]).collect();
    let mut draw = 1_u64;
    let mut pick = |count: usize| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(draw >> 33).expect("small") % count
    };
    for round in 0..40 {
        for command in COMMANDS.iter().filter(|command| !command.is_login()) {
            let mut fields = Map::new();
            for field in command.positional() {
                let value = match field.kind {
                    FieldKind::Str => json!(texts[pick(texts.len())]),
                    FieldKind::Bool => json!(pick(2) == 0),
                    FieldKind::Int => json!([i64::MIN, -1, 0, 1, i64::MAX][pick(5)]),
                    FieldKind::Float => json!([-1e308, -90.0, 0.1, 180.0, 1e308][pick(5)]),
                    FieldKind::List => {
                        json!((0..pick(4)).map(|_| texts[pick(texts.len())].clone()).collect::<Vec<_>>())
                    }
                    FieldKind::Map => json!({}),
                    FieldKind::Maps => json!([{}]),
                };
                fields.insert(field.name.to_owned(), value);
            }
            let client = if round % 2 == 0 { &mut stage.alice } else { &mut stage.bob };
            // The client checks the frame, its number, and that no second answer comes before the next one.
            if let Err((code, text)) = client.call(command.name, Value::Object(fields)).await {
                assert!(code != 0 && text.contains(": "), "{}: {text}", command.name);
            }
        }
    }
}

fn example(kind: FieldKind) -> Value {
    match kind {
        FieldKind::Str => json!("x"),
        FieldKind::Bool => json!(true),
        FieldKind::Int => json!(1),
        FieldKind::Float => json!(1.5),
        FieldKind::List | FieldKind::Maps => json!([]),
        FieldKind::Map => json!({}),
    }
}

/// What a mid that nobody has looks like.
const NOBODY: &str = "u00000000000000000000000000000000";
const NO_GROUP: &str = "c00000000000000000000000000000000";

async fn play(stage: &mut Stage, command: &str) {
    let (alice, bob, carol) = (stage.alice.mid.clone(), stage.bob.mid.clone(), stage.carol.mid.clone());
    let bot = stage.sandbox.control().mid("bot").expect("the bot is there");
    let group = stage.group.clone();
    match command {
        "GetProfile" | "GetJoinedGroupIds" | "GetAllContactIds" | "GetSettings" | "GetQrCode" => {
            let content = stage.alice.ok(command, json!({})).await;
            match command {
                "GetProfile" => {
                    assert_eq!((&content["mid"], &content["email"]), (&json!(alice), &json!("alice@sandbox.test")))
                }
                "GetJoinedGroupIds" => assert_eq!(content, json!([group])),
                "GetAllContactIds" => assert_eq!(content, json!([bot])),
                "GetQrCode" => assert!(content["url"].as_str().is_some_and(|url| url.starts_with("https://"))),
                _ => assert_eq!(content["privacySearchByUserid"], true),
            }
            // These take no fields: only a missing login refuses them.
            let mut stranger = Client::connect(&stage.sandbox).await;
            assert_eq!(stranger.refused(command, json!({})).await, "NOT_AUTHENTICATED");
            stage.alice.tally.refused.insert(command.to_owned());
        }
        "GetContacts" => {
            let contacts = stage.alice.ok(command, json!({"mids": [bob, NOBODY, bot]})).await;
            assert_eq!((&contacts[0]["status"], &contacts[1]["status"]), (&json!("RECOMMEND"), &json!("FRIEND")));
            assert_eq!(contacts[2], Value::Null);
            assert_eq!(stage.alice.refused(command, json!({"mids": ["bob"]})).await, "INVALID_MID");
        }
        "EnableContactNotification" => {
            stage.alice.ok(command, json!({"mid": bot, "enable": false})).await;
            assert_eq!(stage.alice.ok("GetContacts", json!({"mids": [bot]})).await[0]["settings"], 1);
            assert_eq!(stage.alice.refused(command, json!({"mid": carol, "enable": true})).await, "NOT_FRIEND");
        }
        "UpdateContactName" => {
            stage.alice.ok(command, json!({"mid": bot, "name": "my bot"})).await;
            let contact = stage.alice.ok("GetContacts", json!({"mids": [bot]})).await[0].clone();
            assert_eq!((&contact["displayNameOverridden"], &contact["displayName"]), (&json!("my bot"), &json!("bot")));
            let long = json!({"mid": bot, "name": "x".repeat(21)});
            assert_eq!(stage.alice.refused(command, long).await, "INVALID_LENGTH");
            assert_eq!(stage.alice.refused(command, json!({"mid": NOBODY, "name": "x"})).await, "NOT_FOUND");
        }
        "MarkContact" => {
            stage.alice.ok(command, json!({"mid": bot, "mark": true})).await;
            let contacts = stage.alice.ok("GetContacts", json!({"mids": [bot]})).await;
            assert!(contacts[0]["favoriteTime"].as_i64().is_some_and(|at| at > 0));
            stage.alice.ok(command, json!({"mid": bot, "mark": false})).await;
            assert_eq!(stage.alice.ok("GetContacts", json!({"mids": [bot]})).await[0]["favoriteTime"], 0);
            assert_eq!(stage.alice.refused(command, json!({"mid": carol, "mark": true})).await, "NOT_FRIEND");
        }
        "BlockContact" => {
            stage.alice.ok(command, json!({"mid": bob, "block": true})).await;
            assert_eq!(stage.phone.event("BLOCK_CONTACT").await, json!({"mid": bob}));
            assert_eq!(stage.alice.ok("GetContacts", json!({"mids": [bob]})).await[0]["status"], "FRIEND_BLOCKED");
            // Neither a message nor an invitation of the blocked gets through.
            stage.bob.ok("SendText", json!({"to": alice, "content": "hello?"})).await;
            stage.bob.ok("CreateGroup", json!({"name": "trap", "mids": [alice]})).await;
            stage.alice.expect_silence().await;
            stage.alice.ok(command, json!({"mid": bob, "block": false})).await;
            assert_eq!(stage.phone.event("UNBLOCK_CONTACT").await, json!({"mid": bob}));
            stage.bob.ok("SendText", json!({"to": alice, "content": "hello!"})).await;
            for client in [&mut stage.alice, &mut stage.phone] {
                assert_eq!(client.event("RECEIVE_MESSAGE").await["text"], "hello!");
            }
            assert_eq!(stage.alice.refused(command, json!({"mid": alice, "block": true})).await, "INVALID_MID");
        }
        "SetNickName" | "SetSignature" => {
            let (field, kind, key, limit) = match command {
                "SetNickName" => ("nickname", "2", "DISPLAY_NAME", 20),
                _ => ("signature", "16", "STATUS_MESSAGE", 500),
            };
            assert_eq!(stage.alice.ok(command, json!({field: "new"})).await, json!({field: "new"}));
            let event = stage.bob.event("NOTIFIED_UPDATE_PROFILE").await;
            assert_eq!(event, json!({"mid": alice, "type": kind, "params": json!({key: "new"}).to_string()}));
            stage.phone_hears("UPDATE_PROFILE", json!({"mid": alice})).await;
            assert_eq!(stage.alice.refused(command, json!({field: "x".repeat(limit + 1)})).await, "INVALID_LENGTH");
        }
        "UpdateProfilePicture" => {
            media::place(&stage.sandbox, "me.jpg", b"a face");
            stage.alice.ok(command, json!({"path": "me.jpg"})).await;
            let event = stage.bob.event("NOTIFIED_UPDATE_PROFILE").await;
            stage.phone_hears("UPDATE_PROFILE", json!({"mid": alice})).await;
            let contact = stage.bob.ok("GetContacts", json!({"mids": [alice]})).await[0].clone();
            let url = contact["picturePath"].as_str().expect("an url");
            assert_eq!(media::fetch(url).await, b"a face");
            let picture = url.rsplit('/').next().expect("what it ends with");
            let params = json!({"PICTURE_STATUS": picture}).to_string();
            assert_eq!(event, json!({"mid": alice, "type": "8", "params": params}));
            assert_eq!(stage.alice.refused(command, json!({"path": "none.jpg"})).await, "NOT_FOUND");
        }
        "CheckUseridValid" => {
            assert_eq!(stage.alice.ok(command, json!({"user_id": "alice.1"})).await, json!({"valid": true}));
            assert_eq!(stage.alice.ok(command, json!({"user_id": "Al"})).await, json!({"valid": false}));
            assert_eq!(stage.alice.refused(command, json!({"user_id": 5})).await, "MALFORMED");
        }
        "SetMyUserid" => {
            assert_eq!(stage.alice.ok(command, json!({"user_id": "alice.1"})).await, json!({"user_id": "alice.1"}));
            stage.phone_hears("UPDATE_PROFILE", json!({"mid": alice})).await;
            stage.alice.ok(command, json!({"user_id": "alice.1"})).await;
            assert_eq!(stage.alice.refused(command, json!({"user_id": "alice.2"})).await, "DUPLICATED");
            assert_eq!(stage.bob.refused(command, json!({"user_id": "alice.1"})).await, "DUPLICATED");
            assert_eq!(stage.alice.refused(command, json!({"user_id": "A"})).await, "INVALID_LENGTH");
        }
        "SetBirthday" => {
            stage.alice.ok(command, json!({"year": "2000", "day": "0229"})).await;
            stage.phone_hears("UPDATE_PROFILE", json!({"mid": alice})).await;
            assert_eq!(stage.alice.refused(command, json!({"year": "1999", "day": "0229"})).await, "MALFORMED");
        }
        "EnableSearchByUserId" => {
            stage.alice.ok("SetMyUserid", json!({"user_id": "alice.1"})).await;
            stage.phone_hears("UPDATE_PROFILE", json!({"mid": alice})).await;
            stage.alice.ok(command, json!({"enable": false})).await;
            stage.phone_hears("UPDATE_SETTINGS", json!({"mid": alice})).await;
            let search = json!({"user_id": "alice.1"});
            assert_eq!(stage.bob.refused("SearchContactByUserid", search.clone()).await, "NOT_FOUND");
            assert_eq!(stage.alice.ok("GetSettings", json!({})).await["privacySearchByUserid"], false);
            stage.alice.ok(command, json!({"enable": true})).await;
            stage.phone_hears("UPDATE_SETTINGS", json!({"mid": alice})).await;
            stage.bob.ok("SearchContactByUserid", search).await;
            assert_eq!(stage.alice.refused(command, json!({"enable": "yes"})).await, "MALFORMED");
        }
        "EnableSecondaryLogin" => {
            stage.alice.ok(command, json!({"enable": false})).await;
            stage.phone_hears("UPDATE_SETTINGS", json!({"mid": alice})).await;
            let mut third = Client::connect(&stage.sandbox).await;
            assert_eq!(third.try_login("alice@sandbox.test", "sandbox", "").await.map_err(|(code, _)| code), Err(8));
            assert_eq!(stage.alice.refused(command, json!({"enable": 1})).await, "MALFORMED");
        }
        "SearchContactByUserid" => {
            stage.bob.ok("SetMyUserid", json!({"user_id": "bob.the.bob"})).await;
            let found = stage.alice.ok(command, json!({"user_id": "bob.the.bob"})).await;
            assert_eq!((&found["mid"], &found["type"]), (&json!(bob), &json!("USERID")));
            assert_eq!(stage.alice.refused(command, json!({"user_id": ""})).await, "NOT_FOUND");
        }
        "SearchContactByPhones" => {
            let found = stage.alice.ok(command, json!({"phones": ["+819000000003", "+4912345678"]})).await;
            assert_eq!((found.as_object().map(Map::len), &found[&bob]["type"]), (Some(1), &json!("PHONE")));
            assert_eq!(stage.alice.refused(command, json!({"phones": ["09000000003"]})).await, "MALFORMED");
        }
        "SearchContactByUrl" => {
            let url = stage.bob.ok("GetQrCode", json!({})).await["url"].clone();
            assert_eq!(stage.alice.ok(command, json!({"url": url})).await["mid"], json!(bob));
            assert_eq!(stage.alice.refused(command, json!({"url": "https://sandbox.test/x"})).await, "NOT_FOUND");
        }
        "SearchAndAddContactsByMid" => {
            let added = stage.alice.ok(command, json!({"mid": carol})).await;
            assert_eq!((&added[&carol]["status"], &added[&carol]["relation"]), (&json!("FRIEND"), &json!("ONEWAY")));
            assert_eq!(stage.carol.event("NOTIFIED_ADD_CONTACT").await, json!({"mid": alice}));
            assert_eq!(stage.phone.event("ADD_CONTACT").await, json!({"mid": carol}));
            // Once more changes nothing, and nobody is told.
            stage.alice.ok(command, json!({"mid": carol})).await;
            assert_eq!(stage.alice.refused(command, json!({"mid": NOBODY})).await, "NOT_FOUND");
            assert_eq!(stage.alice.refused(command, json!({"mid": alice})).await, "INVALID_MID");
        }
        "SearchGroupByUrl" => {
            let url = stage.alice.ok("GetGroupQrcode", json!({"group_id": group})).await["url"].clone();
            assert_eq!(stage.alice.refused(command, json!({"url": url})).await, "PREVENTED_JOIN_BY_TICKET");
            stage.bob.ok("EnableJoinByUrl", json!({"group_id": group, "enable": true})).await;
            for client in [&mut stage.alice, &mut stage.phone] {
                let content = json!({"group_id": group, "mid": bob, "type": "4"});
                assert_eq!(client.event("NOTIFIED_UPDATE_CHAT").await, content);
            }
            assert_eq!(stage.alice.ok(command, json!({"url": url})).await["chatMid"], json!(group));
            assert_eq!(stage.carol.ok(command, json!({"url": url})).await["groupExtra"]["JoinByTicket"], true);
            assert_eq!(stage.alice.refused(command, json!({"url": "https://sandbox.test/x"})).await, "NOT_FOUND");
        }
        "SearchGroupById" => {
            let chat = stage.alice.ok(command, json!({"id": group})).await;
            assert_eq!((&chat["chatName"], &chat["groupExtra"]["creator"]), (&json!("tea"), &json!(alice)));
            assert_eq!(stage.carol.refused(command, json!({"id": group})).await, "NOT_A_MEMBER");
            assert_eq!(stage.carol.ok(command, json!({"mids": [group]})).await, json!([]));
            stage.invite_carol().await;
            assert_eq!(stage.carol.ok(command, json!({"mids": [group]})).await[0]["chatMid"], json!(group));
            assert_eq!(stage.alice.refused(command, json!({"id": NO_GROUP})).await, "NOT_FOUND");
            assert_eq!(stage.alice.refused(command, json!({"id": group, "mids": [group]})).await, "MALFORMED");
        }
        "CreateGroup" => {
            let chat = stage.alice.ok(command, json!({"name": "new", "mids": [bob, carol]})).await;
            let members = chat["groupExtra"]["memberMids"].as_object().expect("mids are keys");
            assert_eq!((members.len(), members.contains_key(&alice)), (1, true));
            for client in [&mut stage.bob, &mut stage.carol] {
                is_invited(client, &chat["chatMid"], &alice).await;
            }
            assert_eq!(stage.alice.refused(command, json!({"name": "new", "mids": [NOBODY]})).await, "NOT_FOUND");
            assert_eq!(stage.alice.refused(command, json!({"name": "", "mids": []})).await, "INVALID_LENGTH");
        }
        "UpdateGroupPicture" => {
            media::place(&stage.sandbox, "tea.jpg", b"a cup");
            stage.alice.ok(command, json!({"groupId": group, "path": "tea.jpg"})).await;
            stage.group_changes("2").await;
            let chat = stage.bob.ok("SearchGroupById", json!({"id": group})).await;
            assert_eq!(media::fetch(chat["picturePath"].as_str().expect("an url")).await, b"a cup");
            let outsider = json!({"groupId": group, "path": "tea.jpg"});
            assert_eq!(stage.carol.refused(command, outsider).await, "NOT_A_MEMBER");
            assert_eq!(stage.alice.refused(command, json!({"groupId": group, "path": "../x"})).await, "NOT_FOUND");
        }
        "InviteIntoGroup" => {
            stage.invite_carol().await;
            let again = json!({"group_id": group, "mids": [carol, bob]});
            assert_eq!(stage.alice.refused(command, again).await, "DUPLICATED");
            let outsider = json!({"group_id": group, "mids": [bot]});
            assert_eq!(stage.carol.refused(command, outsider).await, "NOT_A_MEMBER");
            let crowd: Vec<_> = (0..498)
                .map(|n| stage.sandbox.control().create_account(NewAccount::named(format!("extra{n}"))).expect("new"))
                .collect();
            let crowd = json!({"group_id": group, "mids": crowd});
            assert_eq!(stage.alice.refused(command, crowd).await, "INVALID_LENGTH");
        }
        "AcceptGroupInvitation" => {
            // alice is the one who is invited here, by carol.
            let chat = stage.carol.ok("CreateGroup", json!({"name": "new", "mids": [alice]})).await;
            let id = json!({"group_id": chat["chatMid"]});
            for client in [&mut stage.alice, &mut stage.phone] {
                is_invited(client, &chat["chatMid"], &carol).await;
            }
            stage.alice.ok(command, id.clone()).await;
            let content = json!({"group_id": chat["chatMid"], "mid": alice});
            for client in [&mut stage.alice, &mut stage.phone] {
                assert_eq!(client.event("ACCEPT_CHAT_INVITATION").await, content);
            }
            assert_eq!(stage.carol.event("NOTIFIED_ACCEPT_CHAT_INVITATION").await, content);
            assert_eq!(stage.alice.refused(command, id).await, "NOT_AN_INVITEE");
        }
        "GetGroupQrcode" => {
            let url = stage.alice.ok(command, json!({"group_id": group})).await["url"].clone();
            assert_eq!(stage.bob.ok(command, json!({"group_id": group})).await["url"], url);
            assert_eq!(stage.carol.refused(command, json!({"group_id": group})).await, "NOT_A_MEMBER");
            assert_eq!(stage.alice.refused(command, json!({"group_id": "tea"})).await, "INVALID_MID");
        }
        "RejectGroupInvitation" => {
            let chat = stage.carol.ok("CreateGroup", json!({"name": "new", "mids": [alice]})).await;
            let id = json!({"group_id": chat["chatMid"]});
            for client in [&mut stage.alice, &mut stage.phone] {
                is_invited(client, &chat["chatMid"], &carol).await;
            }
            stage.alice.ok(command, id.clone()).await;
            let content = json!({"group_id": chat["chatMid"], "mid": alice});
            stage.phone_hears("NOTIFIED_CANCEL_CHAT_INVITATION", content).await;
            assert_eq!(stage.alice.refused(command, id).await, "NOT_AN_INVITEE");
        }
        "LeaveGroup" => {
            stage.alice.ok(command, json!({"group_id": group})).await;
            for client in [&mut stage.alice, &mut stage.phone] {
                assert_eq!(client.event("NOTIFIED_LEAVE_CHAT").await, json!({"group_id": group}));
            }
            let event = stage.bob.event("NOTIFIED_DELETE_SELF_FROM_CHAT").await;
            assert_eq!(event, json!({"group_id": group, "mid": alice}));
            assert_eq!(stage.alice.refused(command, json!({"group_id": group})).await, "NOT_A_MEMBER");
        }
        "JoinGroupByUrl" => {
            let other = stage.sandbox.control().create_group("coffee", &["bob"]).expect("he is there");
            let url = stage.bob.ok("GetGroupQrcode", json!({"group_id": other})).await["url"].clone();
            let join = json!({"group_id": other, "url": url});
            assert_eq!(stage.alice.refused(command, join.clone()).await, "PREVENTED_JOIN_BY_TICKET");
            stage.bob.ok("EnableJoinByUrl", json!({"group_id": other, "enable": true})).await;
            let elsewhere = json!({"group_id": other, "url": "https://sandbox.test/x"});
            assert_eq!(stage.alice.refused(command, elsewhere).await, "NOT_FOUND");
            stage.alice.ok(command, join).await;
            let content = json!({"group_id": other, "mid": alice});
            assert_eq!(stage.bob.event("NOTIFIED_JOIN_CHAT").await, content);
            assert_eq!(stage.phone.event("NOTIFIED_JOIN_CHAT").await, content);
        }
        "UpdateGroupName" => {
            stage.alice.ok(command, json!({"group_id": group, "name": "coffee"})).await;
            stage.group_changes("1").await;
            let message = stage.bob.event("RECEIVE_MESSAGE").await;
            let metadata = json!({"event_type": "update_group_name", "name": "coffee"});
            let expected = json!({
                "id": message["id"], "from": alice, "to": group, "text": null, "timestamp": message["timestamp"],
                "contentType": "CHATEVENT", "contentMetadata": metadata,
            });
            assert_eq!(message, expected);
            stage.phone_hears("SEND_MESSAGE", expected).await;
            assert_eq!(stage.carol.refused(command, json!({"group_id": group, "name": "x"})).await, "NOT_A_MEMBER");
            assert_eq!(stage.alice.refused(command, json!({"group_id": group, "name": ""})).await, "INVALID_LENGTH");
        }
        "EnableJoinByUrl" => {
            stage.alice.ok(command, json!({"group_id": group, "enable": true})).await;
            stage.group_changes("4").await;
            let chat = stage.bob.ok("SearchGroupById", json!({"id": group})).await;
            assert_eq!(chat["groupExtra"]["JoinByTicket"], true);
            assert_eq!(stage.alice.refused(command, json!({"group_id": NO_GROUP, "enable": true})).await, "NOT_FOUND");
        }
        "EnableGroupNotification" => {
            stage.alice.ok(command, json!({"group_id": group, "enable": false})).await;
            let seen = async |client: &mut Client| {
                client.ok("SearchGroupById", json!({"id": group})).await["notificationDisabled"].clone()
            };
            assert_eq!((seen(&mut stage.alice).await, seen(&mut stage.bob).await), (json!(true), json!(false)));
            assert_eq!(stage.carol.refused(command, json!({"group_id": group, "enable": true})).await, "NOT_A_MEMBER");
            assert_eq!(stage.alice.refused(command, json!({"group_id": bob, "enable": true})).await, "INVALID_MID");
        }
        "SendText" => {
            for to in [&bob, &group] {
                let sent = stage.alice.ok(command, json!({"to": to, "content": "hi", "msg_id": "mine"})).await;
                stage.arrived(&sent, "NONE", json!("hi"), json!({})).await;
            }
            assert_eq!(stage.alice.refused(command, json!({"to": bob, "content": ""})).await, "INVALID_LENGTH");
            assert_eq!(stage.alice.refused(command, json!({"to": NOBODY, "content": "x"})).await, "NOT_FOUND");
            assert_eq!(stage.alice.refused(command, json!({"to": "bob", "content": "x"})).await, "INVALID_MID");
        }
        "SendLocation" => {
            let place = |to: &str, latitude: f64| json!({"to": to, "title": "t", "address": "a", "latitude": latitude, "longitude": 1.5});
            let metadata = json!({"title": "t", "address": "a", "latitude": "35.25", "longitude": "1.5"});
            for to in [&bob, &group] {
                let sent = stage.alice.ok(command, place(to, 35.25)).await;
                stage.arrived(&sent, "LOCATION", Value::Null, metadata.clone()).await;
            }
            assert_eq!(stage.alice.refused(command, place(&bob, 90.5)).await, "MALFORMED");
        }
        "SendContact" => {
            let contact = |to: &str, what: &str, is_mid: bool| json!({"to": to, "displayName": "C", "contactMidOrVcard": what, "contactIsMid": is_mid});
            let card = "BEGIN:VCARD\nFN:C\nEND:VCARD";
            for to in [&bob, &group] {
                let sent = stage.alice.ok(command, contact(to, &carol, true)).await;
                stage.arrived(&sent, "CONTACT", Value::Null, json!({"mid": carol, "displayName": "C"})).await;
                let sent = stage.alice.ok(command, contact(to, card, false)).await;
                let metadata = json!({"ORGCONTP": "CONTACT", "vCard": card});
                stage.arrived(&sent, "NONE", json!("C"), metadata).await;
            }
            assert_eq!(stage.alice.refused(command, contact(&bob, NOBODY, true)).await, "NOT_FOUND");
            assert_eq!(stage.alice.refused(command, contact(&bob, "BEGIN:VCARD", true)).await, "INVALID_MID");
        }
        "SendImage" | "SendVideo" | "SendAudio" | "SendFile" => {
            media::place(&stage.sandbox, "clip.bin", b"bits and pieces");
            let fields = |to: &str, path: &str| match command {
                "SendVideo" | "SendAudio" => json!({"to": to, "path": path, "duration": 1500}),
                _ => json!({"to": to, "path": path}),
            };
            let metadata = match command {
                "SendFile" => json!({"FILE_NAME": "clip.bin", "FILE_SIZE": "15"}),
                "SendImage" => json!({}),
                _ => json!({"DURATION": "1500"}),
            };
            for to in [&bob, &group] {
                let sent = stage.alice.ok(command, fields(to, "clip.bin")).await;
                let kind = command["Send".len()..].to_uppercase();
                stage.arrived(&sent, &kind, Value::Null, metadata.clone()).await;
            }
            for path in ["none.bin", "../clip.bin", "/etc/hostname", "", "."] {
                assert_eq!(stage.alice.refused(command, fields(&bob, path)).await, "NOT_FOUND", "{path}");
            }
        }
        "DownloadFile" => {
            media::place(&stage.sandbox, "a.bin", b"bits");
            let sent = stage.bob.ok("SendFile", json!({"to": alice, "path": "a.bin"})).await;
            for client in [&mut stage.alice, &mut stage.phone] {
                client.event("RECEIVE_MESSAGE").await;
            }
            let save = json!({"msg_id": sent["id"], "path": "in/b.bin"});
            assert_eq!(stage.alice.ok(command, save.clone()).await, json!({"path": "in/b.bin"}));
            assert_eq!(media::read(&stage.sandbox, "in/b.bin"), b"bits");
            assert_eq!(stage.carol.refused(command, save).await, "MESSAGE_NOT_FOUND");
            let outside = json!({"msg_id": sent["id"], "path": "../b.bin"});
            assert_eq!(stage.alice.refused(command, outside).await, "NOT_FOUND");
            assert_eq!(stage.alice.refused(command, json!({"msg_id": "1", "path": "b"})).await, "MESSAGE_NOT_FOUND");
        }
        "GetSendImageParam" | "GetSendFileParam" | "GetSendVideoParam" | "GetSendAudioParam" => {
            let fields = |to: &str| match command {
                "GetSendVideoParam" | "GetSendAudioParam" => {
                    json!({"to": to, "path": "/home/me/x.bin", "duration": 900, "msg_id": "1"})
                }
                _ => json!({"to": to, "path": "C:\\me\\x.bin", "msg_id": "1"}),
            };
            let kind = command["GetSend".len()..command.len() - "Param".len()].to_uppercase();
            let metadata = match kind.as_str() {
                "FILE" => json!({"FILE_NAME": "x.bin", "FILE_SIZE": "4"}),
                "IMAGE" => json!({}),
                _ => json!({"DURATION": "900"}),
            };
            for to in [&bob, &group] {
                let param = stage.alice.ok(command, fields(to)).await;
                assert_eq!(param["path"], fields(to)["path"]);
                let (status, body) = media::upload(&param, b"bits").await;
                assert_eq!(status, 200, "{body}");
                let sent: Value = serde_json::from_str(&body).expect("JSON");
                stage.arrived(&sent, &kind, Value::Null, metadata.clone()).await;
            }
            assert_eq!(stage.alice.refused(command, fields(NOBODY)).await, "NOT_FOUND");
        }
        "GetDownloadFileParam" => {
            media::place(&stage.sandbox, "a.bin", b"bits");
            let sent = stage.bob.ok("SendFile", json!({"to": alice, "path": "a.bin"})).await;
            for client in [&mut stage.alice, &mut stage.phone] {
                client.event("RECEIVE_MESSAGE").await;
            }
            let param = stage.alice.ok(command, json!({"msg_id": sent["id"], "path": "/tmp/b"})).await;
            assert_eq!(media::download(&param).await, (200, b"bits".to_vec()));
            assert_eq!(media::download(&param).await.0, 410);
            let text = stage.alice.ok("SendText", json!({"to": bob, "content": "no file"})).await;
            stage.arrived(&text, "NONE", json!("no file"), json!({})).await;
            assert_eq!(stage.alice.refused(command, json!({"msg_id": text["id"], "path": "x"})).await, "NOT_FOUND");
        }
        other => panic!("{other} has no case"),
    }
}
