//! Everything that scripts can use as `.d.rhai` files, which editors read for completion and help.
//!
//! They are written from the tables and the standard library's own comments. Where they go is the command line's business.

use std::fmt::Write;

use super::bundle::stdlib_sources;
use super::dialect;
use super::functions::{ERROR_FIELDS, FUNCTIONS, HostFunction, PROPERTIES};
use super::headers::headers;
use super::testing;
use super::types::Type;
use crate::protocol::{
    Argument, COMMANDS, Command, EventFieldKind, EventSpec, Example, FieldKind, HOOKS, Hook, NETWORKS, Network,
};

/// A function of the standard library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryFunction {
    /// The module's import path, such as `std/words`.
    pub module: String,
    /// The signature, such as `is_yes(text)`.
    pub signature: String,
    /// What it does.
    pub doc: String,
}

/// The functions that the standard library's modules offer.
pub fn library_functions() -> Vec<LibraryFunction> {
    let mut found = Vec::new();
    for (module, text) in stdlib_sources() {
        let offered = headers(text).into_iter().filter(|header| !header.private);
        found.extend(offered.map(|header| LibraryFunction {
            module: module.clone(),
            signature: header.signature(),
            doc: header.doc,
        }));
    }
    found
}

/// Every definition file: its path inside the folder, and its text.
pub fn files() -> Vec<(String, String)> {
    let mut files = vec![("hotline.d.rhai".to_owned(), host()), ("hooks.d.rhai".to_owned(), hooks())];
    files.push(("testing.d.rhai".to_owned(), testing()));
    files.extend(NETWORKS.iter().filter_map(|network| Some((format!("{}.d.rhai", network.name), namespace(network)?))));
    for (name, text) in dialect::language().definitions().include_standard_packages(true).iter_files() {
        let name = match name.as_str() {
            "__static__.d.rhai" => "rhai.d.rhai",
            other => other,
        };
        files.push((name.to_owned(), without_eval(&text)));
    }
    for (module, text) in stdlib_sources() {
        files.push((format!("{module}.d.rhai"), library_module(&module, text)));
    }
    files
}

fn host() -> String {
    let mut page = String::from("module static;\n");
    page.push_str(
        "\n/// This script's map for the session at hand: it outlives reloads.\nconst state: State;\n\
         \n/// What this script keeps for good, shared by its sessions.\nconst store: Store;\n\
         \n/// What the configuration sets for this script.\nconst settings: Settings;\n",
    );
    for row in COMMANDS.iter().filter(|row| !row.is_login()) {
        command(&mut page, row, &["", "session: Session"]);
    }
    for row in FUNCTIONS {
        function(&mut page, row);
    }
    for row in PROPERTIES {
        getter(&mut page, row.of, row.name, row.kind, row.doc, Some(&row.example));
    }
    let mut seen = Vec::new();
    for field in EventSpec::all().filter(|row| !is_message(row.hook)).flat_map(|row| row.fields) {
        if seen.contains(&field.name) {
            continue;
        }
        seen.push(field.name);
        let kind = match field.kind {
            EventFieldKind::Str | EventFieldKind::Json => Type::String,
            EventFieldKind::NullableStr => Type::StringOrUnit,
            EventFieldKind::Int => Type::Integer,
            EventFieldKind::StrMap => Type::Map,
        };
        let of = EventSpec::all().filter(|row| row.fields.iter().any(|other| other.name == field.name));
        let of: Vec<_> = of.filter(|row| !is_message(row.hook)).collect();
        let names: Vec<_> = of.iter().map(|row| row.subcommand).collect();
        let doc = format!("{} (of {})", field.doc, names.join(", "));
        for object in [Type::Event, Type::Invite] {
            let concerns = object == Type::Event || of.iter().any(|row| row.hook == Some(Hook::Invite));
            if concerns {
                getter(&mut page, object, field.name, kind, &doc, None);
            }
        }
    }
    page
}

/// A definition file without the functions that are switched off, nor their documentation.
fn without_eval(text: &str) -> String {
    let is_off = |piece: &str| piece.lines().any(|line| line.starts_with("fn eval("));
    let pieces: Vec<_> = text.split("\n\n").filter(|piece| !is_off(piece)).collect();
    pieces.join("\n\n")
}

/// What the argument of a hook has, a line each.
fn fields(page: &mut String, hook: Hook, argument: &str) {
    let mut seen = Vec::new();
    for field in EventSpec::all().filter(|row| row.hook == Some(hook)).flat_map(|row| row.fields) {
        if !seen.contains(&field.name) {
            seen.push(field.name);
            let _ = writeln!(page, "/// - `{argument}.{}`: {}", field.name, field.doc);
        }
    }
}

fn testing() -> String {
    let mut page = String::from("module static;\n");
    for (name, of) in testing::GLOBALS {
        documentation(&mut page, &format!("Of a test: {}.", testing::noun(*of)));
        let _ = writeln!(page, "const {name}: {of};");
    }
    for row in testing::FUNCTIONS {
        function(&mut page, row);
    }
    for row in testing::PROPERTIES {
        getter(&mut page, row.of, row.name, row.kind, row.doc, Some(&row.example));
    }
    page
}

fn hooks() -> String {
    let mut page = String::from("module static;\n");
    for row in HOOKS {
        documentation(&mut page, &format!("A hook: {}.", row.doc));
        if row.hook == Hook::Error {
            for (name, kind, doc) in ERROR_FIELDS {
                let _ = writeln!(page, "/// - `error.{name}` ({kind}): {doc}");
            }
        }
        match (row.hook, row.parameters) {
            // What a message has is in the definitions of its type.
            (Hook::Message | Hook::OwnMessage, _) => {}
            (hook, [(argument, _), ..]) => fields(&mut page, hook, argument),
            _ => {}
        }
        show(&mut page, Some(&row.example));
        let parameters: Vec<_> =
            row.parameters.iter().map(|(name, argument)| format!("{name}: {}", argument_type(*argument))).collect();
        let _ = writeln!(page, "fn {}({}) -> ?;", row.name, parameters.join(", "));
    }
    page
}

fn library_module(module: &str, text: &str) -> String {
    let name = module.rsplit('/').next().unwrap_or(module);
    let mut page = format!("module {name};\n");
    for header in headers(text).into_iter().filter(|header| !header.private) {
        documentation(&mut page, &header.doc);
        let parameters: Vec<_> = header.parameters.iter().map(|(name, _)| format!("{name}: ?")).collect();
        let _ = writeln!(page, "fn {}({}) -> ?;", header.name, parameters.join(", "));
    }
    page
}

/// The operations that only this network has, where it has any.
fn namespace(network: &Network) -> Option<String> {
    let mut page = format!("module {};\n", network.name);
    let empty = page.len();
    network.own_commands().for_each(|row| command(&mut page, row, &[""]));
    (page.len() > empty).then_some(page)
}

fn command(page: &mut String, row: &Command, receivers: &[&str]) {
    let mut doc = format!("{}\n\nGives `{}`.\n", row.doc.trim(), row.result);
    for field in row.fields {
        let _ = write!(doc, "\n- `{}`: {}; {}", field.name, field.kind.noun(), field.doc);
    }
    for network in NETWORKS {
        if let Some(lack) = network.lack(row.function).filter(|_| row.namespace.is_none()) {
            let _ = write!(doc, "\n\nNot on {}: {}.", network.title, lack.instead);
        }
    }
    let fields: Vec<_> = row.positional().map(|field| format!("{}: {}", field.name, wire_type(field.kind))).collect();
    for receiver in receivers {
        let forms = [Some(fields.join(", ")), (!row.fields.is_empty()).then(|| "fields: Map".to_owned())];
        for form in forms.into_iter().flatten() {
            let parameters: Vec<_> = [*receiver, &form].into_iter().filter(|part| !part.is_empty()).collect();
            documentation(page, &doc);
            show(page, row.example.as_ref());
            let _ = writeln!(page, "fn {}({}) -> ?;", row.function, parameters.join(", "));
        }
    }
}

fn function(page: &mut String, row: &HostFunction) {
    documentation(page, row.doc);
    show(page, Some(&row.example));
    let receiver = row.of.map(|of| format!("{}: {of}", of.text().to_lowercase()));
    let parameters = row.parameters.iter().map(|(name, kind)| format!("{name}: {}", type_name(*kind)));
    let parameters: Vec<_> = receiver.into_iter().chain(parameters).collect();
    let _ = writeln!(page, "fn {}({}) -> {};", row.name, parameters.join(", "), type_name(row.result));
}

fn getter(page: &mut String, of: Type, name: &str, kind: Type, doc: &str, example: Option<&Example>) {
    documentation(page, doc);
    show(page, example);
    let _ = writeln!(page, "fn get {name}({}: {of}) -> {};", of.text().to_lowercase(), type_name(kind));
}

fn documentation(page: &mut String, text: &str) {
    page.push('\n');
    for line in text.trim().lines() {
        page.push_str(format!("/// {}", line.trim()).trim_end());
        page.push('\n');
    }
}

/// An example below the documentation of what follows.
fn show(page: &mut String, example: Option<&Example>) {
    let Some(example) = example else { return };
    page.push_str("///\n/// ```rhai\n");
    for line in example.text().lines() {
        page.push_str(format!("/// {line}").trim_end());
        page.push('\n');
    }
    page.push_str("/// ```\n");
}

fn is_message(hook: Option<Hook>) -> bool {
    matches!(hook, Some(Hook::Message | Hook::OwnMessage))
}

/// What a hook's parameter holds, as definition files write it.
const fn argument_type(argument: Argument) -> &'static str {
    match argument {
        Argument::Message => "Message",
        Argument::Invite => "Invite",
        Argument::Event => "Event",
        Argument::Text => "String",
        Argument::Map | Argument::Error => "Map",
        Argument::Any => "?",
    }
}

/// A type of the tables as definition files write it.
fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::String => "String",
        Type::Integer => "int",
        Type::Array => "Array",
        Type::Map => "Map",
        Type::Function => "Fn",
        Type::Any | Type::StringOrUnit | Type::ArrayOrUnit => "?",
        Type::MessageOrUnit => "Message",
        Type::PersonOrUnit => "Person",
        other => other.text(),
    }
}

fn wire_type(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Str => "String",
        FieldKind::Bool => "bool",
        FieldKind::Int => "int",
        FieldKind::Float => "float",
        FieldKind::List | FieldKind::Maps => "Array",
        FieldKind::Map => "Map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_every_table_is_defined_and_documented() {
        let files = files();
        let text = |name: &str| &files.iter().find(|(file, _)| file == name).expect("the file").1;
        let (host, hooks) = (text("hotline.d.rhai"), text("hooks.d.rhai"));
        let shows_it = |page: &str, example: &Example| {
            let lines: Vec<_> =
                example.code().lines().map(|line| format!("/// {line}").trim_end().to_owned()).collect();
            page.contains(&lines.join("\n"))
        };
        for row in COMMANDS.iter().filter(|row| !row.is_login()) {
            assert!(host.contains(&format!("fn {}(", row.function)), "{}", row.function);
            assert!(row.example.is_some_and(|example| shows_it(host, &example)), "{}", row.function);
        }
        for row in FUNCTIONS {
            assert!(host.contains(&format!("fn {}(", row.name)) && shows_it(host, &row.example), "{}", row.name);
            assert!(row.doc.ends_with(['.', ';']) || row.doc.ends_with('`'), "{}: {}", row.name, row.doc);
        }
        for row in HOOKS {
            assert!(hooks.contains(&format!("fn {}(", row.name)) && shows_it(hooks, &row.example), "{}", row.name);
        }
        for row in NETWORKS.iter().flat_map(|network| network.own_commands()) {
            let own = text(&format!("{}.d.rhai", row.namespace.expect("it is in one")));
            assert!(own.contains(&format!("fn {}(", row.function)), "{}", row.function);
        }
        assert!(text("line.d.rhai").contains("\nfn push_message(to: String, messages: Array) -> ?;\n"));
        assert!(host.contains("fn send_text(session: Session, to: String, content: String) -> ?;"), "{host}");
        assert!(text("std/words.d.rhai").contains("/// Tells whether a text means yes"));
        for function in library_functions() {
            assert!(!function.doc.is_empty(), "{} has no documentation", function.signature);
        }
        for (name, text) in &files {
            let bare = text.lines().zip(text.lines().skip(1)).find(|(before, line)| {
                (name.starts_with('h') || name.starts_with("line") || name.starts_with("std"))
                    && line.starts_with("fn ")
                    && !before.starts_with("///")
            });
            assert_eq!(bare, None, "{name}");
        }
    }
}
