//! The inspection of a running program from outside: a thread that answers on a Unix socket.
//!
//! A thread of its own, so that it answers when every worker is stuck, and sleeps when nobody asks. It is there only where
//! it was asked for. Each connection is one question, a line, and one answer, until its end.
//!
//! Who may ask: the program's own user, and root (`inspection_folder.rs`).
//!
//! **What askers can do to the program.** It keeps at most [`MOST_ASKERS`] connections, so they cost it no more files, and
//! at most [`MOST_ANSWERS`] answers, so they cost it a few of its own lists in memory. Nobody is waited for: reads
//! and writes do not block, whoever stands still is sent away, soon if others wait, and where all places are taken,
//! one that has not said anything yet makes room for one that comes. Who asks the same gets the same answer. Answers
//! are made while there is an [`Allowance`]: in the long run a quarter of a core.
//!
//! **What the thread may do to the workers.** It takes no lock for longer than it takes to copy a pointer, but that of
//! an arena's list of chunks, for a page at a time (`task/arena.rs`), which a worker needs to map a mebibyte more.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpid;
use rustix::time::{ClockId, clock_gettime};

use super::asker::Asker;
use super::call_graph::CallGraph;
use super::inspection_folder::{own_folder, prepare, sweep};
use super::summary::Summary;
use crate::scheduler::report::{ExceptionContext, catch, report};
use crate::scheduler::shared::Shared;
use crate::shim::Mutex;
use crate::shim::atomic::{AtomicBool, Ordering};

/// So many connections are kept at a time.
const MOST_ASKERS: usize = 16;
/// So many answers are being written at a time.
const MOST_ANSWERS: usize = 4;
/// After the system has refused a connection.
const REST: Duration = Duration::from_millis(100);

/// The thread; dropping this ends it.
pub(super) struct Inspector {
    path: PathBuf,
    /// The thread sees the other end of this hang up.
    hold: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Inspector {
    /// Starts one for a runtime. The first in a process that cannot be started says so through `on_exception`.
    pub(super) fn start(shared: &Arc<Shared>) -> Option<Inspector> {
        static TOLD: AtomicBool = AtomicBool::new(false);
        Inspector::try_start(shared)
            .inspect_err(|error| {
                // Relaxed: who is first tells.
                if !TOLD.swap(true, Ordering::Relaxed) {
                    let context = ExceptionContext::new("this runtime cannot be inspected from outside");
                    shared.report(&context.with_error(error.to_string()));
                }
            })
            .ok()
    }

    fn try_start(shared: &Arc<Shared>) -> io::Result<Inspector> {
        /// How many there were. Under the lock nobody else of this process is between `bind` and `listen`.
        static RUNTIMES: Mutex<u32> = Mutex::new(0);
        let mut runtimes = RUNTIMES.lock();
        let folder = own_folder();
        prepare(&folder)?;
        sweep(&folder);
        *runtimes += 1;
        let path = folder.join(format!("{}-{}.sock", getpid(), *runtimes));
        // One that an earlier process with this number has left behind.
        _ = fs::remove_file(&path);
        let bound = UnixListener::bind(&path);
        let listener = bound.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        drop(runtimes);
        listener.set_nonblocking(true)?;
        let (hold, held) = UnixStream::pair()?;
        let runtime = Arc::downgrade(shared);
        let thread = thread::Builder::new().name(format!("{}-inspect", shared.config.name));
        let thread = thread.spawn(move || Desk::new(&listener, &held, &runtime).serve())?;
        Ok(Inspector { path, hold: Some(hold), thread: Some(thread) })
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.path);
        drop(self.hold.take());
        // A panic of it was caught, and reported.
        _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Where questions are asked.
struct Desk<'a> {
    listener: &'a UnixListener,
    held: &'a UnixStream,
    runtime: &'a Weak<Shared>,
    askers: Vec<Asker>,
    /// The system has refused a connection: not before this is it asked for the next.
    resting: Option<Instant>,
    allowance: Allowance,
    began: Instant,
}

impl<'a> Desk<'a> {
    fn new(listener: &'a UnixListener, held: &'a UnixStream, runtime: &'a Weak<Shared>) -> Desk<'a> {
        let now = Instant::now();
        Desk { listener, held, runtime, askers: Vec::new(), resting: None, allowance: Allowance::new(now), began: now }
    }

    fn serve(&mut self) {
        loop {
            let (is_called, moved) = match self.wait() {
                Ok(Woken { hung_up: true, .. }) => return,
                Ok(Woken { is_called, moved, .. }) => (is_called, moved),
                Err(_) => continue,
            };
            let now = Instant::now();
            let mut moved = moved.into_iter();
            let are_others_waiting = self.is_full();
            self.askers.retain_mut(|asker| {
                let stays = if moved.next() == Some(true) { asker.move_on(now) } else { true };
                let is_in_the_way = are_others_waiting && asker.stands_still().is_some_and(|then| then <= now);
                stays && !is_in_the_way && now < asker.deadline()
            });
            if is_called {
                self.accept(now);
            }
            let Some(shared) = self.runtime.upgrade() else { return };
            self.answer(&shared);
        }
    }

    /// Sleeps until there is something to do.
    fn wait(&self) -> io::Result<Woken> {
        let now = Instant::now();
        let takes_more = self.resting.is_none_or(|until| until <= now) && self.has_room();
        let listens = if takes_more { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = vec![PollFd::new(self.held, PollFlags::IN), PollFd::new(self.listener, listens)];
        fds.extend(self.askers.iter().map(Asker::poll_fd));
        let deadlines = self.askers.iter().map(Asker::deadline).chain(self.resting.filter(|until| *until > now));
        let in_the_way = self.askers.iter().filter_map(Asker::stands_still).filter(|_| self.is_full());
        let turn = self.next_turn().then(|| self.allowance.next(now)).flatten();
        let timeout = deadlines.chain(in_the_way).chain(turn).min().map(|then| {
            let left = then.saturating_duration_since(now) + Duration::from_millis(1);
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() }
        });
        poll(&mut fds, timeout.as_ref())?;
        Ok(Woken {
            hung_up: !fds[0].revents().is_empty(),
            is_called: takes_more && !fds[1].revents().is_empty(),
            moved: fds[2..].iter().map(|fd| !fd.revents().is_empty()).collect(),
        })
    }

    /// Whether one more can come: there is a place, or somebody who has said nothing has one.
    fn has_room(&self) -> bool {
        self.askers.len() < MOST_ASKERS || self.askers.iter().any(Asker::is_asking)
    }

    fn accept(&mut self, now: Instant) {
        self.resting = None;
        if self.askers.len() >= MOST_ASKERS
            && let Some(silent) = self.askers.iter().position(Asker::is_asking)
        {
            // The one that came first makes room, before there is one more.
            self.askers.remove(silent);
        }
        match self.listener.accept() {
            Ok((stream, _)) => self.askers.extend(Asker::new(stream, now)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // For want of files, say, of which the program needs its own.
            Err(_) => self.resting = Some(now + REST),
        }
    }

    fn is_waited(&self) -> bool {
        self.askers.iter().any(|asker| asker.question().is_some())
    }

    /// How many answers are being told.
    fn answers(&self) -> usize {
        let answers: HashSet<_> = self.askers.iter().filter_map(Asker::answer).collect();
        answers.len()
    }

    /// Whether somebody waits for an answer and may get it.
    fn next_turn(&self) -> bool {
        self.is_waited() && self.answers() < MOST_ANSWERS
    }

    /// Whether somebody waits for an answer, and those who have theirs are in the way.
    fn is_full(&self) -> bool {
        self.is_waited() && self.answers() >= MOST_ANSWERS
    }

    /// Answers the question of whoever waits longest, to all who have asked the same.
    fn answer(&mut self, shared: &Shared) {
        while self.next_turn() && self.allowance.is_left(Instant::now()) {
            let question = self.askers.iter().find_map(Asker::question).unwrap_or_default().to_owned();
            let answer = catch(|| self.answer_to(&question, shared)).map_err(|panic| {
                let context = ExceptionContext::new("the inspection panicked").with_panic(panic.message());
                report(shared.config.on_exception.as_ref(), &context);
            });
            let (answer, now) = (answer.map(Arc::<str>::from), Instant::now());
            self.askers.retain_mut(|asker| match &answer {
                _ if asker.question() != Some(&question) => true,
                Ok(answer) => asker.tell(answer.clone(), now),
                Err(()) => false,
            });
        }
    }

    fn answer_to(&self, question: &str, shared: &Shared) -> String {
        match question {
            "ps" => CallGraph::of(shared, 0).list(),
            "pstree" => CallGraph::of(shared, 0).to_string(),
            "json" => CallGraph::of(shared, 0).to_json(),
            "top" => Summary::of(shared).to_json(self.began.elapsed(), processor_time()),
            other => format!("no such question: {}; there are ps, pstree, json and top\n", other.escape_debug()),
        }
    }
}

/// Why a wait is over.
struct Woken {
    hung_up: bool,
    /// Somebody wants to be let in.
    is_called: bool,
    /// Of each asker whether it can move on.
    moved: Vec<bool>,
}

/// How much processor time may go into answers: a second at once, and a quarter of a core in the long run.
struct Allowance {
    left: f64,
    /// When that was, and the thread's processor time by then.
    seen: (Instant, Duration),
}

impl Allowance {
    const MOST: f64 = 1.0;
    const SHARE: f64 = 0.25;

    fn new(now: Instant) -> Allowance {
        Allowance { left: Allowance::MOST, seen: (now, Duration::ZERO) }
    }

    fn is_left(&mut self, now: Instant) -> bool {
        let used = processor_time();
        let (then, used_then) = std::mem::replace(&mut self.seen, (now, used));
        let earned = Allowance::SHARE * now.saturating_duration_since(then).as_secs_f64();
        let spent = used.saturating_sub(used_then).as_secs_f64();
        self.left = (self.left + earned).min(Allowance::MOST) - spent;
        self.left > 0.0
    }

    /// When there is something left again, if there is not.
    fn next(&self, now: Instant) -> Option<Instant> {
        let missing = (-self.left).max(0.0) / Allowance::SHARE;
        Some(now.max(self.seen.0 + Duration::from_secs_f64(missing)))
    }
}

/// What this thread has used.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}
