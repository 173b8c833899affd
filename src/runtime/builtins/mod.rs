//! The Rhai engine as scripts meet it: its limits, what is taken out of the language, and what the host puts in.
//!
//! Each worker builds one. What the functions do is in the modules that register them.

mod ask_options;
mod asking;
pub(crate) mod bot_commands;
pub(crate) mod calendar;
mod choices;
mod commands;
mod data;
mod delivery;
mod encoding;
mod events;
mod http;
mod http_options;
mod messages;
mod outgoing;
mod quota;
mod runs;
mod sessions;
mod settings;
mod store;
mod text;
mod time;

use std::cell::RefCell;
use std::rc::Rc;

use rhai::module_resolvers::DummyModuleResolver;
use rhai::{Engine, EvalAltResult, Module, ModuleResolver, OptimizationLevel, Position};

use self::calendar::Timepiece;
use super::run;
use crate::clock::Clock;
use crate::language::dialect::{EXPRESSION_DEPTH, language};
use crate::runtime::chance::Chance;
use crate::runtime::context::directory::Directory;
use crate::runtime::context::services::Services;
use crate::runtime::engine::caught;
use crate::runtime::engine::values;
use crate::runtime::limits::Limits;
use crate::runtime::view::stream::Announcer;
use crate::runtime::web::Web;

/// How many modules one script may load.
const MODULES: usize = 500;

/// Builds an engine for one thread.
pub(crate) fn build(services: &Rc<Services>) -> Engine {
    let mut engine = guest(&services.limits);
    engine.on_progress(|_| run::on_progress());
    engine.set_module_resolver(Resolver);
    time::register(&mut engine, services);
    bot_commands::register(&mut engine);
    let own = Rc::clone(services);
    let around: Timepiece = Rc::new(move || Ok(calendar::of_script(&own)));
    calendar::register(&mut engine, &around);
    data::register(&mut engine);
    store::register(&mut engine);
    messages::register(&mut engine, services);
    asking::register(&mut engine, services);
    events::register(&mut engine, services);
    sessions::register(&mut engine, services);
    settings::register(&mut engine, services);
    commands::register(&mut engine, services);
    http::register(&mut engine, services);
    quota::register(&mut engine);
    runs::register(&mut engine);
    engine
}

/// An engine for scripts that are only loaded: everything is there by its name, and nothing reaches the world.
pub(crate) fn without_world(limits: &Rc<Limits>) -> Engine {
    build(&Rc::new(Services {
        clock: Clock::system(),
        setup: RefCell::default(),
        limits: Rc::clone(limits),
        directory: Directory::default(),
        web: Web::none(limits),
        chance: Chance::default(),
        events: Announcer::new(Clock::system()),
        dry_run: true,
        resend_in_doubt: false,
        secret: Vec::new(),
    }))
}

/// An engine with the language as scripts have it, and with nothing by which they reach the world.
pub(crate) fn guest(limits: &Limits) -> Engine {
    let mut engine = language();
    engine.set_optimization_level(OptimizationLevel::Simple);
    engine.set_strict_variables(true);
    engine.set_max_call_levels(limits.call_depth);
    engine.set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH);
    values::bound(&mut engine, limits);
    engine.set_max_modules(MODULES);
    // Code made at run time would escape every check that is made when a script is loaded.
    engine.disable_symbol("eval");
    engine.set_module_resolver(DummyModuleResolver::new());
    caught::register(&mut engine);
    text::register(&mut engine, limits);
    encoding::register(&mut engine);
    engine
}

/// Resolves imports to the modules that the running generation pinned.
struct Resolver;

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Rc<Module>, Box<EvalAltResult>> {
        let run = run::current().ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.to_owned(), position))?;
        run.generation.module(engine, source, path, position)
    }
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;
    use std::collections::BTreeSet;

    use self::data::{PersonState, StateObject};
    use self::settings::SettingsObject;
    use self::store::{SharedStore, StoreObject};
    use super::*;
    use crate::language::functions::{FUNCTIONS, PROPERTIES};
    use crate::language::types::Type;
    use crate::protocol::{COMMANDS, Command, NETWORKS};
    use crate::runtime::engine::objects::{Invite, Person, ScriptEvent, ScriptMessage, SessionRef};

    /// Every function of the host in the engine's registry: the type that it is a method of, its name, and how many
    /// arguments it takes.
    fn registered() -> Vec<(Option<&'static str>, String, usize)> {
        let engine = without_world(&Rc::new(Limits::default()));
        let host = |id: &TypeId| {
            let hosts = [
                (TypeId::of::<ScriptMessage>(), "Message"),
                (TypeId::of::<Person>(), "Person"),
                (TypeId::of::<Invite>(), "Invite"),
                (TypeId::of::<ScriptEvent>(), "Event"),
                (TypeId::of::<SessionRef>(), "Session"),
                (TypeId::of::<StateObject>(), "State"),
                (TypeId::of::<PersonState>(), "State"),
                (TypeId::of::<StoreObject>(), "Store"),
                (TypeId::of::<SharedStore>(), "Store"),
                (TypeId::of::<SettingsObject>(), "Settings"),
            ];
            hosts.into_iter().find(|(known, _)| known == id).map(|(_, name)| name)
        };
        let entry = |function: rhai::FuncInfo<'_>| {
            let data = function.metadata;
            let of = data.param_types.first().and_then(host);
            let name = match function.namespace.as_str() {
                "" => data.name.to_string(),
                namespace => format!("{namespace}::{}", data.name),
            };
            Some((of, name, data.num_params - usize::from(of.is_some())))
        };
        engine.collect_fn_metadata(None, entry, false)
    }

    #[test]
    fn every_function_that_is_registered_is_documented_and_nothing_else() {
        let own = NETWORKS.iter().flat_map(|network| network.own_commands());
        let commands: BTreeSet<_> = COMMANDS.iter().chain(own).map(Command::call_name).collect();
        let documented: BTreeSet<_> = FUNCTIONS
            .iter()
            .map(|row| (row.of.map(Type::text), row.name.to_owned(), row.parameters.len()))
            .chain(PROPERTIES.iter().filter(|row| row.of != Type::Event && row.of != Type::Invite).map(|row| {
                let name = format!("get${}", row.name);
                (Some(row.of.text()), name, 0)
            }))
            .collect();
        // These are the language's own, in another form.
        let own = ["replace", "parse_int", "parse_float", "print", "debug", "to_string", "to_debug", "append"];
        let is_operator = |name: &str| !name.starts_with(|letter: char| letter.is_alphabetic());
        let registered: BTreeSet<_> = registered()
            .into_iter()
            .filter(|(_, name, _)| {
                !commands.contains(name.as_str())
                    && !name.starts_with("index$")
                    && !is_operator(name)
                    && !own.contains(&name.as_str())
            })
            .collect();
        let missing: Vec<_> = registered.difference(&documented).collect();
        let invented: Vec<_> = documented.difference(&registered).collect();
        assert!(missing.is_empty() && invented.is_empty(), "not documented: {missing:?}\nnot registered: {invented:?}");
    }
}
