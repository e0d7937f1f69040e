//! What a future waits for, told to whoever polls it.
//!
//! A future at the bottom of an await leaves a **note** in a thread-local when it is about to say `Pending`: what kind of
//! wait, on which object, from which line. The worker wipes the place before each poll, takes the note after one that
//! said `Pending`, and keeps it with the task: no lock, no clock, no allocation, two stores per wait.
//!
//! There is one place. Where a poll leaves several notes (of futures side by side), the last one stands; a timer gives
//! way to the others, since it mostly limits how long they may take.

use std::cell::Cell;
use std::panic::Location;

/// What kind of wait it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Of a kind that this version does not know.
    Unknown,
    /// A point in time.
    Sleep,
    /// A file descriptor that has something to read.
    Readable,
    /// A file descriptor that has room to write.
    Writable,
    /// `Lock::lock`; its object is told by [`Note::object`]'s giver.
    Lock,
    /// `Mutex::lock`; its object as with `Lock`.
    Mutex,
    /// `RwLock::read`.
    RwLockRead,
    /// `RwLock::write`.
    RwLockWrite,
    /// Permits of a semaphore.
    Semaphore,
    /// `Event::wait`.
    Event,
    /// `Condition::wait`.
    Condition,
    /// `Barrier::wait`.
    Barrier,
    /// `OnceCell::get_or_init`.
    OnceCell,
    /// `Queue::put`.
    QueuePut,
    /// `Queue::get`.
    QueueGet,
    /// `Queue::join`.
    QueueJoin,
    /// `Sender::send`.
    ChannelSend,
    /// `Receiver::recv`.
    ChannelRecv,
    /// The value of a promise.
    Promise,
    /// `Promise::abandoned`.
    PromiseAbandoned,
    /// `BroadcastReceiver::recv`.
    Broadcast,
    /// `WatchReceiver::changed` or `wait_for`.
    Watch,
    /// The end of a task; its object is the task's number.
    Task,
    /// The ends of a group's tasks.
    Group,
    /// A call on a blocking thread.
    ToThread,
    /// A signal.
    Signal,
    /// A `StreamReader`'s reads.
    StreamRead,
    /// `StreamWriter::drain`.
    StreamDrain,
    /// `StreamWriter::wait_closed`.
    StreamClosed,
    /// Async cleanup.
    Cleanup,
    /// `wait`.
    Wait,
    /// `AsCompleted::next`.
    AsCompleted,
    /// `TaskGroup::start`.
    GroupStart,
    /// `stop_requested`.
    Stop,
    /// A file, or a directory.
    File,
    /// The end of a child process, or what it says; its object is its number.
    Process,
    /// A name that is looked up.
    Lookup,
    /// A connection that is being made.
    Connect,
    /// The process's standard input.
    Stdin,
    /// The process's standard output, or error.
    Stdout,
    /// A handshake of TLS.
    Handshake,
}

impl Kind {
    /// All of them, in the order of their numbers.
    const ALL: [Kind; 41] = [
        Kind::Unknown,
        Kind::Sleep,
        Kind::Readable,
        Kind::Writable,
        Kind::Lock,
        Kind::Mutex,
        Kind::RwLockRead,
        Kind::RwLockWrite,
        Kind::Semaphore,
        Kind::Event,
        Kind::Condition,
        Kind::Barrier,
        Kind::OnceCell,
        Kind::QueuePut,
        Kind::QueueGet,
        Kind::QueueJoin,
        Kind::ChannelSend,
        Kind::ChannelRecv,
        Kind::Promise,
        Kind::PromiseAbandoned,
        Kind::Broadcast,
        Kind::Watch,
        Kind::Task,
        Kind::Group,
        Kind::ToThread,
        Kind::Signal,
        Kind::StreamRead,
        Kind::StreamDrain,
        Kind::StreamClosed,
        Kind::Cleanup,
        Kind::Wait,
        Kind::AsCompleted,
        Kind::GroupStart,
        Kind::Stop,
        Kind::File,
        Kind::Process,
        Kind::Lookup,
        Kind::Connect,
        Kind::Stdin,
        Kind::Stdout,
        Kind::Handshake,
    ];

    /// Whether there is nothing to tell what is waited for from others of its kind.
    #[must_use]
    pub fn has_no_object(self) -> bool {
        matches!(
            self,
            Kind::Unknown
                | Kind::Sleep
                | Kind::ToThread
                | Kind::Signal
                | Kind::Cleanup
                | Kind::Wait
                | Kind::AsCompleted
                | Kind::GroupStart
                | Kind::Stop
                | Kind::File
                | Kind::Lookup
                | Kind::Stdin
                | Kind::Stdout
                | Kind::Handshake
        )
    }

    /// The operation, as its user calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Unknown => "something",
            Kind::Sleep => "sleep",
            Kind::Readable => "readable fd",
            Kind::Writable => "writable fd",
            Kind::Lock => "Lock::lock",
            Kind::Mutex => "Mutex::lock",
            Kind::RwLockRead => "RwLock::read",
            Kind::RwLockWrite => "RwLock::write",
            Kind::Semaphore => "Semaphore::acquire",
            Kind::Event => "Event::wait",
            Kind::Condition => "Condition::wait",
            Kind::Barrier => "Barrier::wait",
            Kind::OnceCell => "OnceCell::get_or_init",
            Kind::QueuePut => "Queue::put",
            Kind::QueueGet => "Queue::get",
            Kind::QueueJoin => "Queue::join",
            Kind::ChannelSend => "Sender::send",
            Kind::ChannelRecv => "Receiver::recv",
            Kind::Promise => "promise",
            Kind::PromiseAbandoned => "Promise::abandoned",
            Kind::Broadcast => "BroadcastReceiver::recv",
            Kind::Watch => "WatchReceiver::changed",
            Kind::Task => "task",
            Kind::Group => "task_group",
            Kind::ToThread => "to_thread",
            Kind::Signal => "signal",
            Kind::StreamRead => "StreamReader::read",
            Kind::StreamDrain => "StreamWriter::drain",
            Kind::StreamClosed => "StreamWriter::wait_closed",
            Kind::Cleanup => "cleanup",
            Kind::Wait => "wait",
            Kind::AsCompleted => "AsCompleted::next",
            Kind::GroupStart => "TaskGroup::start",
            Kind::Stop => "stop_requested",
            Kind::File => "file",
            Kind::Process => "Child::wait",
            Kind::Lookup => "lookup_host",
            Kind::Connect => "connect",
            Kind::Stdin => "stdin",
            Kind::Stdout => "stdout",
            Kind::Handshake => "TLS handshake",
        }
    }
}

/// What was noted: in `what`, from the lowest bit, 8 bits of kind and 32 of object; the other 24 are free for whoever
/// keeps the note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line that waits; [`NOWHERE`] where none is known.
    pub at: &'static Location<'static>,
    /// Kind and object.
    pub what: u64,
}

/// So many bits of [`Note::what`] are in use.
pub const BITS: u32 = 40;

/// Stands for a line that is not known.
pub static NOWHERE: &Location<'static> = Location::caller();

impl Note {
    #[inline]
    fn new(kind: Kind, object: u32, at: &'static Location<'static>) -> Note {
        Note { at, what: u64::from(object) << 8 | kind as u64 }
    }

    /// What kind of wait it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::ALL.get((self.what & 0xff) as usize).copied().unwrap_or(Kind::Unknown)
    }

    /// What is waited for: a number that tells it from others of its kind, 0 where there is nothing to tell.
    #[must_use]
    pub fn object(&self) -> u32 {
        (self.what >> 8) as u32
    }
}

thread_local! {
    static NOTED: Cell<Option<Note>> = const { Cell::new(None) };
}

/// Leaves a note. The future says `Pending` next.
#[inline]
pub fn note(kind: Kind, object: u32, at: &'static Location<'static>) {
    NOTED.set(Some(Note::new(kind, object, at)));
}

/// As [`note`], unless there is one.
#[inline]
pub fn note_if_none(kind: Kind, object: u32, at: &'static Location<'static>) {
    if noted().is_none() {
        note(kind, object, at);
    }
}

/// Makes the note that a future inside has just left one of another kind.
#[inline]
pub fn note_as(kind: Kind) {
    if let Some(note) = noted() {
        NOTED.set(Some(Note { what: note.what & !0xff | kind as u64, ..note }));
    }
}

/// Gives the note that a future inside has just left another line.
#[inline]
pub fn note_at(at: &'static Location<'static>) {
    if let Some(note) = noted() {
        NOTED.set(Some(Note { at, ..note }));
    }
}

/// As [`note_at`], where no line is known.
#[inline]
pub fn note_at_if_nowhere(at: &'static Location<'static>) {
    if let Some(note) = noted()
        && std::ptr::eq(note.at, NOWHERE)
    {
        NOTED.set(Some(Note { at, ..note }));
    }
}

/// Runs what is looked at beside something else: what it notes gives way to what was noted before.
#[inline]
pub fn aside<R>(f: impl FnOnce() -> R) -> R {
    let before = noted();
    let value = f();
    if before.is_some() {
        NOTED.set(before);
    }
    value
}

/// Wipes the place. A worker calls it before each poll.
#[inline]
pub fn clear() {
    NOTED.set(None);
}

/// What the poll has noted by now.
#[inline]
#[must_use]
pub fn noted() -> Option<Note> {
    NOTED.get()
}

/// A number for an object, from its address. Two that are far apart in memory may share one.
#[inline]
#[must_use]
pub fn object<T: ?Sized>(object: &T) -> u32 {
    (std::ptr::from_ref(object).cast::<()>().addr() >> 3) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_numbers() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            let note = Note::new(kind, u32::MAX, NOWHERE);
            assert_eq!((note.kind(), note.object()), (kind, u32::MAX));
            assert_eq!(note.what >> BITS, 0);
        }
    }

    #[test]
    fn the_last_note_stands_and_a_timer_gives_way() {
        clear();
        note_if_none(Kind::Sleep, 0, NOWHERE);
        assert_eq!(noted().unwrap().kind(), Kind::Sleep);
        note(Kind::QueueGet, 7, NOWHERE);
        note_if_none(Kind::Sleep, 0, NOWHERE);
        note_as(Kind::ChannelRecv);
        let here = Location::caller();
        note_at_if_nowhere(here);
        note_at_if_nowhere(NOWHERE);
        aside(|| note(Kind::Event, 8, NOWHERE));
        let found = noted().unwrap();
        assert_eq!((found.kind(), found.object(), found.at), (Kind::ChannelRecv, 7, here));
        clear();
        aside(|| note(Kind::Event, 8, NOWHERE));
        assert_eq!(noted().unwrap().kind(), Kind::Event);
    }
}
