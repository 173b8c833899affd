//! The tables of LINE's operations and events beside LINE's own description of them, where that is at hand.
//!
//! It is <https://github.com/line/line-openapi>; an environment variable names the folder:
//!
//! ```sh
//! HOTLINE_LINE_DESCRIPTION=../line-openapi cargo test --test library description::
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hotline::protocol::line::events::LINE_EVENTS;
use hotline::protocol::line::{AnswerKind, BodyKind, Method, OPERATIONS, Server};
use hotline::protocol::{FieldKind, Presence};
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::{Map, Value};

use crate::system;

/// The folder of LINE's description; says so where there is none.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("HOTLINE_LINE_DESCRIPTION").map(PathBuf::from);
    if folder.is_none() {
        system::skipped("it needs LINE's own description; HOTLINE_LINE_DESCRIPTION names its folder");
    }
    folder
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("the description can be read");
    let pages = Yaml::load_from_str(&text).expect("the description is YAML");
    json(&pages[0])
}

fn json(node: &Yaml<'_>) -> Value {
    if let Some(entries) = node.as_mapping() {
        // An answer's code is a number where it is not quoted.
        let key = |key: &Yaml<'_>| key.as_str().map_or_else(|| json(key).to_string(), str::to_owned);
        return Value::Object(entries.iter().map(|(name, value)| (key(name), json(value))).collect());
    }
    if let Some(items) = node.as_sequence() {
        return items.iter().map(json).collect();
    }
    let integer = node.as_integer().map(Value::from);
    integer.or_else(|| node.as_bool().map(Value::from)).or_else(|| node.as_str().map(Value::from)).unwrap_or_default()
}

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

/// A page of the description.
struct Page(Value);

impl Page {
    fn operations(&self) -> BTreeMap<String, Described> {
        let mut found = BTreeMap::new();
        for (path, item) in object(&self.0["paths"]) {
            for method in [Method::Get, Method::Post, Method::Put, Method::Delete] {
                let operation = &item[method.name().to_lowercase()];
                if let Some(name) = operation["operationId"].as_str() {
                    found.insert(name.to_owned(), self.operation(method, path, item, operation));
                }
            }
        }
        found
    }

    fn operation(&self, method: Method, path: &str, item: &Value, operation: &Value) -> Described {
        let mut fields = BTreeMap::new();
        let parameters = [item, operation].into_iter().filter_map(|of| of["parameters"].as_array()).flatten();
        for parameter in parameters {
            let name = match parameter["name"].as_str().expect("a parameter has a name") {
                "X-Line-Retry-Key" => "retryKey",
                "X-Line-Delivery-Tag" => "deliveryTag",
                name => name,
            };
            fields.insert(name.to_owned(), (self.kind(&parameter["schema"]), parameter["required"] == true));
        }
        let body = &operation["requestBody"]["content"];
        let schema = self.resolved(&body["application/json"]["schema"]);
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (name, schema) in object(&schema["properties"]) {
            fields.insert(name.clone(), (self.kind(schema), required.contains(&Value::from(name.as_str()))));
        }
        let answers = object(&operation["responses"]);
        let success = answers.iter().find(|(code, _)| code.starts_with('2')).expect("it can succeed").1;
        let server = item["servers"][0]["url"].as_str().or_else(|| operation["servers"][0]["url"].as_str());
        Described {
            method: method.name(),
            server: if server == Some(Server::Blob.url()) { Server::Blob } else { Server::Api },
            path: path.to_owned(),
            sends_file: body.get("*/*").is_some(),
            gives_file: success["content"].get("*/*").is_some(),
            fields,
        }
    }

    fn kind(&self, schema: &Value) -> FieldKind {
        let schema = self.resolved(schema);
        match schema["type"].as_str() {
            Some("string") => FieldKind::Str,
            Some("boolean") => FieldKind::Bool,
            Some("integer") => FieldKind::Int,
            Some("number") => FieldKind::Float,
            Some("array") if self.kind(&schema["items"]) == FieldKind::Str => FieldKind::List,
            Some("array") => FieldKind::Maps,
            _ => FieldKind::Map,
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => &self.0["components"]["schemas"][reference.rsplit('/').next().unwrap_or_default()],
            None => schema,
        }
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

#[test]
fn the_operations_are_those_that_line_describes() {
    let Some(folder) = folder() else { return };
    let (theirs, mut ours) = (Page(read(&folder.join("messaging-api.yml"))).operations(), ours());
    assert!(!theirs.is_empty());
    for (name, described) in theirs {
        assert_eq!(ours.remove(&name), Some(described), "{name}");
    }
    assert!(ours.is_empty(), "LINE does not describe {:?}", ours.keys());
}

#[test]
fn the_events_are_those_that_line_describes() {
    let Some(folder) = folder() else { return };
    let page = read(&folder.join("webhook.yml"));
    let kinds = object(&page["components"]["schemas"]["Event"]["discriminator"]["mapping"]);
    let theirs: BTreeSet<_> = kinds.keys().map(String::as_str).collect();
    assert_eq!(LINE_EVENTS.iter().map(|row| row.subcommand).collect::<BTreeSet<_>>(), theirs);
}
