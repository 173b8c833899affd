//! The walk over one file: functions and statements in order, with the names that each place sees.
//!
//! Expressions are in `expression`, calls in `call`; what the walk knows beforehand is in `Facts`.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use rhai::{ASTFlags, Expr, Position, Stmt, StmtBlock};

use super::finding::Finding;
use super::flow;
use super::known::Known;
use super::parsed::{Function, Parsed, ParsedFiles};
use super::presence::{ProvenPresence, Tested, variables_in};
use super::project::{Around, Role};
use super::scope::{Alias, Scope, Variable, VariableOrigin, Visible};
use crate::language::diagnostic::Severity;
use crate::language::fault::{Excerpt, Fault};
use crate::language::hook;
use crate::language::kind::Kind;

/// For how many unknown names of a file it is looked for what was meant: nobody reads so many cards, and each is compared
/// with all that is there.
const PROPOSALS: usize = 500;

/// What one walk finds out about a file for the next one: each starts from what the one before was sure of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// What the functions of the file are called with, by name and number of parameters.
    pub(crate) calls: HashMap<FunctionKey, Vec<Kind>>,
    /// The places of variables that hold values of several kinds.
    pub(crate) mixed: HashSet<(usize, usize)>,
    /// Who calls the functions of the file, or hands them on; `None` is the top level. Only where a hook of it is silent.
    pub(crate) callers: HashMap<FunctionKey, BTreeSet<Option<FunctionKey>>>,
}

/// A function of a file: its name and its number of parameters.
pub(crate) type FunctionKey = (String, usize);

/// One walk over one file.
pub(crate) struct Walk<'a> {
    pub(crate) known: &'a Known,
    pub(crate) files: &'a ParsedFiles,
    pub(crate) file: &'a Parsed,
    pub(crate) role: Role,
    pub(crate) around: &'a Around<'a>,
    /// The names of map entries that any file of the check makes.
    pub(crate) entries: &'a HashSet<&'a str>,
    pub(crate) before: &'a Facts,
    pub(crate) facts: Facts,
    pub(crate) findings: Vec<Finding>,
    /// The rules, places and messages of the findings.
    reported: HashSet<(&'static str, Option<usize>, Option<usize>, String)>,
    /// How many proposals were asked for.
    proposed: usize,
    pub(crate) scope: Scope,
    /// The variables of the top level, while a function is walked.
    pub(crate) outside: Visible<Variable>,
    /// Whether the code at hand runs when the script is loaded.
    pub(crate) at_top_level: bool,
    /// The functions of the file that something calls or mentions.
    pub(crate) used: BTreeSet<FunctionKey>,
    /// The last call that gave nothing: its name and what it is a method of.
    pub(crate) gave_nothing: Option<GaveNothing>,
    /// Whether the host calls the code at hand, so that it is called on nothing.
    pub(crate) in_hook: bool,
    /// The function that the code at hand belongs to.
    pub(crate) in_function: Option<FunctionKey>,
    /// What the closure that comes next gets as its first argument.
    pub(crate) handed: Option<Kind>,
    /// What is known to be there at the place at hand.
    pub(crate) presence: ProvenPresence,
    /// What holds where the loops around the place at hand are left by a break; nothing yet where there was none.
    broken: Vec<Option<ProvenPresence>>,
    /// What variables tell that hold the outcome of a test, by their places.
    pub(crate) meanings: HashMap<usize, Tested>,
    /// The values of the function at hand that were said to be perhaps (), by their keys.
    pub(crate) blamed: HashSet<String>,
    said: OnceCell<Said<'a>>,
}

/// What all modules together say that a file imports.
#[derive(Debug, Default)]
pub(crate) struct Said<'a> {
    strings: HashSet<&'a str>,
    /// The entries of `state` that they set outright.
    pub(crate) kept: HashSet<&'a str>,
    /// Whether entries of `state` may be set in ways that are not followed.
    pub(crate) keeps_more: bool,
}

/// A call that gave nothing.
#[derive(Clone, Debug)]
pub(crate) struct GaveNothing {
    /// The function's name.
    pub(crate) name: String,
    /// What it is a method of.
    pub(crate) of: Kind,
    /// The property that it was called on, as it is written, where that only gives a copy.
    pub(crate) copied: Option<String>,
    /// How it is called, for a proposal: `trim()`, `replace(…)`.
    pub(crate) shown: String,
    /// Where the name stands.
    pub(crate) position: Position,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        known: &'a Known,
        files: &'a ParsedFiles,
        file: &'a Parsed,
        role: Role,
        around: &'a Around<'a>,
        entries: &'a HashSet<&'a str>,
        before: &'a Facts,
    ) -> Self {
        Self {
            known,
            files,
            file,
            role,
            around,
            entries,
            before,
            facts: Facts::default(),
            findings: Vec::new(),
            scope: Scope::default(),
            outside: Visible::default(),
            proposed: 0,
            reported: HashSet::new(),
            said: OnceCell::new(),
            at_top_level: true,
            used: BTreeSet::new(),
            gave_nothing: None,
            in_hook: false,
            in_function: None,
            handed: None,
            presence: ProvenPresence::default(),
            broken: Vec::new(),
            meanings: HashMap::new(),
            blamed: HashSet::new(),
        }
    }

    /// Walks over the whole file.
    pub(crate) fn run(&mut self) {
        let file = self.file;
        self.imports();
        self.statements(&file.top, Value::Unused);
        self.at_top_level = false;
        self.outside = std::mem::take(&mut self.scope.variables);
        for function in &file.functions {
            self.function(function);
        }
        let outside = std::mem::take(&mut self.outside);
        let aliases = std::mem::take(&mut self.scope.aliases);
        self.report_unused(outside.into_items(), aliases.into_items());
        if self.role.has_hooks() {
            self.hooks();
        }
        self.unused_functions();
    }

    pub(crate) fn report(
        &mut self,
        severity: Severity,
        rule: &'static str,
        position: Position,
        message: impl std::fmt::Display,
        help: Option<String>,
    ) {
        let fault = Fault::at(&self.file.source.file, position, message);
        // Equal closures share one definition, which is then walked more than once.
        if !self.reported.insert((rule, fault.line, fault.column, fault.message.clone())) {
            return;
        }
        let line = fault.line.and_then(|line| self.file.lines.get(line));
        let excerpt = line.map(|line| Excerpt::of_line(line, fault.column));
        self.findings.push(Finding { severity, rule, fault: Fault { help, excerpt, ..fault } });
    }

    /// Whether what was meant by an unknown name is looked for once more.
    pub(crate) fn may_propose(&mut self) -> bool {
        self.proposed += 1;
        self.proposed <= PROPOSALS
    }

    pub(crate) fn error(
        &mut self,
        rule: &'static str,
        position: Position,
        message: impl std::fmt::Display,
        help: Option<String>,
    ) {
        self.report(Severity::Error, rule, position, message, help);
    }

    pub(crate) fn warn(
        &mut self,
        rule: &'static str,
        position: Position,
        message: impl std::fmt::Display,
        help: Option<String>,
    ) {
        self.report(Severity::Warning, rule, position, message, help);
    }

    /// Says which imports lead nowhere.
    fn imports(&mut self) {
        let file = self.file;
        for import in &file.imports {
            match &import.target {
                Err(reason) => {
                    let help =
                        import.named.as_ref().map(|name| format!("write it as a text: import \"{name}\" as {name};"));
                    self.error("unresolved-import", import.position, reason, help);
                }
                Ok(target) if matches!(self.files.get(target), Some(Err(_))) => {
                    self.error("faulty-import", import.position, format!("the module {target} does not compile"), None);
                }
                Ok(_) => {}
            }
        }
    }

    fn function(&mut self, function: &Function) {
        let place = function.header.as_ref().map(|header| header.place);
        let position = place.map_or(Position::NONE, position_of);
        self.refuse_host_name(&function.name, position, NameKind::Function);
        let hook = function.hook().filter(|_| self.role.has_hooks());
        let calls = self.before.calls.get(&(function.name.clone(), function.parameters.len()));
        let is_pair = function.parameters.len() == 2 && hook.is_none() && !self.role.is_open();
        let command = self.file.command_of(&function.name).filter(|_| is_pair);
        let mark = self.scope.mark();
        for (index, name) in function.parameters.iter().enumerate() {
            let place =
                function.header.as_ref().and_then(|header| header.parameters.get(index)).map(|(_, place)| *place);
            let position = place.map_or(position, position_of);
            self.refuse_host_name(name, position, NameKind::Variable);
            let open_to_others = self.role.is_open() && !function.private;
            let mentioned = self.is_written(&function.name);
            let called_with = calls.and_then(|kinds| kinds.get(index)).copied();
            let kind = match (hook, called_with) {
                (Some(hook), None) => Kind::of_parameter(hook, index),
                (Some(hook), Some(kind)) => Kind::of_parameter(hook, index).or(kind),
                (None, _) if command.is_some() => [Kind::Message, Kind::Map][index],
                // A name in a text can be how the function is called, such as by a timer.
                (None, _) if open_to_others || mentioned => Kind::Unknown,
                (None, kind) => kind.unwrap_or_default(),
            };
            let mut variable = Variable::new(name, kind, VariableOrigin::Parameter, position);
            variable.arguments = command.filter(|_| index == 1).map(|command| {
                command.iter().map(|argument| (argument.name().to_owned(), argument.script_kind())).collect()
            });
            self.declare(variable);
        }
        self.in_hook = hook.is_some() && calls.is_none();
        self.in_function = Some((function.name.clone(), function.parameters.len()));
        self.presence = ProvenPresence::default();
        self.blamed.clear();
        self.statements(&function.body, Value::Used);
        self.multiplying(function);
        self.in_function = None;
        self.in_hook = false;
        self.leave(mark);
    }

    /// Walks over a closure. Its first parameters are the variables that it captures.
    pub(crate) fn closure(&mut self, name: &str, captured: usize, position: Position) {
        let file = self.file;
        let Some(closure) = file.closures.get(name) else { return };
        let at_top_level = std::mem::replace(&mut self.at_top_level, false);
        let in_hook = std::mem::replace(&mut self.in_hook, false);
        // What a variable holds when the closure is called is taken to be as it is where the closure is made.
        let presence = self.presence.clone();
        let broken = std::mem::take(&mut self.broken);
        let mark = self.scope.mark();
        let mut handed = self.handed.take();
        for name in &closure.parameters[captured.min(closure.parameters.len())..] {
            self.refuse_host_name(name, position, NameKind::Variable);
            let kind = handed.take().unwrap_or_default();
            self.declare(Variable::new(name, kind, VariableOrigin::Parameter, position));
        }
        self.statements(&closure.body, Value::Used);
        self.leave(mark);
        self.presence = presence;
        self.broken = broken;
        self.at_top_level = at_top_level;
        self.in_hook = in_hook;
    }

    pub(crate) fn block(&mut self, block: &StmtBlock, value: Value) {
        let mark = self.scope.mark();
        self.statements(block.statements(), value);
        self.leave(mark);
    }

    fn statements(&mut self, statements: &[Stmt], value: Value) {
        let mut ended: Option<&'static str> = None;
        for (index, statement) in statements.iter().enumerate() {
            let counts = !matches!(statement, Stmt::Noop(_));
            if let (Some(end), true) = (ended.take(), counts) {
                let message = format!("this is never reached: the code before it {end}");
                self.warn("unreachable", statement.position(), message, None);
            }
            let last = index + 1 == statements.len();
            let value = if last { value } else { Value::Unused };
            self.statement(statement, value);
            if counts {
                ended = flow::end(statement);
            }
        }
    }

    fn statement(&mut self, statement: &Stmt, value: Value) {
        match statement {
            Stmt::If(flow, _) => {
                self.condition(&flow.expr, "the condition of if");
                self.constant_condition(&flow.expr);
                let tested = self.tests(&flow.expr);
                let before = self.presence.clone();
                self.presence.learn(&tested.yes);
                self.block(&flow.body, value);
                let after = std::mem::replace(&mut self.presence, before);
                self.presence.learn(&tested.no);
                self.block(&flow.branch, value);
                self.presence.join(after);
            }
            Stmt::While(flow, _) => {
                // A `loop` is a `while` whose condition is ().
                let is_endless = flow.expr.is_unit();
                if let Some(asked) = flow::asks_without_end(&flow.expr, &flow.body) {
                    let message =
                        "a run stays on the version of its script that it began with as long as this loop asks";
                    let help = "with the option `newest: true` it ends at the question when a newer version comes";
                    self.report(Severity::Note, "old-version", asked, message, Some(help.to_owned()));
                }
                if !is_endless {
                    self.condition(&flow.expr, "the condition of while");
                }
                if matches!(flow.expr, Expr::BoolConstant(false, _)) {
                    self.constant_condition(&flow.expr);
                }
                let tested = self.tests(&flow.expr);
                let before = self.presence.clone();
                self.presence.learn(&tested.yes);
                self.repeated(&flow.body, |walk| {
                    walk.presence.join(before);
                    walk.presence.learn(&tested.no);
                    if is_endless || matches!(flow.expr, Expr::BoolConstant(true, _)) {
                        walk.presence.end();
                    }
                });
            }
            Stmt::Do(flow, flags, _) => self.repeated(&flow.body, |walk| {
                walk.condition(&flow.expr, "the condition of the loop");
                let tested = walk.tests(&flow.expr);
                let is_until = flags.contains(ASTFlags::NEGATED);
                walk.presence.learn(if is_until { &tested.yes } else { &tested.no });
            }),
            Stmt::For(parts, _) => {
                let (item, counter, flow) = &**parts;
                let kind = self.iterated(&flow.expr);
                let mark = self.scope.mark();
                for (ident, kind) in std::iter::once((item, kind)).chain(counter.iter().map(|it| (it, Kind::Int))) {
                    self.refuse_host_name(&ident.name, ident.pos, NameKind::Variable);
                    self.declare(Variable::new(&ident.name, kind, VariableOrigin::Loop, ident.pos));
                }
                let before = self.presence.clone();
                self.repeated(&flow.body, |walk| walk.presence.join(before));
                self.leave(mark);
            }
            Stmt::Switch(parts, _) => self.switch(&parts.0, &parts.1, value),
            Stmt::Var(parts, flags, _) => {
                let (ident, initial, _) = &**parts;
                let before = self.findings.len();
                let kind = self.value(initial);
                let faulty = self.findings.len() > before;
                self.refuse_host_name(&ident.name, ident.pos, NameKind::Variable);
                let origin =
                    if flags.contains(ASTFlags::CONSTANT) { VariableOrigin::Const } else { VariableOrigin::Let };
                let mut variable = Variable::new(&ident.name, kind, origin, ident.pos);
                variable.exported = flags.contains(ASTFlags::EXPORTED);
                // One mistake is one finding: what a faulty line sets is not reported as unused besides.
                variable.read = faulty;
                if let Expr::Map(entries, _) = initial {
                    variable.entries =
                        Some(entries.0.iter().map(|(name, _)| (name.name.to_string(), name.pos)).collect());
                }
                variable.takes = self.parameters_of(initial).map(<[_]>::len);
                let tested = match kind {
                    Kind::Bool | Kind::Unknown => self.tests(initial),
                    _ => Tested::default(),
                };
                self.declare(variable);
                self.note_checked(&ident.name, initial);
                if let (Some(place), true) = (self.scope.variables.place(&ident.name), tested != Tested::default()) {
                    self.meanings.insert(place, tested);
                }
            }
            Stmt::Assignment(parts) => self.assignment(&parts.0, &parts.1),
            Stmt::FnCall(call, position) => {
                self.multiplied(call, *position);
                let kind = self.call(call, *position);
                self.lost_call(call, kind, *position, value);
                self.gave_nothing = None;
            }
            Stmt::Block(block) => self.block(block, value),
            Stmt::TryCatch(flow, _) => {
                let before = self.presence.clone();
                self.block(&flow.body, Value::OfTry);
                let after = std::mem::replace(&mut self.presence, before);
                let mark = self.scope.mark();
                if let Expr::Variable(variable, _, position) = &flow.expr {
                    self.refuse_host_name(&variable.1, *position, NameKind::Variable);
                    self.declare(Variable::new(&variable.1, Kind::Unknown, VariableOrigin::Catch, *position));
                }
                self.block(&flow.branch, Value::OfCatch);
                self.leave(mark);
                self.presence.join(after);
            }
            Stmt::Expr(expression) => {
                if let Expr::FnCall(call, position) = &**expression {
                    self.multiplied(call, *position);
                }
                let before = self.findings.len();
                self.gave_nothing = None;
                let kind = self.expression(expression);
                self.changed_copy();
                if value != Value::Used && self.findings.len() == before {
                    self.without_effect(expression, kind, value);
                }
            }
            Stmt::BreakLoop(expression, flags, _) => {
                if let Some(expression) = expression {
                    self.expression(expression);
                }
                let here = self.presence.clone();
                self.presence.end();
                match self.broken.last_mut().filter(|_| flags.contains(ASTFlags::BREAK)) {
                    Some(Some(known)) => known.join(here),
                    Some(none) => *none = Some(here),
                    None => {}
                }
            }
            Stmt::Return(expression, _, _) => {
                if let Some(expression) = expression {
                    self.expression(expression);
                }
                self.presence.end();
            }
            Stmt::Import(parts, _) => {
                let (path, ident) = &**parts;
                let file = self.file.import_at(path.position()).map(str::to_owned);
                if !ident.name.is_empty() {
                    self.refuse_namespace(&ident.name, ident.pos);
                    let used = file.is_none();
                    let alias = Alias { name: ident.name.to_string(), file, position: ident.pos, used };
                    self.scope.aliases.add(alias);
                }
            }
            Stmt::Export(parts, _) => {
                if let Some(variable) = self.scope.variable(&parts.0.name) {
                    variable.exported = true;
                }
            }
            _ => {}
        }
    }

    /// Walks over the body of a loop; `end` is what comes after it where no break leaves it.
    fn repeated(&mut self, body: &StmtBlock, end: impl FnOnce(&mut Self)) {
        self.broken.push(None);
        self.block(body, Value::Unused);
        end(self);
        if let Some(broken) = self.broken.pop().flatten() {
            self.presence.join(broken);
        }
    }

    fn switch(&mut self, subject: &Expr, cases: &rhai::SwitchCasesCollection, value: Value) {
        if self.value(subject) == Kind::Secret {
            self.compared_secret(subject.start_position());
        }
        for list in cases.cases.values() {
            let certain = list
                .blocks
                .iter()
                .position(|index| matches!(cases.expressions[*index].lhs, Expr::BoolConstant(true, _)));
            if let Some(next) = certain.and_then(|certain| list.blocks.get(certain + 1)) {
                let position = cases.expressions[*next].rhs.position();
                let message = "this case is never reached: the same value stands in a case before it";
                self.warn("unreachable", position, message, None);
            }
        }
        // Whoever tells values apart is taken to have thought of ().
        let judged = match subject {
            Expr::FnCall(call, _) if call.name == "type_of" => call.args.first().unwrap_or(subject),
            subject => subject,
        };
        let before = self.presence.clone();
        let mut after = before.clone();
        let mut ends = false;
        for (index, case) in cases.expressions.iter().enumerate() {
            self.presence = before.clone();
            self.note_there(judged);
            // Whoever tells content types apart knows which of them is a text.
            if let Some(text) = self.text_of_type(subject).filter(|_| cases.def_case != Some(index)) {
                self.presence.add(text);
            }
            if !matches!(case.lhs, Expr::BoolConstant(..)) {
                self.condition(&case.lhs, "the condition of a case");
                let tested = self.tests(&case.lhs);
                self.presence.learn(&tested.yes);
            }
            match &case.rhs {
                Expr::Stmt(block) => self.block(block, value),
                other => {
                    self.expression(other);
                }
            }
            ends |= self.presence.is_unreachable();
            after.join(std::mem::take(&mut self.presence));
        }
        self.presence = after;
        if ends {
            self.note_there(judged);
        }
    }

    pub(crate) fn declare(&mut self, mut variable: Variable) {
        if place_of(variable.position).is_some_and(|place| self.before.mixed.contains(&place)) {
            variable.kind = Kind::Unknown;
        }
        self.scope.variables.add(variable);
    }

    pub(crate) fn leave(&mut self, mark: (usize, usize)) {
        let (variables, aliases) = self.scope.leave(mark);
        if !variables.is_empty() {
            self.presence.forget_from(mark.0);
            self.meanings.retain(|place, _| *place < mark.0);
            // The next variable that stands there is another one.
            self.blamed.retain(|key| variables_in(key).all(|variable| variable < mark.0));
        }
        self.report_unused(variables, aliases);
    }

    fn hooks(&mut self) {
        let file = self.file;
        for function in &file.functions {
            if let Err((message, help)) =
                hook::judge(&function.name, function.parameters.len(), |name| self.is_named(name))
            {
                let place = function.header.as_ref().map_or(Position::NONE, |header| position_of(header.place));
                self.error("unknown-hook", place, message, help);
            }
        }
        self.silent_hooks();
    }

    /// Whether the file, or a module that it imports, calls or mentions a name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.file.named.contains(name) || self.said().strings.contains(name)
    }

    /// Whether the file, or a module that it imports, has a name as a text.
    fn is_written(&self, name: &str) -> bool {
        self.file.strings.contains(name) || self.said().strings.contains(name)
    }

    /// What the modules say that the file imports.
    pub(crate) fn said(&self) -> &Said<'a> {
        self.said.get_or_init(|| {
            let mut said = Said::default();
            for module in self.modules() {
                said.strings.extend(module.strings.iter().map(String::as_str));
                said.kept.extend(module.kept.iter().map(String::as_str));
                said.keeps_more |= module.keeps_more;
            }
            said
        })
    }

    /// The modules that the file imports, directly or not. The standard library's know nothing of their importers.
    fn modules(&self) -> impl Iterator<Item = &'a Parsed> + use<'a> {
        let files = self.files;
        let modules = self.around.modules.iter().filter_map(move |module| files.get(*module)?.as_ref().ok());
        modules.filter(|module| module.source.path.is_some())
    }
}

/// Whether anybody wants the value of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Used,
    Unused,
    /// At the end of a `try` block, whose value is dropped unless it is that of a call.
    OfTry,
    /// At the end of a `catch` block, whose value is always dropped.
    OfCatch,
}

/// What bears a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    Function,
    Variable,
}

/// A place as Rhai has it.
pub(crate) fn position_of((line, column): (usize, usize)) -> Position {
    match (u16::try_from(line), u16::try_from(column)) {
        (Ok(line), Ok(column)) if line > 0 => Position::new(line, column),
        _ => Position::NONE,
    }
}

/// A position as line and column.
pub(crate) fn place_of(position: Position) -> Option<(usize, usize)> {
    Some((position.line()?, position.position()?))
}
