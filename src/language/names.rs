//! What can be written at a prompt, with its documentation: for completion, and for lists of functions.

use std::collections::BTreeMap;

use rhai::{AST, Engine, Expr, Stmt};

use super::bundle::Bundle;
use super::functions::{FUNCTIONS, PROPERTIES};
use super::headers::{Header, headers};
use super::kind::Kind;
use crate::protocol::{COMMANDS, NETWORKS};

/// What can be written at a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Commands, the host's functions, the language's, and those that were typed.
    pub functions: Vec<Name>,
    /// What can stand after a dot: methods and properties.
    pub methods: Vec<Name>,
    /// The operations of networks by their namespaces, and the functions of the imported modules by the names that they were imported as.
    pub modules: BTreeMap<String, Vec<Name>>,
    /// The variables so far and the names that every script sees, each with the type of what it holds.
    pub variables: Vec<(String, String)>,
}

/// Something that can be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Its name.
    pub name: String,
    /// How it is called, such as `reply(text)`; a property's is its name.
    pub signature: String,
    /// What it does.
    pub doc: String,
    /// A few lines that use it; empty where there are none.
    pub example: String,
    /// The type that it belongs to, such as `Message` or `string`; none where it stands by itself.
    pub of: Option<String>,
}

/// The commands, and what the host gives beside them: functions, and what belongs to its objects.
pub(crate) fn host_names() -> (Vec<Name>, Vec<Name>) {
    let (mut functions, mut methods) = (Vec::new(), Vec::new());
    for row in COMMANDS.iter().filter(|row| !row.is_login()) {
        let (doc, example) = (row.doc.trim().to_owned(), row.example.map(|example| example.text()).unwrap_or_default());
        let name = Name { name: row.function.to_owned(), signature: row.signature(), doc, example, of: None };
        methods.push(Name { of: Some("Session".to_owned()), ..name.clone() });
        functions.push(name);
    }
    for row in FUNCTIONS {
        let (name, of) = (row.name.to_owned(), row.of.map(|of| of.to_string()));
        let entry = Name { name, signature: row.signature(), doc: row.doc.to_owned(), example: row.example.text(), of };
        if row.of.is_some() { methods.push(entry) } else { functions.push(entry) }
    }
    methods.extend(PROPERTIES.iter().map(|row| Name {
        name: row.name.to_owned(),
        signature: row.name.to_owned(),
        doc: row.doc.to_owned(),
        example: row.example.text(),
        of: Some(row.of.to_string()),
    }));
    (functions, methods)
}

/// The operations that only one network has, by the namespaces that they are in.
pub(crate) fn network_names() -> BTreeMap<String, Vec<Name>> {
    let mut modules: BTreeMap<String, Vec<Name>> = BTreeMap::new();
    for row in NETWORKS.iter().flat_map(|network| network.own_commands()) {
        let Some(namespace) = row.namespace else { continue };
        let fields: Vec<_> = row.positional().map(|field| field.name).collect();
        modules.entry(namespace.to_owned()).or_default().push(Name {
            name: row.function.to_owned(),
            signature: format!("{}({})", row.function, fields.join(", ")),
            doc: row.doc.to_owned(),
            example: row.example.map(|example| example.text()).unwrap_or_default(),
            of: Some(namespace.to_owned()),
        });
    }
    modules
}

/// The language's own functions: methods of what they take first, and functions where they take nothing.
pub(crate) fn language_names(engine: &Engine, functions: &mut Vec<Name>, methods: &mut Vec<Name>) {
    const KINDS: [Kind; 8] =
        [Kind::String, Kind::Char, Kind::Array, Kind::Map, Kind::Int, Kind::Float, Kind::Bool, Kind::Function];
    let all = engine.collect_fn_metadata(
        None,
        |function| {
            let is_global = function.namespace.is_empty();
            is_global.then(|| (function.metadata.name.to_string(), function.metadata.param_types.to_vec()))
        },
        true,
    );
    for (name, types) in all {
        let is_name = name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
            && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        let documented = |name: &Name, known: &str| name.name == known;
        if !is_name
            || functions.iter().chain(methods.iter()).any(|known| {
                known.of != Some("Session".to_owned()) && !known.doc.is_empty() && documented(known, &name)
            })
        {
            continue;
        }
        let kind = |id: &std::any::TypeId| KINDS.into_iter().find(|kind| kind.id().as_ref() == Some(id));
        let noun = |id: &std::any::TypeId| kind(id).map_or("value", Kind::word);
        match types.split_first() {
            None => functions.push(Name { signature: format!("{name}()"), name, ..Name::default() }),
            Some((first, rest)) => {
                let Some(of) = kind(first) else { continue };
                let rest = rest.iter().map(noun).collect::<Vec<_>>().join(", ");
                let signature = format!("{name}({rest})");
                methods.push(Name { name, signature, of: Some(of.word().to_owned()), ..Name::default() });
            }
        }
    }
}

/// The functions of the modules that a line imports, by the names that it imports them as.
pub(crate) fn offered(line: &AST, bundle: &Bundle) -> BTreeMap<String, Vec<Name>> {
    let paths = bundle.imports.get(&bundle.script.file);
    let module = |statement: &Stmt| {
        let Stmt::Import(import, _) = statement else { return None };
        let Expr::StringConstant(path, _) = &import.0 else { return None };
        let source = bundle.source(paths?.get(path.as_str())?)?;
        let visible = headers(&source.text).into_iter().filter(|header| !header.private);
        let name = |header: Header| Name {
            signature: header.signature(),
            doc: header.doc,
            name: header.name,
            example: String::new(),
            of: Some(import.1.name.to_string()),
        };
        Some((import.1.name.to_string(), visible.map(name).collect()))
    };
    line.statements().iter().filter_map(module).collect()
}
