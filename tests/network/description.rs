//! The tables of LINE's operations and events beside LINE's own description of them, where that is at hand.
//!
//! It is <https://github.com/line/line-openapi>; an environment variable names the folder:
//!
//! ```sh
//! HOTLINE_LINE_DESCRIPTION=../line-openapi cargo test --test library description::
//! ```

use std::collections::{BTreeMap, BTreeSet};

use hotline::protocol::line::events::LINE_EVENTS;
use hotline::protocol::line::{AnswerKind, BodyKind, OPERATIONS, Server};
use hotline::protocol::{FieldKind, Presence};
use serde_json::Value;

use crate::description::{Operation, Page, folder, object};

/// What a row and LINE's description both say of an operation.
#[derive(Debug, PartialEq, Eq)]
struct Described {
    method: &'static str,
    server: Server,
    path: String,
    sends_file: bool,
    gives_file: bool,
    /// Its fields, with whether they are required.
    fields: BTreeMap<String, (FieldKind, bool)>,
}

fn ours() -> BTreeMap<String, Described> {
    let described = |row: &hotline::protocol::line::ApiOperation| Described {
        method: row.method.name(),
        server: row.server,
        path: row.path.to_owned(),
        sends_file: row.body == BodyKind::File,
        gives_file: row.answer == AnswerKind::File,
        fields: (row.command.fields.iter())
            .filter(|field| !row.names_file(field.name))
            .map(|field| (field.name.to_owned(), (field.kind, field.presence == Presence::Required)))
            .collect(),
    };
    OPERATIONS.iter().map(|row| (row.command.name.to_owned(), described(row))).collect()
}

/// What the description says of an operation.
fn described(page: &Page, operation: &Operation<'_>) -> Described {
    let own = operation.of[1];
    let server = operation.of.iter().find_map(|of| of["servers"][0]["url"].as_str());
    let success = object(&own["responses"]).iter().find(|(code, _)| code.starts_with('2')).expect("it can succeed").1;
    let fields = page.fields(operation).into_iter();
    Described {
        method: operation.method.name(),
        server: if server == Some(Server::Blob.url()) { Server::Blob } else { Server::Api },
        path: operation.path.to_owned(),
        sends_file: own["requestBody"]["content"].get("*/*").is_some(),
        gives_file: success["content"].get("*/*").is_some(),
        fields: fields.map(|(name, (schema, required))| (name.to_owned(), (kind(page, schema), required))).collect(),
    }
}

fn kind(page: &Page, schema: &Value) -> FieldKind {
    let schema = page.resolved(schema);
    match schema["type"].as_str() {
        Some("string") => FieldKind::Str,
        Some("boolean") => FieldKind::Bool,
        Some("integer") => FieldKind::Int,
        Some("number") => FieldKind::Float,
        Some("array") if kind(page, &schema["items"]) == FieldKind::Str => FieldKind::List,
        Some("array") => FieldKind::Maps,
        _ => FieldKind::Map,
    }
}

#[test]
fn the_operations_are_those_that_line_describes() {
    let Some(folder) = folder() else { return };
    let page = Page::read(&folder.join("messaging-api.yml"));
    let (theirs, mut ours) = (page.operations(), ours());
    assert!(!theirs.is_empty());
    for (name, operation) in theirs {
        assert_eq!(ours.remove(name), Some(described(&page, &operation)), "{name}");
    }
    assert!(ours.is_empty(), "LINE does not describe {:?}", ours.keys());
}

#[test]
fn the_events_are_those_that_line_describes() {
    let Some(folder) = folder() else { return };
    let page = Page::read(&folder.join("webhook.yml"));
    let kinds = object(&page.0["components"]["schemas"]["Event"]["discriminator"]["mapping"]);
    let theirs: BTreeSet<_> = kinds.keys().map(String::as_str).collect();
    assert_eq!(LINE_EVENTS.iter().map(|row| row.subcommand).collect::<BTreeSet<_>>(), theirs);
}
