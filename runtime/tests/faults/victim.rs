//! A test's part in another process, and the talk with it: line by line, by its standard input and output.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use raddle::Queue;
use rustix::process::{PTracer, Pid, Signal, kill_process, set_parent_process_death_signal, set_ptracer};

/// Which part this process plays, if it is a victim.
const PART: &str = "RADDLE_TEST_VICTIM";

/// Nothing here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process in which the body of a test runs.
pub(crate) struct Victim {
    child: Child,
    /// None: it was told that nothing more comes.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    errors: Option<JoinHandle<String>>,
}

/// Whether this process plays that part; then `body` has run. Each test that has a victim begins with it.
pub(crate) fn is_victim(part: &str, body: impl FnOnce()) -> bool {
    if env::var(PART).is_ok_and(|played| played == part) {
        // It ends with whoever started it, and strace may look at it where only a parent may.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        let _ = set_ptracer(PTracer::Any);
        body();
        return true;
    }
    false
}

impl Victim {
    /// Starts the test of that name, `module_path!()` being where it is, as a victim that plays `part`. `before` is what
    /// runs it: `ip netns exec …`, or nothing.
    pub(crate) fn start(module: &str, test: &str, part: &str, before: &[&str]) -> Victim {
        let exe = env::current_exe().unwrap().into_os_string().into_string().unwrap();
        let path = module.split_once("::").map_or(module, |(_, path)| path);
        let test = format!("{path}::{test}");
        let words = before.iter().copied().chain([&*exe, "--exact", &test, "--nocapture", "--test-threads=1"]);
        let words: Vec<&str> = words.collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env(PART, part);
        // Whoever is traced cannot look for leaks.
        command.env("ASAN_OPTIONS", "detect_leaks=0").env("LSAN_OPTIONS", "detect_leaks=0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Victim {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            errors: Some(errors),
            child,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says a line to it.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        if writeln!(stdin, "{line}").is_err() {
            self.fail(&format!("does not hear {line:?}"));
        }
    }

    /// Waits for the next line that it says, which begins with `word`, and returns the rest.
    #[track_caller]
    pub(crate) fn hear(&mut self, word: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line).unwrap() == 0 {
                self.fail(&format!("ended without a word of {word:?}"));
            }
            // The test harness talks, too.
            let Some((_, said)) = line.split_once("> ") else { continue };
            match said.strip_prefix(word) {
                Some(rest) => return rest.trim().to_owned(),
                None => self.fail(&format!("says {said:?} instead of {word:?}")),
            }
        }
    }

    /// Says a line, and waits for the answer, which begins with the same.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.hear(line)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid() as i32).unwrap(), signal).unwrap();
    }

    /// Tells it that nothing more comes, and sees to it that all it found was in order.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.stdin = None;
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        if !self.child.wait().unwrap().success() {
            self.fail(&format!("fails: {rest}"));
        }
    }

    /// Sees to it that it aborts, and gives what it complains about.
    #[track_caller]
    pub(crate) fn abort(mut self) -> String {
        self.stdin = None;
        let status = self.child.wait().unwrap();
        let errors = self.errors.take().unwrap().join().unwrap();
        assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}\n{errors}");
        errors
    }

    #[track_caller]
    fn fail(&mut self, what: &str) -> ! {
        let _ = self.child.kill();
        let status = self.child.wait();
        let errors = self.errors.take().map(|thread| thread.join().unwrap()).unwrap_or_default();
        panic!("the victim {what} ({status:?})\n{errors}");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a victim says.
pub(crate) fn say(line: impl AsRef<str>) {
    println!("> {}", line.as_ref());
}

/// Waits for what the victim is told next, blocking. None: nothing more comes.
pub(crate) fn heard() -> Option<String> {
    let mut line = String::new();
    (std::io::stdin().read_line(&mut line).unwrap() > 0).then(|| line.trim().to_owned())
}

/// What the victim is told, for tasks. A thread of its own listens from here on.
pub(crate) fn orders() -> Arc<Queue<String>> {
    let orders = Arc::new(Queue::unbounded());
    let queue = orders.clone();
    thread::spawn(move || {
        while let Some(line) = heard() {
            queue.try_put(line).unwrap();
        }
        queue.shutdown();
    });
    orders
}

/// How many sockets this process has. (Workers that start late have files, too, but no sockets.)
pub(crate) fn open_sockets() -> usize {
    let files = fs::read_dir("/proc/self/fd").unwrap();
    let is_socket = |link: PathBuf| link.to_string_lossy().starts_with("socket:");
    files.filter(|file| fs::read_link(file.as_ref().unwrap().path()).is_ok_and(is_socket)).count()
}

/// A connection to the victim that does not wait for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Says something to a server that sends it back.
#[track_caller]
pub(crate) fn echo(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    hear_echo(stream, text);
}

/// Waits for what was said before.
#[track_caller]
pub(crate) fn hear_echo(stream: &mut TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    if let Err(error) = stream.read_exact(&mut bytes) {
        panic!("no echo of {text:?}: {error}");
    }
    assert_eq!(String::from_utf8_lossy(&bytes), text);
}

/// Says, past the capture of the test harness, that a test was not made. Where `RADDLE_FAULTS=all` says that all of them
/// can be, that is a failure.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(
        env::var("RADDLE_FAULTS").as_deref() != Ok("all"),
        "RADDLE_FAULTS=all, but {test} has to be skipped: {why}"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}
