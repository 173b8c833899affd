//! The threads that run tests: each takes the next one, makes a world for it, and hands its result on.
//!
//! What a test does is up to its file; what is shown of it is in `report`.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use rhai::Engine;
use tokio::task::LocalSet;

use super::context;
use super::find::{FindError, Test, TestFile, TestPlan};
use super::lines::LineReport;
use super::log::TestLog;
use super::report::{Failed, TestReport, TestResult, Verdict};
use super::stillness::Stillness;
use super::suite::{self, Suite};
use super::unmet::Difference;
use super::world::{Setting, TestWorld};
use super::{PATIENCE, TestOptions};
use crate::language::{Fault, trace};
use crate::runtime::Coverage;

/// The stack of a thread that compiles tests and scripts, in bytes. Only what is touched costs memory.
const STACK: usize = 64 << 20;

/// Why tests cannot run at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is nothing to run.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The system gives no further thread.
    #[error("a thread cannot start: {0}")]
    Thread(std::io::Error),
    /// A bug.
    #[error("the thread that reads the tests panicked: this is a bug of Hotline")]
    Panic,
}

/// Finds the tests and runs them; `each` is told of every result as it comes.
///
/// # Errors
/// When nothing can be run. A test that fails is no error.
pub fn run(options: &TestOptions, mut each: impl FnMut(&TestResult)) -> Result<(TestPlan, TestReport), RunError> {
    let began = Instant::now();
    let plan = thread::scope(|scope| {
        let find = thread::Builder::new().name("tests".to_owned()).stack_size(STACK);
        let finding = find.spawn_scoped(scope, || TestPlan::find(options)).map_err(RunError::Thread)?;
        Ok::<_, RunError>(finding.join().map_err(|_| RunError::Panic)??)
    })?;

    let mut results = Vec::new();
    let mut jobs = Vec::new();
    for file in &plan.files {
        match &file.tests {
            Ok(tests) => jobs.extend(tests.iter().map(|test| (file, test))),
            Err(failed) => {
                let result = TestResult::of_file(&file.path, failed.clone());
                each(&result);
                results.push(result);
            }
        }
    }
    let coverage = options.coverage.then(|| plan.coverage());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).clamp(1, jobs.len().max(1));
    let next = AtomicUsize::new(0);
    // Whoever is done before its results are shown waits until there is room.
    let (sender, finished) = sync_channel(threads);
    thread::scope(|scope| {
        for number in 0..threads {
            let (jobs, next, sender, coverage) = (&jobs, &next, sender.clone(), coverage.clone());
            let executor = thread::Builder::new().name(format!("test-{number}")).stack_size(STACK);
            let body = move || {
                let mut executor = Executor::new(options, coverage);
                while let Some((file, test)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Where nobody listens any more, the others stop by themselves.
                    let _ = sender.send(executor.run(file, test));
                }
            };
            executor.spawn_scoped(scope, body).map_err(RunError::Thread)?;
        }
        drop(sender);
        for result in finished {
            each(&result);
            results.push(result);
        }
        Ok::<_, RunError>(())
    })?;
    let order = |result: &TestResult| plan.files.iter().position(|file| file.path == result.file);
    results.sort_by_key(|result| (order(result), result.line));
    let lines = coverage.as_ref().map(LineReport::of);
    let report = TestReport { results, took: began.elapsed(), lines };
    Ok((plan, report))
}

/// What a thread keeps from test to test.
struct Executor {
    engine: Rc<Engine>,
    suites: HashMap<std::path::PathBuf, Rc<Suite>>,
    coverage: Option<Coverage>,
}

impl Executor {
    fn new(options: &TestOptions, coverage: Option<Coverage>) -> Self {
        Self { engine: Rc::new(suite::engine(&options.limits)), suites: HashMap::new(), coverage }
    }

    fn run(&mut self, file: &TestFile, test: &Test) -> TestResult {
        let began = Instant::now();
        // A panic is a bug of ours, and no reason to lose the other results.
        let verdict = catch_unwind(AssertUnwindSafe(|| self.judge(file, test))).unwrap_or_else(|_| {
            context::enter(None);
            let message = format!("{} panicked: this is a bug of Hotline", test.name);
            Verdict::Failed(Failed::of_load(Fault::of_file(file.path.display().to_string(), message)).into())
        });
        TestResult { file: file.path.clone(), name: test.name.clone(), line: test.line, took: began.elapsed(), verdict }
    }

    fn judge(&mut self, file: &TestFile, test: &Test) -> Verdict {
        let name = file.path.display().to_string();
        let broken = |reason: String| Verdict::Failed(Failed::of_load(Fault::of_file(&name, reason)).into());
        let suite = match self.suite(file) {
            Ok(suite) => suite,
            Err(fault) => return Verdict::Failed(Failed::of_load(fault).into()),
        };
        let log = TestLog::default();
        let _listening = log.listen();
        let stillness = Stillness::default();
        let runtime = match stillness.runtime() {
            Ok(runtime) => runtime,
            Err(error) => return broken(format!("a world cannot start: {error}")),
        };
        let mut local = LocalSet::new();
        let task = {
            let _inside = runtime.enter();
            let (engine, stillness, log) = (Rc::clone(&self.engine), stillness.clone(), log.clone());
            let test = test.clone();
            let setting = Rc::new(Setting { coverage: self.coverage.clone(), ..(*file.setting).clone() });
            let (path, function) = (file.path.clone(), test.function.clone());
            local.spawn_local(async move {
                let world = match TestWorld::open(setting, path, stillness, log).await {
                    Ok(world) => world,
                    Err(error) => return Err(Box::new(Failed::of_load(Fault::of_file(&name, error)))),
                };
                context::enter(Some(Rc::clone(&world)));
                let deadline = Instant::now() + world.setting.patience;
                let outcome = suite.run(&engine, function, deadline).await;
                let failed = match outcome {
                    Err(error) => Some(failure(&suite, &name, &test, &error)),
                    Ok(()) => after(&world, &suite, &name, test.line).await,
                };
                context::enter(None);
                let failed = failed.map(|failed| {
                    let runs = world.log.failures().into_iter().map(|failure| failure.card).collect();
                    let seed = world.chance.was_drawn().then_some(world.setting.seed);
                    Failed { seed, printed: world.printed(), ..failed }.within(
                        runs,
                        world.conversation(),
                        world.log.lines(),
                    )
                });
                failed.map_or(Ok(()), |failed| Err(Box::new(failed)))
            })
        };
        let outcome = runtime.block_on(stillness.drive(&mut local, task));
        drop(local);
        // What the sandbox still does in the background is of no interest any more.
        runtime.shutdown_background();
        match outcome {
            Ok(Ok(())) => Verdict::Passed,
            Ok(Err(failed)) => Verdict::Failed(failed),
            Err(_) => {
                context::enter(None);
                Verdict::Failed(
                    Failed::of_load(Fault::of_file(
                        file.path.display().to_string(),
                        format!("{} panicked: this is a bug of Hotline", test.name),
                    ))
                    .into(),
                )
            }
        }
    }

    fn suite(&mut self, file: &TestFile) -> Result<Rc<Suite>, Fault> {
        if let Some(suite) = self.suites.get(&file.path) {
            return Ok(Rc::clone(suite));
        }
        let suite = Suite::load(&self.engine, &crate::language::disk::Disk::default(), &file.path)?;
        self.suites.insert(file.path.clone(), Rc::clone(&suite));
        Ok(suite)
    }
}

/// What is still wrong when a test has reached its end: runs of the bot that failed and that nobody expected to.
async fn after(world: &TestWorld, suite: &Suite, file: &str, line: usize) -> Option<Failed> {
    let at_test = |fault: Fault| {
        let fault = Fault { line: Some(line), ..fault };
        Some(Failed::of_load(trace::with_test_source(fault, &suite.bundle)))
    };
    if let Err(error) = world.settle().await {
        return at_test(Fault::of_file(file, error));
    }
    // Its card says what was wrong.
    let message = match world.log.failures().len() {
        0 => return None,
        1 => "a run of the bot failed".to_owned(),
        count => format!("{count} runs of the bot failed"),
    };
    let help = Some("where that is right, bot.expects_error(\"…\") expects it".to_owned());
    at_test(Fault { help, ..Fault::of_file(file, message) })
}

/// What was wrong and where: at the test itself where no better place is known.
fn failure(suite: &Suite, file: &str, test: &Test, error: &rhai::EvalAltResult) -> Failed {
    let mut fault = trace::of_run(file, error);
    if fault.line.is_none() {
        fault.line = Some(test.line);
    }
    // Of each function on the way it is said where it called the next one, of the test above all.
    let places = places(error);
    let count = fault.calls.len();
    for (index, call) in fault.calls.iter_mut().enumerate().skip(1) {
        if let (Some(line), Some(rest)) = (places.get(count - index).copied().flatten(), call.strip_suffix(')')) {
            *call = format!("{rest}:{line})");
        }
    }
    if let (Some(_), Some(line)) = (fault.calls.first(), places.first().copied().flatten()) {
        fault.calls.push(format!("{} ({file}:{line})", test.name));
    }
    Failed { difference: Difference::of(error), ..Failed::of_load(trace::with_test_source(fault, &suite.bundle)) }
}

/// The lines from which functions were called, the outermost first.
fn places(error: &rhai::EvalAltResult) -> Vec<Option<usize>> {
    match error {
        rhai::EvalAltResult::ErrorInFunctionCall(_, _, inner, position) => {
            [vec![position.line()], places(inner)].concat()
        }
        rhai::EvalAltResult::ErrorInModule(_, inner, _) => places(inner),
        _ => Vec::new(),
    }
}

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            filter: None,
            sessions: Vec::new(),
            threads: None,
            snapshots: super::Snapshots::default(),
            limits: crate::runtime::Limits::default(),
            setup: crate::language::Setup::default(),
            hosts: None,
            // Short enough to be typed.
            seed: rand::random::<u32>().into(),
            coverage: false,
            patience: PATIENCE,
            tap: None,
        }
    }
}
