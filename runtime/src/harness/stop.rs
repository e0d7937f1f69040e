//! Asking tasks to stop, and the second look of those who create tasks meanwhile.
//!
//! A task inherits STOP from its creator, and whoever asks sets the creator's STOP and then walks the live tasks. The
//! feared interleaving: the creator looks, the walk goes by, and the newborn is published after it. So a creator looks
//! again when a poll in which it created something is over, or its future has been dropped, by a read-modify-write of its
//! own word. `State::stop` is one of the same word: either it came first and is seen here, or it acquires all births of
//! that poll for its walk. (The second look belongs to the poll and not to each birth because a read-modify-write waits
//! for the stores to the new slot, which by the end of the poll have left.)

use std::collections::HashSet;

use super::join::release_walked;
use super::runtime_of;
use crate::scheduler::worker::Worker;
use crate::task::header::TaskRef;

/// After a poll, or the drop of a future, in which tasks may have been born without having been asked.
#[inline]
pub(super) fn look_again(worker: &Worker, creator: TaskRef) {
    if worker.take_born_unasked() && creator.state().is_stopping_after_birth() {
        stop_tree(creator);
    }
}

/// Asks one task and all its descendants to stop. False: it has ended already.
pub(crate) fn stop_tree(task: TaskRef) -> bool {
    if task.state().is_complete() {
        return false;
    }
    mark(task);
    let Some(shared) = runtime_of(task) else { return false };
    let mut alive = Vec::new();
    shared.walk(|task| alive.push(task));
    // Numbers are dealt to workers in blocks, so a child's may be smaller than its parent's: until nothing changes.
    let mut family = HashSet::from([task.header().id]);
    loop {
        let known = family.len();
        family.extend(
            alive
                .iter()
                .filter(|task| task.parent().is_some_and(|parent| family.contains(&parent)))
                .map(|task| task.header().id)
                .collect::<Vec<_>>(),
        );
        if family.len() == known {
            break;
        }
    }
    for task in alive {
        if family.contains(&task.header().id) {
            mark(task);
        }
        release_walked(task);
    }
    true
}

/// Asks one task to stop. True: for the first time.
pub(crate) fn mark(task: TaskRef) -> bool {
    let first = task.state().stop();
    if first && let Some(side) = task.side() {
        side.take_stop_waiters().into_iter().for_each(|waker| waker.wake());
    }
    first
}
