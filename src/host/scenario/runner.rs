//! The threads that run tests: each takes the next one, makes a world for it, and hands its result on.
//!
//! What a test does is up to its file; what is shown of it is in `report`.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use rhai::Engine;
use tokio::task::LocalSet;

use super::find::{FindError, Plan, Test, TestFile};
use super::functions;
use super::log::Log;
use super::report::{Failed, Report, TestResult, Verdict};
use super::stillness::Stillness;
use super::suite::{self, Suite};
use super::unmet::Difference;
use super::world::World;
use super::{Options, PATIENCE};
use crate::script::Fault;

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
pub fn run(options: &Options, mut each: impl FnMut(&TestResult)) -> Result<(Plan, Report), RunError> {
    let began = Instant::now();
    let plan = thread::scope(|scope| {
        let find = thread::Builder::new().name("tests".to_owned()).stack_size(STACK);
        let finding = find.spawn_scoped(scope, || Plan::find(options)).map_err(RunError::Thread)?;
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
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).clamp(1, jobs.len().max(1));
    let next = AtomicUsize::new(0);
    let (sender, finished) = mpsc::channel();
    thread::scope(|scope| {
        for number in 0..threads {
            let (jobs, next, sender) = (&jobs, &next, sender.clone());
            let executor = thread::Builder::new().name(format!("test-{number}")).stack_size(STACK);
            let body = move || {
                let mut executor = Executor::new(options);
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
    let report = Report { results, took: began.elapsed() };
    Ok((plan, report))
}

/// What a thread keeps from test to test.
struct Executor {
    engine: Rc<Engine>,
    suites: HashMap<std::path::PathBuf, Rc<Suite>>,
}

impl Executor {
    fn new(options: &Options) -> Self {
        Self { engine: Rc::new(suite::engine(&options.limits)), suites: HashMap::new() }
    }

    fn run(&mut self, file: &TestFile, test: &Test) -> TestResult {
        let began = Instant::now();
        // A panic is a bug of ours, and no reason to lose the other results.
        let verdict = catch_unwind(AssertUnwindSafe(|| self.judge(file, test))).unwrap_or_else(|_| {
            functions::enter(None);
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
        let log = Log::default();
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
            let line = test.line;
            let (setting, path, function) =
                (Rc::new((*file.setting).clone()), file.path.clone(), test.function.clone());
            local.spawn_local(async move {
                let world = match World::open(setting, path, stillness, log).await {
                    Ok(world) => world,
                    Err(error) => return Err(Box::new(Failed::of_load(Fault::of_file(&name, error)))),
                };
                functions::enter(Some(Rc::clone(&world)));
                let deadline = Instant::now() + world.setting.patience;
                let outcome = suite.run(&engine, function, deadline).await;
                let failed = match outcome {
                    Err(error) => Some(failure(&suite, &name, line, &error)),
                    Ok(()) => after(&world, &name, line).await,
                };
                functions::enter(None);
                let failed = failed.map(|failed| failed.within(world.conversation(), world.log.lines()));
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
                functions::enter(None);
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
        let suite = Suite::load(&self.engine, &file.path)?;
        self.suites.insert(file.path.clone(), Rc::clone(&suite));
        Ok(suite)
    }
}

/// What is still wrong when a test has reached its end: runs of the bot that failed and that nobody expected to.
async fn after(world: &World, file: &str, line: usize) -> Option<Failed> {
    let at_test = |fault: Fault| Some(Failed::of_load(Fault { line: Some(line), ..fault }));
    if let Err(error) = world.settle().await {
        return at_test(Fault::of_file(file, error));
    }
    let failure = world.log.failures().into_iter().next()?;
    let message = format!("a run of the bot failed: {failure}\nbot.expects_error(\"…\") expects it");
    at_test(Fault::of_file(file, message))
}

/// What was wrong and where: at the test itself where no better place is known.
fn failure(suite: &Suite, file: &str, line: usize, error: &rhai::EvalAltResult) -> Failed {
    let fault = Fault::of_run(file, error);
    let fault = if fault.line.is_none() { Fault { line: Some(line), ..fault } } else { fault };
    let source = fault.line.and_then(|line| suite.line(&fault.file, line));
    Failed { difference: Difference::of(error), source, ..Failed::of_load(fault) }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            filter: None,
            threads: None,
            snapshots: super::Snapshots::default(),
            limits: crate::script::Limits::default(),
            patience: PATIENCE,
            tap: None,
        }
    }
}
