//! From the fields of an operation to the http request that it is. Nothing is sent here.

use serde_json::{Map, Value};
use url::Url;

use super::operations::{ApiOperation, BodyKind, DELIVERY_TAG, Method, RETRY_KEY, Server};

/// The header with the key under which a request counts once.
pub const RETRY_KEY_HEADER: &str = "X-Line-Retry-Key";

/// A request that can be sent, but for the token that authorises it.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRequest {
    /// How.
    pub method: Method,
    /// To whom.
    pub server: Server,
    /// The path and the query below the server's url, encoded.
    pub target: String,
    /// Headers beside those that every request has.
    pub headers: Vec<(&'static str, String)>,
    /// The JSON that it carries, where it carries any.
    pub body: Option<String>,
}

/// Why fields make no request.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestFault {
    /// A field that stands in the path is missing or empty.
    #[error("{operation} needs {field}, which stands in its path; found {found}")]
    Path {
        /// The operation.
        operation: &'static str,
        /// The field.
        field: &'static str,
        /// What was there.
        found: String,
    },
    /// A field of the path, the query or a header is neither text, number nor truth value.
    #[error("{operation}: {field} cannot be written into a url or a header; found {found}")]
    Field {
        /// The operation.
        operation: &'static str,
        /// The field.
        field: String,
        /// What was there.
        found: String,
    },
}

/// Writes the request of an operation. Fields that its row does not have go where its others go: into the body, or the query.
///
/// # Errors
/// When a field of the path is missing, or one cannot be written where it belongs.
pub fn request(operation: &'static ApiOperation, fields: &Map<String, Value>) -> Result<HttpRequest, RequestFault> {
    let name = operation.command.name;
    // Only its path and its query count.
    let mut url = Url::parse(operation.server.url()).expect("a server's url is one");
    let mut segments = Vec::new();
    for part in operation.path.split('/').skip(1) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            None => segments.push(part.to_owned()),
            Some(field) => {
                let found = fields.get(field).unwrap_or(&Value::Null);
                let text = scalar(found).filter(|text| !text.is_empty() && text != "." && text != "..");
                segments.push(text.ok_or_else(|| RequestFault::Path {
                    operation: name,
                    field,
                    found: found.to_string(),
                })?);
            }
        }
    }
    url.path_segments_mut().expect("a server's url has a path").clear().extend(segments);
    let mut headers = Vec::new();
    let mut body = Map::new();
    for (field, value) in fields {
        let unwritable = || RequestFault::Field { operation: name, field: field.clone(), found: value.to_string() };
        match field.as_str() {
            _ if operation.is_in_path(field) || value.is_null() => {}
            // Elsewhere such a header would promise what LINE does not keep.
            RETRY_KEY if operation.takes_retry_key() => {
                headers.push((RETRY_KEY_HEADER, header(value).ok_or_else(unwritable)?));
            }
            DELIVERY_TAG if operation.has_field(DELIVERY_TAG) => {
                headers.push(("X-Line-Delivery-Tag", header(value).ok_or_else(unwritable)?));
            }
            _ if operation.names_file(field) => {}
            _ if operation.body == BodyKind::Json => {
                body.insert(field.clone(), value.clone());
            }
            _ => {
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                for value in values {
                    url.query_pairs_mut().append_pair(field, &scalar(value).ok_or_else(unwritable)?);
                }
            }
        }
    }
    let target = url[url::Position::BeforePath..].to_owned();
    let body = (operation.body == BodyKind::Json).then(|| Value::Object(body).to_string());
    Ok(HttpRequest { method: operation.method, server: operation.server, target, headers, body })
}

/// The text of a value that can stand in a url.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The text of a value that can stand in a header.
fn header(value: &Value) -> Option<String> {
    scalar(value).filter(|text| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(name: &str, fields: Value) -> Result<HttpRequest, RequestFault> {
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        request(ApiOperation::named(name).expect("an operation"), &fields)
    }

    #[test]
    fn fields_go_where_their_row_says() {
        let push =
            written("pushMessage", json!({"to": "U1", "messages": [], "retryKey": "k", "new": 1})).expect("push");
        assert_eq!((push.method, push.target.as_str()), (Method::Post, "/v2/bot/message/push"));
        assert_eq!(push.headers, [("X-Line-Retry-Key", "k".to_owned())]);
        assert_eq!(push.body.as_deref(), Some(r#"{"messages":[],"new":1,"to":"U1"}"#));
        let member = written("getGroupMemberProfile", json!({"groupId": "C 1/ä", "userId": "U1"})).expect("member");
        assert_eq!((member.target.as_str(), member.body), ("/v2/bot/group/C%201%2F%C3%A4/member/U1", None));
        let coupons = written("listCoupon", json!({"status": ["DRAFT", "CLOSED"], "limit": 5})).expect("coupons");
        assert_eq!(coupons.target, "/v2/bot/coupon?limit=5&status=DRAFT&status=CLOSED");
        let content = written("getMessageContent", json!({"messageId": "7", "path": "a.jpg"})).expect("content");
        assert_eq!((content.server, content.target.as_str()), (Server::Blob, "/v2/bot/message/7/content"));
        assert_eq!(written("leaveGroup", json!({"groupId": "C1"})).expect("leave").body, None);
    }

    #[test]
    fn a_path_without_its_field_is_refused() {
        for fields in [json!({}), json!({"userId": ""}), json!({"userId": ".."}), json!({"userId": {}})] {
            assert!(matches!(written("getProfile", fields), Err(RequestFault::Path { field: "userId", .. })));
        }
    }

    #[test]
    fn a_header_is_only_sent_where_it_means_something() {
        let reply =
            written("replyMessage", json!({"replyToken": "t", "messages": [], "retryKey": "k"})).expect("reply");
        assert_eq!(reply.headers, []);
        let push = json!({"to": "U1", "messages": [], "deliveryTag": "t"});
        assert_eq!(written("pushMessage", push).expect("push").headers, []);
        for key in [json!("k\r\nX-Evil: 1"), json!("schlüssel"), json!(["k"])] {
            let push = json!({"to": "U1", "messages": [], "retryKey": key});
            assert!(matches!(written("pushMessage", push), Err(RequestFault::Field { .. })), "{key}");
        }
    }
}
