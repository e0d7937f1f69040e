//! Who moves a virtual clock, and when: the last worker to park, when nothing can run.
//!
//! # The protocol
//!
//! A worker that finds nothing to do announces its park in the idle word, looks at the queues once more, and then asks
//! ([`move_on`]), under the lock of the clock, whether it is the last:
//!
//! ```text
//!   every worker                                  the last one, under the lock
//!   announce                                      all parked?           no -> sleep
//!   look at the queues                            begin: readers of the clock wait
//!   move_on                                       a job, an event, a task queued?  yes -> sleep
//!   sleep; events stay where they are             earliest deadline     none -> sleep
//!   get up: leave, under the lock                 move the clock there, take out what is due
//!   fetch the events                              leave; give the lock back; fire
//! ```
//!
//! PARKED of the idle word counts workers that are parked or unstarted, and none that is claimed: a worker that was woken
//! or is being started, and has not run yet, holds time still, and so does one that is stuck in a poll, or searches, or is
//! frozen between two runs. What a parked worker did before is seen by who reads its announcement.
//!
//! # What is feared, and why it cannot happen
//!
//! * *A worker leaves its park between the look and the move.* It leaves under the lock, which the mover holds; a worker
//!   that is being started passes the lock once before it runs ([`start`]). So while somebody looks and moves, no worker
//!   takes a task, fetches an event or inserts a timer.
//! * *An event is in the hands of a worker that still counts as parked.* None is fetched before the worker has left. Until
//!   then it is in the epoll, where the mover sees it.
//! * *A worker was claimed and has not come to run.* PARKED went down with the claim, and goes up again when it parks.
//! * *A thread outside pushes a task after the look.* It cannot be told from a push after the move: see
//!   `virtual_clock.rs`.
//! * *A blocking call ends after the look at the jobs,* and the task that it woke is not seen. It queues the task first and
//!   is counted as ended then; the mover looks at the jobs first and at the queues last.
//! * *A timer is inserted that is earlier than where the clock moves to.* By a worker: it is not parked. By a thread outside
//!   that waits for a future: it is inserted after the move, if the mover has not seen it, and is due at once. Who armed its
//!   timers for ever before it announced itself is unparked by the inserter, and asks again.
//! * *Nobody asks again.* Whoever was not parked, or was claimed, when somebody looked will park, and ask. A job that ends,
//!   or waits for its runtime, and whoever wants the clock moved by hand, unpark a worker afterwards. An event, or an
//!   unpark, that the mover saw ends the sleep of its worker. A claim of one worker that finds it gone gives its token back
//!   and looks at the worker's bit again: is that set, it claims the worker after all.
//!
//! The time moves from deadline to deadline until there is one at which something is due: a wheel names moments at which it
//! only sorts.
//!
//! The mover fires the timers of all workers itself, as a rescuer would: in the order of their deadlines, those of equal
//! deadlines by worker and then in the order of their making. Waking each owner to fire its own would cost a switch of
//! threads for most jumps, and fire those of one millisecond in any order.
//!
//! Rejected: a count of its own for who is awake (every wake-up from outside would have to raise it, on real clocks as
//! well), and a thread that decides (two switches for every jump).

use std::task::Waker;

use raddle_io::virtual_clock::VirtualClock;

use super::idle::{Idle, Left};

/// What a mover looks at: a runtime, or a model of one.
pub(crate) trait House {
    /// How many workers are claimed and will not run, since they could not be started.
    fn unstartable(&mut self) -> usize;
    /// Whether a blocking call or a name lookup is at work, or about to be, and does not wait for this runtime.
    fn has_jobs(&mut self) -> bool;
    /// Whether a worker's reactor has an event or an unpark that nobody has fetched.
    fn has_news(&mut self) -> bool;
    /// Whether a task is in a queue.
    fn has_queued(&mut self) -> bool;
    /// The earliest deadline, of the timers of all workers.
    fn next_deadline(&mut self) -> Option<u64>;
    /// Takes out the timers that are due by now. False: there are none.
    fn take_due(&mut self, now_ns: u64) -> bool;
}

/// A worker that is being started is about to run.
pub(crate) fn start(clock: &VirtualClock) {
    drop(clock.hold());
}

/// The park of `worker` ends, by its own thread, before it has looked at anything.
pub(crate) fn get_up(clock: &VirtualClock, idle: &Idle, worker: usize) -> Left {
    let _held = clock.hold();
    idle.leave(worker)
}

/// By a worker that has announced its park and found nothing: moves the time, if nothing can run.
///
/// Some: the worker has left its park, and fires what was taken out and wakes who `arrived`. None: it sleeps.
pub(crate) fn move_on(
    clock: &VirtualClock,
    (idle, worker): (&Idle, usize),
    house: &mut impl House,
    arrived: &mut Vec<Waker>,
) -> Option<Left> {
    let mut held = clock.hold();
    if !idle.are_all_parked_but(house.unstartable()) {
        return None;
    }
    held.begin();
    // In this order: see above.
    if house.has_jobs() || house.has_news() || house.has_queued() {
        return None;
    }
    loop {
        let to_ns = held.next(house.next_deadline())?;
        let now_ns = held.move_to(to_ns);
        if house.take_due(now_ns) {
            break;
        }
        held.arrive(arrived);
        if !arrived.is_empty() {
            break;
        }
    }
    Some(idle.leave(worker))
}
