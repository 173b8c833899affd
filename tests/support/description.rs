//! LINE's own description of its API, <https://github.com/line/line-openapi>, where an environment variable names the folder that it lies in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hotline::protocol::line::Method;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::{Map, Value};

use crate::system;

/// The folder; says so where there is none.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("HOTLINE_LINE_DESCRIPTION").map(PathBuf::from);
    if folder.is_none() {
        system::skipped("it needs LINE's own description; HOTLINE_LINE_DESCRIPTION names its folder");
    }
    folder
}

/// A file of the description.
pub(crate) struct Page(pub(crate) Value);

/// An operation as it is described.
pub(crate) struct Operation<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    /// What its path has for all its methods, and what is its own.
    pub(crate) of: [&'a Value; 2],
}

impl Page {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("the description can be read");
        let pages = Yaml::load_from_str(&text).expect("the description is YAML");
        Self(json(&pages[0]))
    }

    /// The operations by their names.
    pub(crate) fn operations(&self) -> BTreeMap<&str, Operation<'_>> {
        let mut found = BTreeMap::new();
        for (path, item) in object(&self.0["paths"]) {
            for method in [Method::Get, Method::Post, Method::Put, Method::Delete] {
                let own = &item[method.name().to_lowercase()];
                if let Some(name) = own["operationId"].as_str() {
                    found.insert(name, Operation { method, path, of: [item, own] });
                }
            }
        }
        found
    }

    /// What a schema is, where it names another.
    pub(crate) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => &self.0["components"]["schemas"][reference.rsplit('/').next().unwrap_or_default()],
            None => schema,
        }
    }

    /// The fields of an operation by the names that they have in scripts: the schema of each, and whether it is required.
    pub(crate) fn fields<'a>(&'a self, operation: &Operation<'a>) -> BTreeMap<&'a str, (&'a Value, bool)> {
        let mut fields = BTreeMap::new();
        for parameter in operation.of.iter().filter_map(|of| of["parameters"].as_array()).flatten() {
            let name = match parameter["name"].as_str().expect("a parameter has a name") {
                "X-Line-Retry-Key" => "retryKey",
                "X-Line-Delivery-Tag" => "deliveryTag",
                name => name,
            };
            fields.insert(name, (&parameter["schema"], parameter["required"] == true));
        }
        let schema = self.resolved(&operation.of[1]["requestBody"]["content"]["application/json"]["schema"]);
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (name, schema) in object(&schema["properties"]) {
            fields.insert(name, (schema, required.contains(&Value::from(name.as_str()))));
        }
        fields
    }
}

/// The entries of an object; none where there is no object.
pub(crate) fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
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
