//! A file as it is checked: its functions, closures and top level, and the modules that it imports.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use rhai::{AST, ASTFlags, ASTNode, Engine, Expr, FnAccess, FnCallExpr, Position, Stmt};

use crate::language::bot_command::{self, Parameter, comparable};
use crate::language::chain::{ChainLink, links_of};
use crate::language::diagnostic::Lines;
use crate::language::fault::Fault;
use crate::language::headers::{Header, headers};
use crate::language::source::Source;
use crate::language::{dialect, hook, parse};
use crate::protocol::Hook;

/// A function of a file.
pub(crate) struct Function {
    /// Its name; a closure's is Rhai's own.
    pub(crate) name: String,
    /// The names of its parameters; a closure's captured variables come first.
    pub(crate) parameters: Vec<String>,
    /// What it does.
    pub(crate) body: Vec<Stmt>,
    /// Where its head stands; closures have none.
    pub(crate) header: Option<Header>,
    /// Whether only its own file can call it.
    pub(crate) private: bool,
}

impl Function {
    /// The hook that it is in a script.
    pub(crate) fn hook(&self) -> Option<Hook> {
        Hook::named(&self.name).filter(|hook| hook.spec().parameters.len() == self.parameters.len())
    }

    /// The signature, such as `parse(text)`.
    pub(crate) fn signature(&self) -> String {
        format!("{}({})", self.name, self.parameters.join(", "))
    }
}

/// An import as it is written.
pub(crate) struct Import {
    /// Where the path stands.
    pub(crate) position: Position,
    /// The variable that stands in the path's place, if one does.
    pub(crate) named: Option<String>,
    /// The file's name that it means, or what is wrong with it.
    pub(crate) target: Result<String, String>,
}

/// A file that compiles.
pub(crate) struct Parsed {
    /// Its text.
    pub(crate) source: Source,
    /// The lines of its text.
    pub(crate) lines: Lines,
    /// Its functions in the order of the text.
    pub(crate) functions: Vec<Function>,
    by_name: HashMap<String, Vec<usize>>,
    /// Its closures by Rhai's names for them.
    pub(crate) closures: HashMap<String, Function>,
    /// The statements of its top level.
    pub(crate) top: Vec<Stmt>,
    /// Its imports.
    pub(crate) imports: Vec<Import>,
    import_places: HashMap<Position, usize>,
    /// The names that it calls or mentions.
    pub(crate) named: BTreeSet<String>,
    /// The texts that are written out in it.
    pub(crate) strings: BTreeSet<String>,
    /// The names of map entries that it makes: they may hold functions.
    pub(crate) entries: BTreeSet<String>,
    /// The entries of `state` that it sets outright.
    pub(crate) kept: BTreeSet<String>,
    /// Whether entries of `state` may be set in ways that are not followed.
    pub(crate) keeps_more: bool,
    /// The functions that its `every` and `cron` call.
    pub(crate) beats: BTreeSet<String>,
    /// What others reach of it by `module::NAME`, beside its functions.
    pub(crate) exports: BTreeSet<String>,
    /// What follows the names of the commands that call its functions, by these; nothing of a function that several call.
    commands: HashMap<String, Option<Vec<Parameter>>>,
    /// The functions that it calls itself.
    called: BTreeSet<String>,
    /// The entries of `store` that hooks set before there is any event.
    pub(crate) begun: BTreeSet<String>,
}

impl Parsed {
    /// Compiles a text without judging it.
    ///
    /// # Errors
    /// With the syntax error.
    pub(crate) fn of(engine: &Engine, source: Source) -> Result<Self, Fault> {
        let ast = parse::compile(engine, &source)?;
        let mut headers = Headers::of(&source.text);
        let (mut functions, mut closures) = (Vec::new(), HashMap::new());
        for definition in ast.iter_fn_def() {
            let name = definition.name.to_string();
            let count = definition.params.len();
            let function = Function {
                parameters: definition.params.iter().map(ToString::to_string).collect(),
                body: dialect::statements_of(definition),
                header: headers.take(&name, count),
                private: definition.access == FnAccess::Private,
                name,
            };
            if function.name.starts_with("anon$") {
                closures.insert(function.name.clone(), function);
            } else {
                functions.push(function);
            }
        }
        functions.sort_by_key(|function| function.header.as_ref().map(|header| header.place));
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, function) in functions.iter().enumerate() {
            by_name.entry(function.name.clone()).or_default().push(index);
        }
        let mut parsed = Self {
            lines: Lines::of(Arc::clone(&source.text)),
            functions,
            by_name,
            closures,
            top: ast.statements().to_vec(),
            imports: Vec::new(),
            import_places: HashMap::new(),
            named: hook::names_used(&ast),
            strings: BTreeSet::new(),
            entries: BTreeSet::new(),
            kept: BTreeSet::new(),
            keeps_more: false,
            exports: ast.statements().iter().filter_map(exported).collect(),
            begun: BTreeSet::new(),
            commands: HashMap::new(),
            called: BTreeSet::new(),
            beats: BTreeSet::new(),
            source,
        };
        parsed.note_begun();
        parsed.note_entries(&ast);
        Ok(parsed)
    }

    /// Finds the modules that the file imports, by what `find` makes of a path.
    pub(crate) fn resolve(&mut self, find: impl Fn(&str) -> Result<Source, String>) -> Vec<Source> {
        let mut found = Vec::new();
        let mut imports = Vec::new();
        let mut note = |path: &Expr| {
            let position = path.position();
            let target = match path {
                Expr::StringConstant(path, _) => find(path).map(|module| {
                    let file = module.file.clone();
                    found.push(module);
                    file
                }),
                _ => Err("an import names its module by a literal path, such as import \"lib/greetings\" as greetings"
                    .to_owned()),
            };
            let named = match path {
                Expr::Variable(variable, ..) => Some(variable.1.to_string()),
                _ => None,
            };
            imports.push(Import { position, named, target });
        };
        let bodies = self.functions.iter().chain(self.closures.values()).map(|function| function.body.as_slice());
        for statement in bodies.chain([self.top.as_slice()]).flatten() {
            statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
                if let Some(ASTNode::Stmt(Stmt::Import(import, _))) = nodes.last() {
                    note(&import.0);
                }
                true
            });
        }
        for (index, import) in imports.iter().enumerate() {
            self.import_places.entry(import.position).or_insert(index);
        }
        self.imports = imports;
        found
    }

    /// Whether it has something that the host would call: a hook, even a misspelt one, a timer or a command.
    pub(crate) fn is_called(&self) -> bool {
        let declares = ["every", "cron", "bot_command"].iter().any(|name| self.named.contains(*name));
        declares || self.functions.iter().any(|function| hook::is_meant(&function.name))
    }

    /// The names of the commands that its top level declares, where they are written out, with their places.
    pub(crate) fn commands(&self) -> Vec<(String, Position)> {
        let mut found = Vec::new();
        let mut note = |call: &FnCallExpr| {
            if call.name != "bot_command" {
                return;
            }
            let aliases = command_option(call, "aliases");
            let names = call.args.first().into_iter().chain(match aliases {
                Some(Expr::Array(items, _)) => items.as_slice(),
                Some(alias) => std::slice::from_ref(alias),
                None => &[],
            });
            found.extend(names.filter_map(|name| match name {
                Expr::StringConstant(name, position) => Some((comparable(name), *position)),
                _ => None,
            }));
        };
        for statement in &self.top {
            statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
                if let Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))) = nodes.last()
                {
                    note(call);
                }
                true
            });
        }
        found
    }

    /// The arguments of the one command that calls a function, where nothing else does and they are known.
    pub(crate) fn command_of(&self, function: &str) -> Option<&[Parameter]> {
        let declared = self.commands.get(function)?.as_deref();
        declared.filter(|_| !self.called.contains(function))
    }

    /// The hooks that it defines, with their functions.
    pub(crate) fn hooks(&self) -> impl Iterator<Item = (Hook, &Function)> {
        self.functions.iter().filter_map(|function| Some((function.hook()?, function)))
    }

    /// The files that it imports.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &String> {
        self.imports.iter().filter_map(|import| import.target.as_ref().ok())
    }

    /// The file that an import at this place means.
    pub(crate) fn import_at(&self, position: Position) -> Option<&str> {
        let import = self.imports.get(*self.import_places.get(&position)?)?;
        import.target.as_ref().ok().map(String::as_str)
    }

    /// The function that a call means.
    pub(crate) fn function(&self, name: &str, count: usize) -> Option<&Function> {
        self.named_so(name).find(|function| function.parameters.len() == count)
    }

    /// Every function of a name.
    pub(crate) fn named_so(&self, name: &str) -> impl Iterator<Item = &Function> {
        self.by_name.get(name).into_iter().flatten().filter_map(|index| self.functions.get(*index))
    }

    /// Notes which entries of `store` the hooks set that run before there is any event.
    fn note_begun(&mut self) {
        let mut begun = BTreeSet::new();
        for function in
            self.functions.iter().filter(|function| matches!(function.hook(), Some(Hook::Start | Hook::Login)))
        {
            for statement in &function.body {
                statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
                    if let Some(ASTNode::Expr(Expr::MethodCall(call, _))) = nodes.last()
                        && let ("set", Some(Expr::StringConstant(key, _))) = (call.name.as_str(), call.args.first())
                    {
                        begun.insert(key.to_string());
                    }
                    true
                });
            }
        }
        self.begun = begun;
    }

    fn note_entries(&mut self, ast: &AST) {
        ast.walk(&mut |nodes: &[ASTNode<'_>]| {
            match nodes.last() {
                Some(ASTNode::Stmt(Stmt::Assignment(parts))) if !parts.0.is_op_assignment() => {
                    let (root, links) = links_of(&parts.1.lhs);
                    if is_state(root) {
                        match links.first() {
                            Some(ChainLink::Property(name, _)) => {
                                self.kept.insert((*name).to_owned());
                            }
                            Some(ChainLink::Index(Expr::StringConstant(name, _))) => {
                                self.kept.insert(name.to_string());
                            }
                            Some(_) => self.keeps_more = true,
                            None => {}
                        }
                    }
                }
                // Handed on as a value, it can be written to by any name.
                Some(ASTNode::Expr(variable)) if is_state(variable) => {
                    let begins = |node: Option<&ASTNode<'_>>| {
                        matches!(node, Some(ASTNode::Expr(Expr::Dot(parts, ..) | Expr::Index(parts, ..)))
                            if is_state(&parts.lhs))
                            || matches!(node, Some(ASTNode::Stmt(Stmt::Assignment(parts))) if is_state(&parts.1.lhs))
                    };
                    self.keeps_more |= !begins(nodes.len().checked_sub(2).and_then(|at| nodes.get(at)));
                }
                Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                    match (&*call.name, call.args.as_slice()) {
                        ("every" | "cron", [_, Expr::StringConstant(name, _), ..]) => {
                            self.beats.insert(name.to_string());
                        }
                        ("bot_command", [_, Expr::StringConstant(name, _), ..]) => {
                            let declared = match command_option(call, "args") {
                                Some(Expr::StringConstant(text, _)) => bot_command::parameters(text).ok(),
                                _ => None,
                            };
                            let known = self.commands.entry(name.to_string());
                            known.and_modify(|known| *known = None).or_insert(declared);
                        }
                        ("Fn" | "call" | "after", arguments) => {
                            self.called.extend(arguments.iter().filter_map(|argument| match argument {
                                Expr::StringConstant(name, _) => Some(name.to_string()),
                                _ => None,
                            }));
                        }
                        (name, _) => {
                            self.called.insert(name.to_owned());
                        }
                    }
                }
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    self.entries.extend(map.0.iter().map(|(name, _)| name.name.to_string()));
                }
                Some(ASTNode::Expr(Expr::StringConstant(text, _))) => {
                    self.strings.insert(text.to_string());
                    // `tools["greet"] = |name| …` makes an entry as well.
                    if nodes.iter().any(|node| matches!(node, ASTNode::Stmt(Stmt::Assignment(_)))) {
                        self.entries.insert(text.to_string());
                    }
                }
                Some(ASTNode::Expr(Expr::Property(property, _))) => {
                    let assigned = nodes.iter().any(|node| matches!(node, ASTNode::Stmt(Stmt::Assignment(_))));
                    if assigned {
                        self.entries.insert(property.2.to_string());
                    }
                }
                _ => {}
            }
            true
        });
    }
}

/// An option of a command, where it is written out.
pub(crate) fn command_option<'a>(call: &'a FnCallExpr, wanted: &str) -> Option<&'a Expr> {
    let Some(Expr::Map(options, _)) = call.args.get(2) else { return None };
    options.0.iter().find(|(name, _)| name.name == wanted).map(|(_, value)| value)
}

/// The name by which a statement of the top level hands a variable out.
fn exported(statement: &Stmt) -> Option<String> {
    match statement {
        Stmt::Var(parts, flags, _) if flags.contains(ASTFlags::EXPORTED) => Some(parts.0.name.to_string()),
        Stmt::Export(parts, _) => {
            let (own, other) = &**parts;
            Some(if other.name.is_empty() { own.name.to_string() } else { other.name.to_string() })
        }
        _ => None,
    }
}

fn is_state(expression: &Expr) -> bool {
    matches!(expression, Expr::Variable(variable, ..) if variable.2.is_empty() && variable.1 == "state")
}

/// The heads of a file's functions that no function has been given yet.
struct Headers(HashMap<(String, usize), VecDeque<Header>>);

impl Headers {
    fn of(text: &str) -> Self {
        let mut found = HashMap::<_, VecDeque<_>>::new();
        for header in headers(text) {
            found.entry((header.name.clone(), header.parameters.len())).or_default().push_back(header);
        }
        Self(found)
    }

    fn take(&mut self, name: &str, count: usize) -> Option<Header> {
        self.0.get_mut(&(name.to_owned(), count))?.pop_front()
    }
}

/// The files of one check, by their names; a file that does not compile has its fault.
pub(crate) type ParsedFiles = BTreeMap<String, Result<Parsed, Fault>>;
