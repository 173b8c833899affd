//! Groups: who is told what when people come, go and change things.

use serde_json::{Value, json};

use crate::sandbox::client::{Client, sandbox};

/// Three people, the first of whom has invited the others into a group.
async fn invited() -> (hotline::sandbox::Sandbox, [Client; 3], String) {
    let sandbox = sandbox().await;
    let mut alice = Client::login(&sandbox, "alice").await;
    let mut bob = Client::login(&sandbox, "bob").await;
    let mut carol = Client::login(&sandbox, "carol").await;
    let chat = alice.ok("CreateGroup", json!({"name": "tea", "mids": [bob.mid, carol.mid]})).await;
    let group = chat["chatMid"].as_str().expect("a mid").to_owned();
    for client in [&mut bob, &mut carol] {
        let event = client.event("NOTIFIED_INVITE_INTO_CHAT").await;
        assert_eq!((&event["group_id"], &event["mid"]), (&json!(group), &json!(alice.mid)));
        assert!(event["created_time"].as_i64().is_some_and(|seconds| seconds < 10_000_000_000), "{event}");
    }
    (sandbox, [alice, bob, carol], group)
}

#[tokio::test]
async fn an_invitation_is_accepted_declined_and_seen_by_the_members() {
    let (_sandbox, [mut alice, mut bob, mut carol], group) = invited().await;
    let id = json!({"group_id": group});
    bob.ok("AcceptGroupInvitation", id.clone()).await;
    let content = json!({"group_id": group, "mid": bob.mid});
    assert_eq!(bob.event("ACCEPT_CHAT_INVITATION").await, content);
    assert_eq!(alice.event("NOTIFIED_ACCEPT_CHAT_INVITATION").await, content);
    carol.ok("RejectGroupInvitation", id.clone()).await;
    assert_eq!(carol.refused("AcceptGroupInvitation", id.clone()).await, "NOT_AN_INVITEE");
    assert_eq!(carol.refused("SearchGroupById", json!({"id": group})).await, "NOT_A_MEMBER");
    let chat = alice.ok("SearchGroupById", json!({"id": group})).await;
    let members: Vec<_> = chat["groupExtra"]["memberMids"].as_object().expect("mids are keys").keys().collect();
    assert_eq!(members.len(), 2);
    assert_eq!(chat["groupExtra"]["inviteeMids"], json!({}));
    assert_eq!(bob.ok("GetJoinedGroupIds", json!({})).await, json!([group]));
}

#[tokio::test]
async fn a_message_reaches_every_other_member_and_no_invitee() {
    let (_sandbox, [mut alice, mut bob, mut carol], group) = invited().await;
    bob.ok("AcceptGroupInvitation", json!({"group_id": group})).await;
    let sent = bob.ok("SendText", json!({"to": group, "content": "hello all"})).await;
    alice.event("NOTIFIED_ACCEPT_CHAT_INVITATION").await;
    let message = alice.event("RECEIVE_MESSAGE").await;
    assert_eq!((&message["id"], &message["to"], &message["text"]), (&sent["id"], &json!(group), &json!("hello all")));
    assert!(message["timestamp"].is_i64());
    carol.expect_silence().await;
    assert_eq!(carol.refused("SendText", json!({"to": group, "content": "me too"})).await, "NOT_A_MEMBER");
}

#[tokio::test]
async fn leaving_tells_the_others_and_the_last_one_takes_the_group_along() {
    let (_sandbox, [mut alice, mut bob, mut carol], group) = invited().await;
    let id = json!({"group_id": group});
    bob.ok("AcceptGroupInvitation", id.clone()).await;
    alice.event("NOTIFIED_ACCEPT_CHAT_INVITATION").await;
    bob.ok("LeaveGroup", id.clone()).await;
    assert_eq!(alice.event("NOTIFIED_DELETE_SELF_FROM_CHAT").await, json!({"group_id": group, "mid": bob.mid}));
    bob.event("ACCEPT_CHAT_INVITATION").await;
    assert_eq!(bob.event("NOTIFIED_LEAVE_CHAT").await, json!({"group_id": group}));
    alice.ok("LeaveGroup", id.clone()).await;
    assert_eq!(carol.event("NOTIFIED_CANCEL_CHAT_INVITATION").await["group_id"], json!(group));
    assert_eq!(carol.refused("AcceptGroupInvitation", id).await, "NOT_FOUND");
}

#[tokio::test]
async fn a_new_name_is_an_event_and_a_message() {
    let (_sandbox, [mut alice, mut bob, _carol], group) = invited().await;
    bob.ok("AcceptGroupInvitation", json!({"group_id": group})).await;
    bob.event("ACCEPT_CHAT_INVITATION").await;
    alice.ok("UpdateGroupName", json!({"group_id": group, "name": "coffee"})).await;
    assert_eq!(bob.event("NOTIFIED_UPDATE_CHAT").await, json!({"group_id": group, "mid": alice.mid, "type": "1"}));
    let message = bob.event("RECEIVE_MESSAGE").await;
    assert_eq!((&message["contentType"], &message["text"]), (&json!("CHATEVENT"), &Value::Null));
    assert_eq!(message["contentMetadata"], json!({"event_type": "update_group_name", "name": "coffee"}));
    assert_eq!(bob.ok("SearchGroupById", json!({"mids": [group]})).await[0]["chatName"], "coffee");
}

#[tokio::test]
async fn a_group_is_joined_by_its_url_only_while_that_is_enabled() {
    let (_sandbox, [mut alice, _bob, mut carol], group) = invited().await;
    carol.ok("RejectGroupInvitation", json!({"group_id": group})).await;
    let url = alice.ok("GetGroupQrcode", json!({"group_id": group})).await["url"].clone();
    let join = json!({"group_id": group, "url": url});
    assert_eq!(carol.refused("SearchGroupByUrl", json!({"url": url})).await, "PREVENTED_JOIN_BY_TICKET");
    assert_eq!(carol.refused("JoinGroupByUrl", join.clone()).await, "PREVENTED_JOIN_BY_TICKET");
    alice.ok("EnableJoinByUrl", json!({"group_id": group, "enable": true})).await;
    assert_eq!(carol.ok("SearchGroupByUrl", json!({"url": url})).await["chatMid"], json!(group));
    carol.ok("JoinGroupByUrl", join.clone()).await;
    assert_eq!(alice.event("NOTIFIED_JOIN_CHAT").await, json!({"group_id": group, "mid": carol.mid}));
    assert_eq!(carol.refused("JoinGroupByUrl", join).await, "DUPLICATED");
}
