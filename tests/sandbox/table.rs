//! Walks all commands of the table: each succeeds once with its events to the others, and is refused at least once.

use hotline::protocol::{COMMANDS, Kind, Presence};
use hotline::sandbox::{NewAccount, Sandbox};
use serde_json::{Map, Value, json};

use crate::client::{Client, sandbox};
use crate::media;

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
        let event = self.carol.event("NOTIFIED_INVITE_INTO_CHAT").await;
        assert_eq!((&event["group_id"], &event["mid"]), (&json!(group), &json!(self.alice.mid)));
    }

    /// Checks that a message of alice arrived at bob and on her phone, and gives it.
    async fn arrived(&mut self, sent: &Value, kind: &str) -> Value {
        let message = self.bob.event("RECEIVE_MESSAGE").await;
        assert_eq!(self.phone.event("SEND_MESSAGE").await, message);
        assert_eq!((&message["id"], &message["contentType"]), (&sent["id"], &json!(kind)));
        message
    }
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

fn example(kind: Kind) -> Value {
    match kind {
        Kind::Str => json!("x"),
        Kind::Bool => json!(true),
        Kind::Int => json!(1),
        Kind::Float => json!(1.5),
        Kind::List => json!([]),
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
            assert_eq!((&event["mid"], &event["type"]), (&json!(alice), &json!(kind)));
            assert_eq!(event["params"], json!({key: "new"}).to_string());
            stage.phone.event("UPDATE_PROFILE").await;
            assert_eq!(stage.alice.refused(command, json!({field: "x".repeat(limit + 1)})).await, "INVALID_LENGTH");
        }
        "UpdateProfilePicture" => {
            media::place(&stage.sandbox, "me.jpg", b"a face");
            stage.alice.ok(command, json!({"path": "me.jpg"})).await;
            assert_eq!(stage.bob.event("NOTIFIED_UPDATE_PROFILE").await["type"], "8");
            stage.phone.event("UPDATE_PROFILE").await;
            let contact = stage.bob.ok("GetContacts", json!({"mids": [alice]})).await[0].clone();
            assert_eq!(media::fetch(contact["picturePath"].as_str().expect("an url")).await, b"a face");
            assert_eq!(stage.alice.refused(command, json!({"path": "none.jpg"})).await, "NOT_FOUND");
        }
        "CheckUseridValid" => {
            assert_eq!(stage.alice.ok(command, json!({"user_id": "alice.1"})).await, json!({"valid": true}));
            assert_eq!(stage.alice.ok(command, json!({"user_id": "Al"})).await, json!({"valid": false}));
            assert_eq!(stage.alice.refused(command, json!({"user_id": 5})).await, "MALFORMED");
        }
        "SetMyUserid" => {
            assert_eq!(stage.alice.ok(command, json!({"user_id": "alice.1"})).await, json!({"user_id": "alice.1"}));
            stage.phone.event("UPDATE_PROFILE").await;
            stage.alice.ok(command, json!({"user_id": "alice.1"})).await;
            assert_eq!(stage.alice.refused(command, json!({"user_id": "alice.2"})).await, "DUPLICATED");
            assert_eq!(stage.bob.refused(command, json!({"user_id": "alice.1"})).await, "DUPLICATED");
            assert_eq!(stage.alice.refused(command, json!({"user_id": "A"})).await, "INVALID_LENGTH");
        }
        "SetBirthday" => {
            stage.alice.ok(command, json!({"year": "2000", "day": "0229"})).await;
            stage.phone.event("UPDATE_PROFILE").await;
            assert_eq!(stage.alice.refused(command, json!({"year": "1999", "day": "0229"})).await, "MALFORMED");
        }
        "EnableSearchByUserId" => {
            stage.alice.ok("SetMyUserid", json!({"user_id": "alice.1"})).await;
            stage.phone.event("UPDATE_PROFILE").await;
            stage.alice.ok(command, json!({"enable": false})).await;
            stage.phone.event("UPDATE_SETTINGS").await;
            let search = json!({"user_id": "alice.1"});
            assert_eq!(stage.bob.refused("SearchContactByUserid", search.clone()).await, "NOT_FOUND");
            assert_eq!(stage.alice.ok("GetSettings", json!({})).await["privacySearchByUserid"], false);
            stage.alice.ok(command, json!({"enable": true})).await;
            stage.phone.event("UPDATE_SETTINGS").await;
            stage.bob.ok("SearchContactByUserid", search).await;
            assert_eq!(stage.alice.refused(command, json!({"enable": "yes"})).await, "MALFORMED");
        }
        "EnableSecondaryLogin" => {
            stage.alice.ok(command, json!({"enable": false})).await;
            stage.phone.event("UPDATE_SETTINGS").await;
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
                client.event("NOTIFIED_UPDATE_CHAT").await;
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
                assert_eq!(client.event("NOTIFIED_INVITE_INTO_CHAT").await["group_id"], chat["chatMid"]);
            }
            assert_eq!(stage.alice.refused(command, json!({"name": "new", "mids": [NOBODY]})).await, "NOT_FOUND");
            assert_eq!(stage.alice.refused(command, json!({"name": "", "mids": []})).await, "INVALID_LENGTH");
        }
        "UpdateGroupPicture" => {
            media::place(&stage.sandbox, "tea.jpg", b"a cup");
            stage.alice.ok(command, json!({"groupId": group, "path": "tea.jpg"})).await;
            assert_eq!(stage.bob.event("NOTIFIED_UPDATE_CHAT").await["type"], "2");
            stage.phone.event("NOTIFIED_UPDATE_CHAT").await;
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
                client.event("NOTIFIED_INVITE_INTO_CHAT").await;
            }
            stage.alice.ok(command, id.clone()).await;
            for client in [&mut stage.alice, &mut stage.phone] {
                assert_eq!(client.event("ACCEPT_CHAT_INVITATION").await["group_id"], chat["chatMid"]);
            }
            assert_eq!(stage.carol.event("NOTIFIED_ACCEPT_CHAT_INVITATION").await["mid"], json!(alice));
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
                client.event("NOTIFIED_INVITE_INTO_CHAT").await;
            }
            stage.alice.ok(command, id.clone()).await;
            stage.phone.event("NOTIFIED_CANCEL_CHAT_INVITATION").await;
            assert_eq!(stage.alice.refused(command, id).await, "NOT_AN_INVITEE");
        }
        "LeaveGroup" => {
            stage.alice.ok(command, json!({"group_id": group})).await;
            for client in [&mut stage.alice, &mut stage.phone] {
                assert_eq!(client.event("DELETE_SELF_FROM_CHAT").await, json!({"group_id": group, "mid": alice}));
            }
            let event = stage.bob.event("NOTIFIED_LEAVE_CHAT").await;
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
            let event = stage.bob.event("NOTIFIED_UPDATE_CHAT").await;
            assert_eq!(event, json!({"group_id": group, "mid": alice, "type": "1"}));
            let message = stage.bob.event("RECEIVE_MESSAGE").await;
            assert_eq!(
                (&message["contentType"], &message["contentMetadata"]["name"]),
                (&json!("CHATEVENT"), &json!("coffee"))
            );
            stage.phone.event("NOTIFIED_UPDATE_CHAT").await;
            stage.phone.event("SEND_MESSAGE").await;
            assert_eq!(stage.carol.refused(command, json!({"group_id": group, "name": "x"})).await, "NOT_A_MEMBER");
            assert_eq!(stage.alice.refused(command, json!({"group_id": group, "name": ""})).await, "INVALID_LENGTH");
        }
        "EnableJoinByUrl" => {
            stage.alice.ok(command, json!({"group_id": group, "enable": true})).await;
            assert_eq!(stage.bob.event("NOTIFIED_UPDATE_CHAT").await["type"], "4");
            stage.phone.event("NOTIFIED_UPDATE_CHAT").await;
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
                assert_eq!(stage.arrived(&sent, "NONE").await["text"], "hi");
            }
            assert_eq!(stage.alice.refused(command, json!({"to": bob, "content": ""})).await, "INVALID_LENGTH");
            assert_eq!(stage.alice.refused(command, json!({"to": NOBODY, "content": "x"})).await, "NOT_FOUND");
            assert_eq!(stage.alice.refused(command, json!({"to": "bob", "content": "x"})).await, "INVALID_MID");
        }
        "SendLocation" => {
            let place = |latitude: f64| json!({"to": group, "title": "t", "address": "a", "latitude": latitude, "longitude": 1.0});
            let sent = stage.alice.ok(command, place(35.25)).await;
            assert_eq!(stage.arrived(&sent, "LOCATION").await["contentMetadata"]["latitude"], "35.25");
            assert_eq!(stage.alice.refused(command, place(90.5)).await, "MALFORMED");
        }
        "SendContact" => {
            let contact =
                |what: &str| json!({"to": bob, "displayName": "C", "contactMidOrVcard": what, "contactIsMid": true});
            let sent = stage.alice.ok(command, contact(&carol)).await;
            assert_eq!(stage.arrived(&sent, "CONTACT").await["contentMetadata"]["mid"], json!(carol));
            assert_eq!(stage.alice.refused(command, contact(NOBODY)).await, "NOT_FOUND");
            assert_eq!(stage.alice.refused(command, contact("BEGIN:VCARD")).await, "INVALID_MID");
        }
        "SendImage" | "SendVideo" | "SendAudio" | "SendFile" => {
            media::place(&stage.sandbox, "clip.bin", b"bits and pieces");
            let fields = |path: &str, duration: i64| match command {
                "SendVideo" | "SendAudio" => json!({"to": bob, "path": path, "duration": duration}),
                _ => json!({"to": bob, "path": path}),
            };
            let sent = stage.alice.ok(command, fields("clip.bin", 1500)).await;
            let message = stage.arrived(&sent, &command["Send".len()..].to_uppercase()).await;
            let expected = match command {
                "SendFile" => json!({"FILE_NAME": "clip.bin", "FILE_SIZE": "15"}),
                "SendImage" => json!({}),
                _ => json!({"DURATION": "1500"}),
            };
            assert_eq!(message["contentMetadata"], expected);
            for path in ["none.bin", "../clip.bin", "/etc/hostname", "", "."] {
                assert_eq!(stage.alice.refused(command, fields(path, 1)).await, "NOT_FOUND", "{path}");
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
            let param = stage.alice.ok(command, fields(&bob)).await;
            assert_eq!(param["path"], fields(&bob)["path"]);
            let (status, body) = media::upload(&param, b"bits").await;
            assert_eq!(status, 200, "{body}");
            let sent: Value = serde_json::from_str(&body).expect("JSON");
            let kind = command["GetSend".len()..command.len() - "Param".len()].to_uppercase();
            let message = stage.arrived(&sent, &kind).await;
            if kind == "FILE" {
                assert_eq!(message["contentMetadata"], json!({"FILE_NAME": "x.bin", "FILE_SIZE": "4"}));
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
            stage.arrived(&text, "NONE").await;
            assert_eq!(stage.alice.refused(command, json!({"msg_id": text["id"], "path": "x"})).await, "NOT_FOUND");
        }
        other => panic!("{other} has no case"),
    }
}
