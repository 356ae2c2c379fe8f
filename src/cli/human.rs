//! The one writer: whatever reissue prints goes through an [`Output`].
//!
//! In human mode lines go to stdout and failures to stderr, with colours only on a terminal and
//! without `NO_COLOR` (no-color.org). In JSON mode objects go to stdout, and lines nowhere.

mod named;

use super::ExitCode;
use super::hints::Hints;
use super::json;
use indicatif::ProgressBar;
use named::Named;
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a stream may be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
    /// Lines and arrows beyond ASCII.
    pub unicode: bool,
    pub width: usize,
}

impl Style {
    /// For files, pipes and tests.
    pub const PLAIN: Style = Style { colour: false, unicode: false, width: 100 };

    fn of(terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        let dumb = set("TERM").is_some_and(|t| t == "dumb");
        if !terminal || dumb {
            return Self::PLAIN;
        }
        // Some terminals (a recorder, a serial line) say that they have no columns.
        let width = comfy_table::Table::new().width().filter(|w| *w > 0).map_or(100, usize::from);
        Style { colour: set("NO_COLOR").is_none(), unicode: true, width: width.clamp(40, 120) }
    }
}

type Shared = Arc<Mutex<Box<dyn Write + Send>>>;

fn locked(stream: &Shared) -> MutexGuard<'_, Box<dyn Write + Send>> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shared(stream: impl Write + Send + 'static) -> Shared {
    Arc::new(Mutex::new(Box::new(stream)))
}

/// A second pen for stderr: for what happens below a command, while the command holds the output.
#[derive(Clone)]
pub struct Notices {
    /// None: nothing is told, as with `--json`.
    stderr: Option<Shared>,
    bar: Bar,
}

/// The bar that stands on stderr, if one does.
type Bar = Arc<Mutex<Option<ProgressBar>>>;

impl Notices {
    pub fn say(&self, line: &str) {
        let Some(stderr) = &self.stderr else { return };
        // Whether it arrives is no business of the work that it tells of.
        let tell = || drop(locked(stderr).write_all(format!("{line}\n").as_bytes()));
        // A bar goes away for it, and is drawn again below.
        match &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(tell),
            None => tell(),
        }
    }
}

/// Standard output and standard error of one command.
pub struct Output {
    stdout: Shared,
    stderr: Shared,
    bar: Bar,
    pub stdout_style: Style,
    pub stderr_style: Style,
    json: bool,
    /// For commands that are suggested.
    hints: Hints,
    /// What was printed did not arrive.
    broken: bool,
}

impl Output {
    pub fn real(json: bool) -> Self {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        Self {
            stdout_style: Style::of(stdout.is_terminal()),
            stderr_style: Style::of(stderr.is_terminal()),
            stdout: shared(stdout),
            stderr: shared(stderr),
            bar: Bar::default(),
            json,
            hints: Hints::default(),
            broken: false,
        }
    }
    /// Commands that are suggested say what this one was told.
    pub(super) fn with(self, hints: Hints) -> Self {
        Self { hints, ..self }
    }
    /// Into two buffers, plain.
    pub fn to(stdout: Box<dyn Write + Send>, stderr: Box<dyn Write + Send>, json: bool) -> Self {
        let (stdout, stderr) = (shared(stdout), shared(stderr));
        Self {
            stdout,
            stderr,
            bar: Bar::default(),
            stdout_style: Style::PLAIN,
            stderr_style: Style::PLAIN,
            json,
            hints: Hints::default(),
            broken: false,
        }
    }
    /// A second pen for the same streams, for what goes on beside this one.
    pub(super) fn again(&self) -> Self {
        Self {
            stdout: self.stdout.clone(),
            stderr: self.stderr.clone(),
            bar: self.bar.clone(),
            hints: self.hints.clone(),
            ..*self
        }
    }
    /// The pen of one tenant of many: what it writes arrives here, line by line, each with `before` in front.
    /// For people, `lines` says whether its stdout is told too.
    pub(super) fn of_one(&self, before: &str, lines: bool, failures: bool) -> Self {
        let pen = |to: &Shared, told: bool| match told {
            true => shared(Named::new(to.clone(), before, self.json)),
            false => shared(std::io::sink()),
        };
        Self {
            stdout: pen(&self.stdout, lines || self.json),
            stderr: pen(&self.stderr, failures),
            bar: self.bar.clone(),
            stdout_style: Style::PLAIN,
            stderr_style: Style::PLAIN,
            json: self.json,
            // Of a fleet the file says it.
            hints: Hints::default(),
            broken: false,
        }
    }
    pub fn is_json(&self) -> bool {
        self.json
    }
    /// Whether somebody watches stderr as it is written: a terminal that can move its cursor.
    pub fn is_live(&self) -> bool {
        self.stderr_style.unicode
    }
    /// A line for people on stdout.
    pub fn line(&mut self, line: &str) {
        if !self.json {
            self.raw(line);
            self.raw("\n");
        }
    }
    /// The same with commands that come next: they carry what this one was told.
    pub fn hint(&mut self, line: &str) {
        let whole = self.hints.complete(line);
        self.line(&whole);
    }
    /// What comes next, for a failure.
    pub fn complete(&self, next: &str) -> String {
        self.hints.complete(next)
    }
    /// Several lines for people on stdout, with their ends.
    pub fn text(&mut self, text: &str) {
        if !self.json {
            self.raw(text);
        }
    }
    /// What a command was asked to print, whatever the mode: a schema, completions.
    pub fn raw(&mut self, text: &str) {
        let written = locked(&self.stdout).write_all(text.as_bytes());
        self.note(written);
    }
    /// An object for programs on stdout.
    pub fn object<T: Serialize>(&mut self, kind: &str, body: &T) {
        if self.json {
            let line = json::line(kind, body);
            self.raw(&line);
        }
    }
    pub fn notices(&self) -> Notices {
        Notices { stderr: (!self.json).then(|| self.stderr.clone()), bar: self.bar.clone() }
    }
    /// This bar stands on stderr from now on; what is noticed is told above it.
    pub(super) fn stands(&self, bar: &ProgressBar) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
    }
    /// Text for people on stderr: failures, progress.
    pub fn notice(&mut self, text: &str) {
        if !self.json {
            let written = locked(&self.stderr).write_all(text.as_bytes());
            self.note(written);
        }
    }
    /// Makes what was printed visible now: for commands that stay.
    pub fn flush(&mut self) {
        let flushed = locked(&self.stdout).flush();
        self.note(flushed);
    }
    fn note(&mut self, written: std::io::Result<()>) {
        // A reader that has seen enough (`reissue … | head`) is no error.
        if written.is_err_and(|e| e.kind() != ErrorKind::BrokenPipe) {
            self.broken = true;
        }
    }
    /// Flushes, and turns a success whose output was lost into an error.
    pub fn finish(&mut self, ended: ExitCode) -> ExitCode {
        let flushed = locked(&self.stdout).flush().and(locked(&self.stderr).flush());
        self.note(flushed);
        if self.broken { ended.without_output() } else { ended }
    }
}

/// A panic is a fault in reissue. Its message may hold anything, so only its place is shown.
pub fn hide_panic_values() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(
            std::io::stderr(),
            "error: a fault in reissue itself, at {place}\n  \
             What was under way is in the log; run the same command again to go on.\n  \
             Please report this line: it holds nothing of yours."
        );
    }));
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Keeps what is written, for tests of what is said.
    #[derive(Clone, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        /// The reader's end and the writer's.
        pub(crate) fn new() -> (Self, Self) {
            let kept = Self::default();
            (kept.clone(), kept)
        }
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lost_output_is_an_error() {
        let mut out = Output::to(Box::new(Full), Box::new(std::io::sink()), false);
        out.line("x");
        assert_eq!(out.finish(ExitCode::Done), ExitCode::Error);
        assert_eq!(out.finish(ExitCode::Stuck), ExitCode::Stuck);
    }
}
