//! Lines that a person types at a prompt, evaluated on a worker as if a session's event were being handled.
//!
//! Variables, functions and imports stay from line to line. What a line looks like on a terminal is not known here.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rhai::{AST, Array, Dynamic, Engine, Expr, Map, Scope, Stmt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::language::bundle::Bundle;
use crate::language::disk::Disk;
use crate::language::fault::Fault;
use crate::language::kind::script_type;
use crate::language::names::{Name, Names, host_names, language_names, network_names, offered};
use crate::language::settings::Setup;
use crate::language::source::Source;
use crate::language::suggest::proposal;
use crate::language::{dialect, parse, trace};
use crate::runtime::context::SessionContext;
use crate::runtime::context::lane::Lane;
use crate::runtime::ids;
use crate::runtime::run::loading::Loader;
use crate::runtime::run::{Run, Start};
use crate::session::Signal;

/// How a line is named in messages.
pub const PROMPT: &str = "prompt";

/// How wide a value may be before it is written on several lines.
const WIDTH: usize = 76;

/// What a prompt asks its worker for.
pub(crate) enum PromptRequest {
    /// A line is to be evaluated.
    Line { session: String, text: String, folder: PathBuf, done: oneshot::Sender<Result<String, Fault>> },
    /// What can be written at the prompt.
    Names { session: String, done: oneshot::Sender<Names> },
    /// What happens to a session is to be told.
    Listen { session: String, heard: mpsc::Sender<Signal> },
}

/// What a worker keeps for its prompts.
#[derive(Default)]
pub(crate) struct Prompts {
    sessions: RefCell<HashMap<String, Rc<Prompt>>>,
    listeners: RefCell<HashMap<String, mpsc::Sender<Signal>>>,
}

/// What stays from line to line.
#[derive(Default)]
struct Prompt {
    scope: RefCell<Scope<'static>>,
    functions: RefCell<AST>,
    /// Import statements, which every line begins with.
    imports: RefCell<String>,
    /// The functions of what was imported, by the names of the modules.
    modules: RefCell<BTreeMap<String, Vec<Name>>>,
    /// The texts so far, each with how many lines of imports stood before it; the first is `prompt:1`.
    inputs: RefCell<Vec<(String, usize)>>,
    /// Which of them defines a function.
    origins: RefCell<HashMap<String, usize>>,
}

impl Prompts {
    /// Tells whoever listens to a session what happened to it.
    ///
    /// A listener that does not keep up is not waited for: it misses something.
    pub(crate) fn tell(&self, session: &str, signal: &Signal) {
        let is_secret = matches!(signal, Signal::Certificate(_));
        if let Some(listener) = self.listeners.borrow().get(session).filter(|_| !is_secret) {
            let _ = listener.try_send(signal.clone());
        }
    }

    fn of(&self, session: &str) -> Rc<Prompt> {
        Rc::clone(self.sessions.borrow_mut().entry(session.to_owned()).or_default())
    }
}

/// Does what a prompt asks for, as for an event of a session; `find` gives the session of a name.
pub(crate) fn serve(
    prompts: &Rc<Prompts>,
    loader: &Loader,
    setup: &Arc<Setup>,
    find: impl FnOnce(&str) -> Option<Rc<SessionContext>>,
    request: PromptRequest,
) {
    match request {
        PromptRequest::Line { session, text, folder, mut done } => {
            let prompt = prompts.of(&session);
            let Some(found) = find(&session) else {
                let fault = Fault::of_file(PROMPT, format!("there is no session \"{session}\" any more"));
                let _ = done.send(Err(fault));
                return;
            };
            let (loader, setup) = (loader.clone(), Arc::clone(setup));
            spawn_local(async move {
                // A person who does not wait any longer ends the line.
                let result = tokio::select! {
                    result = prompt.evaluate(&loader, &setup, &found, &text, &folder) => result,
                    () = done.closed() => return,
                };
                let _ = done.send(result);
            });
        }
        PromptRequest::Names { session, done } => {
            let _ = done.send(prompts.of(&session).names(loader.engine()));
        }
        PromptRequest::Listen { session, heard } => {
            prompts.listeners.borrow_mut().insert(session, heard);
        }
    }
}

impl Prompt {
    async fn evaluate(
        self: &Rc<Self>,
        loader: &Loader,
        setup: &Setup,
        session: &Rc<SessionContext>,
        text: &str,
        folder: &Path,
    ) -> Result<String, Fault> {
        // The imports stand before the line, since the compiler wants to know every module that is named.
        let before = self.imports.borrow().clone();
        let number = {
            let mut inputs = self.inputs.borrow_mut();
            inputs.push((text.to_owned(), before.lines().count()));
            inputs.len()
        };
        let placed = |fault: Fault| self.placed(fault, number);
        let line = self.compile(loader.engine(), &format!("{before}{text}")).map_err(placed)?;
        let imports = imports_of(&line);
        let bundle = Bundle::of_text(&dialect::for_reading(), &Disk::default(), Path::new(PROMPT), folder, &imports);
        let bundle = bundle.map_err(placed)?.set_up(setup);
        let modules = offered(&line, &bundle);
        let bundle = Bundle { script: Source { text: "".into(), ..bundle.script }, ..bundle };
        let generation = loader.load(&Arc::new(bundle), 0)?;
        let code = self.functions.borrow().merge(&line);

        let start = Start {
            event: ids::next_id(),
            function: "the prompt".into(),
            generation,
            lane: Lane::default(),
            limits: Rc::clone(loader.limits()),
            rebuild: false,
        };
        let run = Run::new(session, start);
        run.suspension.go_alone(None);
        let (engine, prompt) = (Rc::clone(loader.engine()), Rc::clone(self));
        let body = move || {
            let mut borrowed = Borrowed::take(&prompt);
            engine.eval_ast_with_scope::<Dynamic>(&mut borrowed.scope, &code)
        };
        let driven = run.drive(body).map_err(|error| Fault::of_file(PROMPT, error))?;
        // A line's own functions are known by then, also to what goes wrong in them.
        for function in line.iter_fn_def() {
            self.origins.borrow_mut().insert(function.name.to_string(), number);
        }
        let result =
            driven.await.map_err(|_| Fault::of_file(PROMPT, "the engine panicked: this is a bug of Hotline"))?;
        let value = result.map_err(|error| placed(trace::of_run(PROMPT, &error)))?;
        *self.imports.borrow_mut() = imports;
        *self.modules.borrow_mut() = modules;
        let functions = self.functions.borrow().merge(&line.clone_functions_only());
        *self.functions.borrow_mut() = functions.clone_functions_only();
        Ok(if value.is_unit() { String::new() } else { show(&value) })
    }

    /// A fault of a line with its place in what was typed: in this line, or in an earlier one whose function failed.
    fn placed(&self, fault: Fault, number: usize) -> Fault {
        if fault.file != PROMPT {
            return fault;
        }
        let innermost = fault.calls.first().and_then(|call| call.split(' ').next()).unwrap_or_default();
        let number = self.origins.borrow().get(innermost).copied().unwrap_or(number);
        let inputs = self.inputs.borrow();
        let Some((text, before)) = number.checked_sub(1).and_then(|index| inputs.get(index)) else { return fault };
        let line = fault.line.map(|line| line.saturating_sub(*before).max(1));
        let file = format!("{PROMPT}:{number}");
        let mut fault = Fault { file, line, ..fault };
        if let (Some(missing), None) = (fault.missing.take(), &fault.help) {
            fault.help = proposal(&missing, text, fault.line.zip(fault.column));
        }
        fault.with_excerpt(text)
    }

    fn compile(&self, engine: &Engine, text: &str) -> Result<AST, Fault> {
        let mut scope = self.scope.borrow().clone();
        // Variables, since a constant's value would be folded into the code.
        for name in dialect::GLOBALS {
            scope.push(*name, ());
        }
        let compiled = engine.compile_with_scope(&scope, text);
        let mut ast = compiled.map_err(|error| {
            let source = Source { file: PROMPT.to_owned(), path: None, text: text.into() };
            parse::fault(&source, &error)
        })?;
        ast.set_source(PROMPT);
        Ok(ast)
    }

    fn names(&self, engine: &Engine) -> Names {
        let scope = self.scope.borrow();
        let kind = |value: &Dynamic| script_type(value.type_name()).to_owned();
        let mut variables: Vec<_> = scope.iter_raw().map(|(name, _, value)| (name.to_owned(), kind(value))).collect();
        variables.extend(dialect::GLOBALS.iter().map(|name| {
            let of = match *name {
                "store" => "Store",
                "settings" => "Settings",
                _ => "State",
            };
            ((*name).to_owned(), of.to_owned())
        }));
        variables.sort();
        variables.dedup_by(|later, first| later.0 == first.0);
        let (mut functions, mut methods) = host_names();
        language_names(engine, &mut functions, &mut methods);
        for function in self.functions.borrow().iter_fn_def() {
            let parameters: Vec<_> = function.params.iter().map(|name| name.to_string()).collect();
            let signature = format!("{}({})", function.name, parameters.join(", "));
            functions.push(Name { name: function.name.to_string(), signature, ..Name::default() });
        }
        functions.sort();
        functions.dedup();
        methods.sort();
        methods.dedup();
        let mut modules = network_names();
        modules.extend(self.modules.borrow().clone());
        Names { functions, methods, modules, variables }
    }
}

/// The variables while a line uses them. They come back however the line ends.
struct Borrowed {
    prompt: Rc<Prompt>,
    scope: Scope<'static>,
}

impl Borrowed {
    fn take(prompt: &Rc<Prompt>) -> Self {
        Self { prompt: Rc::clone(prompt), scope: prompt.scope.take() }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.prompt.scope.replace(std::mem::take(&mut self.scope));
    }
}

/// The import statements of a line, as text.
fn imports_of(line: &AST) -> String {
    let import = |statement: &Stmt| match statement {
        Stmt::Import(import, _) => match &import.0 {
            Expr::StringConstant(path, _) if !import.1.is_empty() => {
                Some(format!("import {:?} as {};\n", path.as_str(), import.1.as_str()))
            }
            _ => None,
        },
        _ => None,
    };
    line.statements().iter().filter_map(import).collect()
}

/// A value as it is written in a script, on several lines where it is wide.
fn show(value: &Dynamic) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0);
    text
}

fn write_value(text: &mut String, value: &Dynamic, indent: usize) {
    if let Some(items) = value.read_lock::<Array>() {
        let items: Vec<_> = items.iter().map(|item| part(item, indent)).collect();
        return write_parts(text, "[", &items, "]", indent);
    }
    if let Some(entries) = value.read_lock::<Map>() {
        let entry = |(name, value): (&rhai::Identifier, &Dynamic)| {
            let plain = name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
                && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
            let name = if plain { name.to_string() } else { format!("{name:?}") };
            format!("{name}: {}", part(value, indent))
        };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        return write_parts(text, "#{", &entries, "}", indent);
    }
    match value.as_immutable_string_ref() {
        Ok(string) => text.push_str(&format!("{:?}", string.as_str())),
        Err(_) if value.is_unit() => text.push_str("()"),
        Err(_) if value.type_name().contains("::") => {
            text.push_str(&format!("<{}>", script_type(value.type_name()).trim_end_matches("Ref")));
        }
        Err(_) => text.push_str(&value.to_string()),
    }
}

fn part(value: &Dynamic, indent: usize) -> String {
    let mut text = String::new();
    write_value(&mut text, value, indent + 1);
    text
}

fn write_parts(text: &mut String, open: &str, parts: &[String], close: &str, indent: usize) {
    let width: usize = parts.iter().map(|part| part.chars().count() + 2).sum();
    text.push_str(open);
    if width + 2 * indent <= WIDTH && parts.iter().all(|part| !part.contains('\n')) {
        text.push_str(&parts.join(", "));
    } else {
        for part in parts {
            text.push('\n');
            text.push_str(&"  ".repeat(indent + 1));
            text.push_str(part);
            text.push(',');
        }
        text.push('\n');
        text.push_str(&"  ".repeat(indent));
    }
    text.push_str(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_scripts_write_them() {
        let value = Engine::new().eval::<Dynamic>(r#"#{ a: [1, 2.5, true, ()], "odd name": "x\n\"y\"" }"#);
        assert_eq!(show(&value.expect("a value")), r#"#{a: [1, 2.5, true, ()], "odd name": "x\n\"y\""}"#);
    }

    #[test]
    fn wide_values_take_several_lines() {
        let value = Engine::new().eval::<Dynamic>(r#"#{ a: [], b: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", c: #{ d: 1 } }"#);
        let shown = show(&value.expect("a value"));
        assert_eq!(
            shown,
            "#{\n  a: [],\n  b: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",\n  c: #{d: 1},\n}"
        );
    }
}
