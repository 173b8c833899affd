//! One request to the Messaging API: what was asked, checked against its row, and what it is answered.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};

use crate::protocol::commands::{Field, Presence};
use crate::protocol::line::{ApiOperation, BodyKind};
use crate::sandbox::line::{Flaws, MenuImage, Refused, is_uuid};
use crate::sandbox::world::StoredFile;

/// What a request is answered.
pub(super) type ApiResult = Result<ApiAnswer, Refused>;

/// An answer other than a refusal.
#[derive(Debug)]
pub(super) enum ApiAnswer {
    Json(StatusCode, Value),
    File(StoredFile),
    Image(MenuImage),
}

/// A request that was understood.
#[derive(Debug)]
pub(super) struct ApiCall {
    pub(super) operation: &'static ApiOperation,
    pub(super) request_id: String,
    pub(super) retry_key: Option<String>,
    pub(super) delivery_tag: Option<String>,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
    /// The fields of the path and the query.
    fields: BTreeMap<String, String>,
    body: Map<String, Value>,
}

impl ApiAnswer {
    /// Success with nothing to say.
    pub(super) fn done() -> ApiResult {
        Ok(Self::Json(StatusCode::OK, json!({})))
    }

    /// Success.
    pub(super) fn of(answer: Value) -> ApiResult {
        Ok(Self::Json(StatusCode::OK, answer))
    }

    /// What will be done is not done yet.
    pub(super) fn accepted() -> ApiResult {
        Ok(Self::Json(StatusCode::ACCEPTED, json!({})))
    }
}

impl ApiCall {
    /// Reads a request.
    pub(super) fn read(
        request_id: String,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        bytes: Bytes,
    ) -> Result<Self, Refused> {
        let Some((operation, values)) = ApiOperation::at(method.as_str(), uri.path()) else {
            return Err(Refused::not_found());
        };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let mut fields = BTreeMap::new();
        for (name, value) in query {
            // A list is repeated, or written with commas.
            let all: &mut String = fields.entry(name.into_owned()).or_default();
            if !all.is_empty() {
                all.push(',');
            }
            all.push_str(&value);
        }
        fields.extend(values.into_iter().map(|(name, value)| (name.to_owned(), decoded(value))));
        let body = match operation.body {
            // A body may be left out where nothing has to stand in it.
            BodyKind::Json if bytes.is_empty() && !operation.command.fields.iter().any(is_required) => Map::new(),
            BodyKind::Json => object(&bytes)?,
            BodyKind::Nothing | BodyKind::File => Map::new(),
        };
        let retry_key = header("x-line-retry-key").filter(|_| operation.takes_retry_key());
        if retry_key.as_ref().is_some_and(|key| !is_uuid(key)) {
            return Err(Refused::bad_request(
                "The value for the header 'X-Line-Retry-Key' is invalid: a UUID is expected",
            ));
        }
        let call = Self {
            operation,
            request_id,
            retry_key,
            delivery_tag: header("x-line-delivery-tag"),
            content_type: header("content-type").unwrap_or_default(),
            bytes,
            fields,
            body,
        };
        call.check()?;
        Ok(call)
    }

    /// A field of the path or the query; empty where there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A field of the body; null where there is none.
    pub(super) fn body(&self, name: &str) -> &Value {
        self.body.get(name).unwrap_or(&Value::Null)
    }

    /// A text of the body; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.body(name).as_str().unwrap_or_default()
    }

    /// The whole body.
    pub(super) fn object(&self) -> Value {
        Value::Object(self.body.clone())
    }

    /// The list of texts in a field of the body, of which there have to be so many.
    pub(super) fn texts(&self, name: &str, least: usize, most: usize) -> Result<Vec<&str>, Refused> {
        let list = self.body(name).as_array().map(Vec::as_slice).unwrap_or_default();
        let texts: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
        let texts = texts.ok_or_else(|| Refused::property(name))?;
        if (least..=most).contains(&texts.len()) {
            return Ok(texts);
        }
        let mut flaws = Flaws::default();
        flaws.add(name, format!("Size must be between {least} and {most}"));
        flaws.done().map(|()| texts)
    }

    /// A whole number of the query, which has to lie in a range.
    pub(super) fn number(&self, name: &str, otherwise: usize, most: usize) -> Result<usize, Refused> {
        let text = self.field(name);
        if text.is_empty() {
            return Ok(otherwise);
        }
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| Refused::bad_request(format!("The value for the '{name}' parameter is invalid")))
    }

    /// Checks the fields against the row: what is there has its type, and what has to be there is.
    fn check(&self) -> Result<(), Refused> {
        let mut flaws = Flaws::default();
        for field in self.operation.command.fields {
            let name = field.name;
            // The messages have checks of their own; headers and files are none of the body's.
            let is_apart = ["messages", "retryKey", "deliveryTag"].contains(&name) || self.operation.names_file(name);
            if is_apart || self.operation.is_in_path(name) {
                continue;
            }
            if self.operation.body == BodyKind::Json {
                check_value(field, self.body(name), &mut flaws)?;
            } else if is_required(field) && self.field(name).is_empty() {
                return Err(Refused::bad_request(format!("The '{name}' parameter is required")));
            }
        }
        flaws.done()
    }
}

fn is_required(field: &Field) -> bool {
    field.presence == Presence::Required
}

fn check_value(field: &Field, value: &Value, flaws: &mut Flaws) -> Result<(), Refused> {
    let required = is_required(field);
    if value.is_null() || (required && value.as_str() == Some("")) {
        if required {
            flaws.add(field.name, "May not be empty");
        }
        return Ok(());
    }
    if field.kind.accepts(value) { Ok(()) } else { Err(Refused::property(field.name)) }
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, Refused> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refused::bad_request("The request body could not be parsed as a JSON object")),
        Err(error) => Err(Refused::bad_request(format!(
            "The request body could not be parsed as JSON (line: {}, column: {})",
            error.line(),
            error.column()
        ))),
    }
}

/// A part of a path without its escapes.
fn decoded(part: &str) -> String {
    // These stand for themselves in a path.
    let written = part.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(written.as_bytes());
    pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
