//! Which signal.

use std::fmt;

/// A signal, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $number:ident,)+) => {
        impl Signal {
            $($(#[$doc])* pub const $name: Signal = Signal(libc::$number);)+
        }

        /// `SIGINT` and the like, where the number has a name here.
        fn name_of(signal: Signal) -> Option<&'static str> {
            match signal {
                $(Signal::$name => Some(stringify!($number)),)+
                _ => None,
            }
        }
    };
}

signals! {
    /// The terminal is gone; servers read their configuration again.
    HANGUP = SIGHUP,
    /// Ctrl-C.
    INTERRUPT = SIGINT,
    /// Ctrl-\.
    QUIT = SIGQUIT,
    /// Please end.
    TERMINATE = SIGTERM,
    /// For the program's own use.
    USER1 = SIGUSR1,
    /// For the program's own use.
    USER2 = SIGUSR2,
    /// A timer of the system.
    ALARM = SIGALRM,
    /// A child process changed its state.
    CHILD = SIGCHLD,
    /// Continued after a stop.
    CONTINUE = SIGCONT,
    /// A pipe without a reader was written to.
    PIPE = SIGPIPE,
    /// Stop, from the terminal (Ctrl-Z).
    TERMINAL_STOP = SIGTSTP,
    /// The terminal has another size.
    WINDOW_CHANGE = SIGWINCH,
    /// An end that cannot be caught.
    KILL = SIGKILL,
    /// A stop that cannot be caught.
    STOP = SIGSTOP,
    /// A bad memory access.
    SEGMENTATION_FAULT = SIGSEGV,
    /// A bad instruction.
    ILLEGAL = SIGILL,
    /// A bad calculation.
    FLOATING_POINT = SIGFPE,
}

/// One more than the highest number there is on Linux.
pub(super) const NUMBERS: usize = 65;

impl Signal {
    /// The signal with this number.
    ///
    /// # Panics
    /// When there is none: numbers go from 1 to 64.
    #[track_caller]
    pub const fn from_raw(number: i32) -> Signal {
        assert!(number >= 1 && number <= 64, "a signal's number is from 1 to 64");
        Signal(number)
    }

    /// Its number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// Whether a program may listen to it.
    pub(super) fn can_be_caught(self) -> bool {
        ![Signal::KILL, Signal::STOP, Signal::SEGMENTATION_FAULT, Signal::ILLEGAL, Signal::FLOATING_POINT]
            .contains(&self)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name_of(*self) {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_goes_by_its_name() {
        assert_eq!(Signal::INTERRUPT.to_string(), "SIGINT");
        assert_eq!(format!("{:?}", Signal::from_raw(50)), "signal 50");
        assert_eq!(Signal::from_raw(Signal::USER1.as_raw()), Signal::USER1);
    }
}
