//! The numbers of signals, and their names.

use std::fmt;

use libc::c_int;

/// A signal, by number.
///
/// # Examples
/// ```
/// use raddle::signal::Signal;
///
/// assert_eq!(Signal::TERM.to_string(), "SIGTERM");
/// assert_eq!(Signal::from_raw(2), Signal::INT);
/// assert_eq!(Signal::TERM.as_raw(), 15);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(c_int);

/// Declares the constants, and what they are called.
macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $number:ident;)*) => {
        impl Signal {
            $($(#[$doc])* pub const $name: Signal = Signal(libc::$number);)*

            /// The name in the system's manual, if it has one.
            fn name(self) -> Option<&'static str> {
                match self.0 {
                    $(libc::$number => Some(stringify!($number)),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    /// The terminal is gone; servers take it for "read your configuration again".
    HUP = SIGHUP;
    /// Ctrl-C.
    INT = SIGINT;
    /// Ctrl-\.
    QUIT = SIGQUIT;
    /// An instruction that the processor does not know.
    ILL = SIGILL;
    /// A breakpoint.
    TRAP = SIGTRAP;
    /// The process aborts.
    ABRT = SIGABRT;
    /// Memory that is not there behind its address.
    BUS = SIGBUS;
    /// Arithmetic without a result.
    FPE = SIGFPE;
    /// The end, at once; no program is asked.
    KILL = SIGKILL;
    /// For the program to give a meaning to.
    USR1 = SIGUSR1;
    /// An address that is not the program's.
    SEGV = SIGSEGV;
    /// For the program to give a meaning to.
    USR2 = SIGUSR2;
    /// Writing to a pipe that nobody reads.
    PIPE = SIGPIPE;
    /// The alarm clock of `alarm`.
    ALRM = SIGALRM;
    /// "Please end": what `kill`, service managers and containers send first.
    TERM = SIGTERM;
    /// The coprocessor's stack; not used any more.
    STKFLT = SIGSTKFLT;
    /// A child process ended or stopped.
    CHLD = SIGCHLD;
    /// A stopped process goes on.
    CONT = SIGCONT;
    /// The process is stopped; no program is asked.
    STOP = SIGSTOP;
    /// Ctrl-Z.
    TSTP = SIGTSTP;
    /// A process in the background reads from the terminal.
    TTIN = SIGTTIN;
    /// A process in the background writes to the terminal.
    TTOU = SIGTTOU;
    /// Out-of-band data at a socket.
    URG = SIGURG;
    /// The limit on processor time is reached.
    XCPU = SIGXCPU;
    /// The limit on a file's size is reached.
    XFSZ = SIGXFSZ;
    /// The alarm clock that counts the process's own time.
    VTALRM = SIGVTALRM;
    /// The alarm clock of a profiler.
    PROF = SIGPROF;
    /// The terminal's window has another size.
    WINCH = SIGWINCH;
    /// A file is ready.
    IO = SIGIO;
    /// The power fails.
    PWR = SIGPWR;
    /// A system call that does not exist.
    SYS = SIGSYS;
}

impl Signal {
    /// [`HUP`](Signal::HUP), in full.
    pub const HANGUP: Signal = Signal::HUP;
    /// [`INT`](Signal::INT), in full.
    pub const INTERRUPT: Signal = Signal::INT;
    /// [`TERM`](Signal::TERM), in full.
    pub const TERMINATE: Signal = Signal::TERM;
    /// [`ALRM`](Signal::ALRM), in full.
    pub const ALARM: Signal = Signal::ALRM;
    /// [`CHLD`](Signal::CHLD), in full.
    pub const CHILD: Signal = Signal::CHLD;

    /// The signal of that number, whether the system knows it or not.
    pub const fn from_raw(number: i32) -> Signal {
        Signal(number)
    }

    /// The signal's number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
