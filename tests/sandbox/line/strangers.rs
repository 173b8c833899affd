//! Requests that are not as they should be, and who may not ask at all.

use reqwest::Method;
use serde_json::{Value, json};

use super::bot::{Bot, with};

#[tokio::test]
async fn a_request_that_cannot_be_understood_is_answered_in_words() {
    let bot = Bot::start().await;
    let push = "/v2/bot/message/push";
    for (body, message) in [
        ("", "The request body could not be parsed as JSON (line: 1, column: 0)"),
        ("{\"to\": 5", "The request body could not be parsed as JSON (line: 1, column: 8)"),
        ("[]", "The request body could not be parsed as a JSON object"),
        ("{\"to\": 5}", "The property, 'to', in the request body is invalid (line: -, column: -)"),
        (
            "{\"to\": \"U1\", \"messages\": 5}",
            "The property, 'messages', in the request body is invalid (line: -, column: -)",
        ),
    ] {
        let request = bot.request(Method::POST, push).header("content-type", "application/json").body(body);
        assert_eq!(bot.send(request).await, (400, json!({ "message": message })), "{body}");
    }
    let (status, answer) = bot.call(Method::POST, push, json!({})).await;
    let detail = json!([{ "message": "May not be empty", "property": "to" }]);
    assert_eq!((status, &answer["details"]), (400, &detail));
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v2/bot/message/push"),
        (Method::POST, "/v2/bot/telepathy"),
        (Method::GET, "/v2/bot/profile/"),
    ] {
        assert_eq!(bot.call(method, path, Value::Null).await, (404, json!({ "message": "Not found" })), "{path}");
    }
    let large = bot.request(Method::POST, push).body(vec![b' '; 10 * 1024 * 1024 + 1]);
    assert_eq!(bot.send(large).await.0, 413);
    let (status, _) = bot.call(Method::GET, "/v2/bot/profile/U%F0%9F%98%80", Value::Null).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn only_who_has_a_token_and_no_page_of_the_web_is_answered() {
    let bot = Bot::start().await;
    let url = format!("{}/v2/bot/info", bot.sandbox.line_url().expect("it is served"));
    let ask = || bot.client.get(&url);
    for request in [ask(), ask().bearer_auth("wrong"), ask().header("authorization", "sandbox")] {
        let (status, answer) = bot.send(request).await;
        assert_eq!(status, 401);
        assert!(answer["message"].as_str().is_some_and(|text| text.starts_with("Authentication failed")), "{answer}");
    }
    let page = ask().bearer_auth("sandbox").header("origin", "https://example.com");
    assert_eq!(bot.send(page).await.0, 403);
    let name = ask().bearer_auth("sandbox").header("host", "example.com");
    assert_eq!(bot.send(name).await.0, 403);
}

#[tokio::test]
async fn a_token_is_given_to_who_knows_the_secret() {
    let bot = Bot::start().await;
    let ask = async |path: &str, form: &str| {
        let request = bot.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        bot.send(request.body(form.to_owned())).await
    };
    let secret = "client_id=sandbox&client_secret=sandbox";
    for (form, error) in [
        ("grant_type=client_credentials&client_id=sandbox&client_secret=wrong", "invalid_client"),
        ("grant_type=client_credentials&client_assertion=a.b.c", "invalid_client"),
        (secret, "unsupported_grant_type"),
    ] {
        let (status, answer) = ask("/oauth2/v3/token", form).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)), "{form}");
    }
    let (_, issued) = ask("/oauth2/v3/token", &format!("grant_type=client_credentials&{secret}")).await;
    let token = issued["access_token"].as_str().expect("a token");
    let verify = format!("/oauth2/v2.1/verify?access_token={token}");
    let (status, answer) = bot.call(Method::GET, &verify, Value::Null).await;
    assert_eq!((status, &answer["expires_in"], &answer["client_id"]), (200, &json!(900), &json!("sandbox")));
    assert_eq!(ask("/oauth2/v2.1/revoke", &format!("{secret}&access_token={token}")).await.0, 200);
    assert_eq!(bot.call(Method::GET, &verify, Value::Null).await.0, 400);
    let revoked =
        with(bot.client.get(format!("{}/v2/bot/info", bot.sandbox.line_url().expect("it is served"))), &json!({}));
    assert_eq!(bot.send(revoked.bearer_auth(token)).await.0, 401);
}
