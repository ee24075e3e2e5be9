//! One process of a sandbox: started, frozen, killed and started again.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::home::Home;
use super::tree;
pub use super::tree::{descendants, is_alive};

/// Notes its own process id for the guard *before* it becomes the program, so that there is no
/// moment in which a program runs and nobody would clean it up. Fails once the guard has acted.
const ENTER: &str = r#"echo "$2" >"$1/$$" || exit 126; shift 2; exec "$@""#;

/// How long the kernel may take to clear away what was killed.
const REAP_LIMIT: Duration = Duration::from_secs(10);

/// What to run, and how. The same spec is used again for each restart.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Names the log file; unique in the sandbox.
    pub name: String,
    /// The program: a path, not looked up.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Set in addition to our own environment, of which nothing named `SUNAKKU_…` is handed on.
    pub env: Vec<(OsString, OsString)>,
    /// Where it runs; the sandbox's root if not given.
    pub cwd: Option<PathBuf>,
    /// Whom it runs as, if not as ourselves (only root can choose).
    pub user: Option<User>,
    /// How it is ended when the sandbox goes.
    pub end: End,
}

/// A user and group to run a process as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// Numeric user id.
    pub uid: u32,
    /// Numeric group id.
    pub gid: u32,
}

/// How a process is ended when the sandbox goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// SIGKILL: nothing outside the sandbox's folder needs care.
    #[default]
    Kill,
    /// SIGQUIT first, for a server that would leave shared memory behind.
    Quit,
}

impl Spec {
    /// A program without arguments.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            user: None,
            end: End::Kill,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets the folder that it runs in.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }
}

/// A process that lives no longer than its sandbox. Clones are handles to the same process; the
/// last one to go kills it.
#[derive(Clone, Debug)]
pub struct Process(Arc<Inner>);

impl Process {
    pub(super) fn start(home: Arc<Home>, spec: Spec) -> Result<Self> {
        let inner = Arc::new(Inner {
            spec,
            home,
            state: Mutex::new(State::default()),
        });
        inner.spawn(&mut inner.lock())?;
        Ok(Self(inner))
    }

    /// The name in the spec.
    pub fn name(&self) -> &str {
        &self.0.spec.name
    }

    /// The process id; after an end, that of the last run.
    pub fn pid(&self) -> u32 {
        self.0.lock().pid
    }

    /// Whether it runs (also while stopped).
    pub fn is_running(&self) -> bool {
        self.exit_status().is_none()
    }

    /// How it ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.0.poll(&mut self.0.lock())
    }

    /// SIGKILL, to it and to all its descendants, and waits until they are gone.
    pub fn kill(&self) -> Result<()> {
        self.0.kill(&mut self.0.lock())
    }

    /// SIGSTOP: it hangs, with its connections open, until [`Process::cont`].
    pub fn stop(&self) -> Result<()> {
        self.0.stop(&mut self.0.lock())
    }

    /// SIGCONT: it goes on after a [`Process::stop`].
    pub fn cont(&self) -> Result<()> {
        self.0.cont(&mut self.0.lock());
        Ok(())
    }

    /// SIGHUP: a server reads its configuration and certificates anew.
    pub fn hang_up(&self) -> Result<()> {
        let running = self.0.lock().running();
        let pid = running.with_context(|| format!("{} does not run", self.name()))?;
        Ok(kill_process(pid, Signal::HUP)?)
    }

    /// SIGTERM, and SIGKILL if it has not ended after `grace`. Tells how it ended.
    pub async fn terminate(&self, grace: Duration) -> Result<Option<ExitStatus>> {
        {
            let mut state = self.0.lock();
            self.0.cont(&mut state);
            if let Some(pid) = state.running() {
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline {
            if let Some(status) = self.exit_status() {
                return Ok(Some(status));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.kill()?;
        Ok(self.exit_status())
    }

    /// Starts it again from the same spec; kills it first if it still runs.
    pub fn restart(&self) -> Result<()> {
        let mut state = self.0.lock();
        self.0.kill(&mut state)?;
        self.0.spawn(&mut state)
    }

    /// Where its standard output and error go.
    pub fn log_path(&self) -> PathBuf {
        self.0.home.log_path(&self.0.spec.name)
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log_path())
    }

    pub(super) fn downgrade(&self) -> std::sync::Weak<Inner> {
        Arc::downgrade(&self.0)
    }
}

/// The process itself, which its handles and its sandbox share.
#[derive(Debug)]
pub(super) struct Inner {
    spec: Spec,
    home: Arc<Home>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    child: Option<Child>,
    pid: u32,
    /// Descendants frozen with it, each noted for the guard.
    stopped: Vec<u32>,
    ended: Option<ExitStatus>,
}

impl State {
    fn running(&self) -> Option<Pid> {
        self.child.as_ref().and_then(|_| pid_of(self.pid))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, state: &mut State) -> Result<()> {
        let Spec { name, program, .. } = &self.spec;
        self.home.check_open()?;
        if !program.is_file() {
            bail!(
                "cannot start {name}: there is no program {}",
                program.display()
            );
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.home.log_path(name))?;
        let child = self.command(&log)?.spawn();
        let child = child.with_context(|| format!("cannot start {name}"))?;
        *state = State {
            pid: child.id(),
            child: Some(child),
            ..State::default()
        };
        Ok(())
    }

    fn command(&self, log: &fs::File) -> Result<Command> {
        let spec = &self.spec;
        let end = match spec.end {
            End::Kill => "KILL",
            End::Quit => "QUIT",
        };
        let mut command = Command::new("sh");
        command
            .args(["-c", ENTER, &spec.name])
            .arg(&self.home.pids)
            .arg(end);
        command.arg(&spec.program).args(&spec.args);
        command.current_dir(spec.cwd.as_ref().unwrap_or(&self.home.root));
        // What steers this harness must not configure the programs that it starts.
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
            command.env_remove(name);
        }
        command.envs(spec.env.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?);
        // A group of its own: the terminal's Ctrl-C is for us, and we end what we started.
        command.process_group(0);
        if let Some(user) = spec.user {
            command.uid(user.uid).gid(user.gid);
        }
        Ok(command)
    }

    fn poll(&self, state: &mut State) -> Option<ExitStatus> {
        if let Some(child) = &mut state.child
            && let Ok(Some(status)) = child.try_wait()
        {
            self.note_end(state, Some(status));
        }
        if state.child.is_none() {
            Some(state.ended.unwrap_or_default())
        } else {
            None
        }
    }

    fn note_end(&self, state: &mut State, status: Option<ExitStatus>) {
        state.child = None;
        state.ended = status;
        self.home.forget(state.pid);
        for pid in state.stopped.drain(..) {
            self.home.forget(pid);
        }
    }

    fn kill(&self, state: &mut State) -> Result<()> {
        if self.poll(state).is_some() {
            return Ok(());
        }
        let family = tree::descendants(state.pid);
        if let Some(pid) = pid_of(state.pid) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        signal_each(&family, Signal::KILL);
        let status = state.child.as_mut().map(Child::wait).transpose()?;
        let deadline = Instant::now() + REAP_LIMIT;
        while family.iter().any(|pid| tree::is_alive(*pid)) {
            if Instant::now() >= deadline {
                bail!("a child of {} survives SIGKILL", self.spec.name);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.note_end(state, status);
        Ok(())
    }

    fn stop(&self, state: &mut State) -> Result<()> {
        let Some(pid) = state.running() else {
            bail!("{} does not run", self.spec.name);
        };
        kill_process_group(pid, Signal::STOP)?;
        // The head of the family stands still, so it gets no new members meanwhile.
        let family = tree::descendants(state.pid);
        signal_each(&family, Signal::STOP);
        for pid in &family {
            self.home.note(*pid)?;
        }
        state.stopped = family;
        Ok(())
    }

    fn cont(&self, state: &mut State) {
        signal_each(&state.stopped, Signal::CONT);
        if let Some(pid) = state.running() {
            let _ = kill_process_group(pid, Signal::CONT);
        }
        for pid in state.stopped.drain(..) {
            self.home.forget(pid);
        }
    }

    /// Ends it for good, in the way its spec asks for.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        if self.spec.end == End::Quit
            && let Some(pid) = state.running()
        {
            self.cont(&mut state);
            let _ = kill_process(pid, Signal::QUIT);
            let deadline = Instant::now() + Duration::from_secs(3);
            while self.poll(&mut state).is_none() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.kill(&mut state);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}

fn is_ours(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("SUNAKKU_")
}

fn pid_of(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

fn signal_each(pids: &[u32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| pid_of(*pid)) {
        let _ = kill_process(pid, signal);
    }
}

/// The last lines of a log.
pub(super) fn tail(path: &Path) -> String {
    const LINES: usize = 25;
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
