//! No operation loses anything when its future is dropped, whichever poll it was dropped at.
//!
//! Each leaf is an operation with the smallest world around it, in the file of its family; `driver` drops it everywhere.
//! A new operation needs an `impl Leaf` and a line below.

#[path = "cancel_safety/channels.rs"]
mod channels;
#[path = "cancel_safety/conditions.rs"]
mod conditions;
#[path = "cancel_safety/driver.rs"]
mod driver;
#[path = "cancel_safety/locks.rs"]
mod locks;
#[path = "cancel_safety/meetings.rs"]
mod meetings;
#[path = "cancel_safety/promises.rs"]
mod promises;
#[path = "cancel_safety/queues.rs"]
mod queues;
mod sync_by_hand;

use driver::every_drop;
use raddle::{LifoQueue, PriorityQueue, Queue};

/// One test per leaf, which names what is dropped.
macro_rules! dropped_at_every_poll {
    ($($name:ident: $leaf:ty,)*) => {
        $(#[test]
        fn $name() {
            every_drop::<$leaf>();
        })*
    };
}

dropped_at_every_poll! {
    mutex_lock: locks::MutexLock,
    mutex_lock_owned: locks::MutexLockOwned,
    lock_lock: locks::PlainLock,
    rwlock_read_and_read: locks::ReadAndRead,
    rwlock_write_and_read: locks::WriteAndRead,
    rwlock_write_and_read_beside_reader: locks::WriteAndReadBesideReader,
    rwlock_write_and_write: locks::WriteAndWrite,
    semaphore_acquire: locks::Acquire,
    semaphore_acquire_owned: locks::AcquireOwned,
    semaphore_acquire_many_and_one: locks::AcquireManyAndOne,
    semaphore_acquire_too_many_and_one: locks::AcquireTooManyAndOne,
    bounded_semaphore_acquire: locks::AcquireBounded,
    event_wait: meetings::EventSet,
    event_wait_until_set_and_cleared: meetings::EventSetAndClear,
    barrier_wait_for_two: meetings::BarrierForTwo,
    barrier_wait_for_three: meetings::BarrierForThree,
    barrier_wait_until_reset: meetings::BarrierReset,
    once_cell_get_or_init: meetings::GetOrInit,
    once_cell_get_or_init_until_set: meetings::GetOrInitUntilSet,
    once_cell_get_or_try_init: meetings::GetOrTryInit,
    condition_wait: conditions::Wait,
    condition_wait_and_relock: conditions::WaitAndRelock,
    condition_wait_for_all: conditions::WaitForAll,
    condition_wait_owned: conditions::WaitOwned,
    condition_wait_for: conditions::WaitFor,
    queue_get_one: queues::GetOne<Queue<queues::Item>>,
    queue_get: queues::Get<Queue<queues::Item>>,
    queue_put: queues::Put<Queue<queues::Item>>,
    queue_join: queues::Join<Queue<queues::Item>>,
    queue_get_job: queues::GetJob<Queue<queues::Item>>,
    queue_get_until_shutdown: queues::GetUntilShutdown<Queue<queues::Item>>,
    queue_put_until_shutdown: queues::PutUntilShutdown<Queue<queues::Item>>,
    priority_queue_get_one: queues::GetOne<PriorityQueue<queues::Item>>,
    priority_queue_get: queues::Get<PriorityQueue<queues::Item>>,
    priority_queue_put: queues::Put<PriorityQueue<queues::Item>>,
    priority_queue_join: queues::Join<PriorityQueue<queues::Item>>,
    priority_queue_get_job: queues::GetJob<PriorityQueue<queues::Item>>,
    lifo_queue_get_one: queues::GetOne<LifoQueue<queues::Item>>,
    lifo_queue_get: queues::Get<LifoQueue<queues::Item>>,
    lifo_queue_put: queues::Put<LifoQueue<queues::Item>>,
    lifo_queue_join: queues::Join<LifoQueue<queues::Item>>,
    lifo_queue_get_job: queues::GetJob<LifoQueue<queues::Item>>,
    pending_that_is_kept: promises::PendingKept,
    pending_that_is_dropped: promises::PendingDropped,
    pending_that_is_abandoned: promises::PendingAbandoned,
    promise_abandoned: promises::PromiseAbandoned,
    channel_recv: channels::RecvOne,
    channel_send: channels::SendOne,
    channel_recv_until_closed: channels::RecvUntilClosed,
    channel_closed: channels::Closed,
    broadcast_recv: channels::Broadcast,
    watch_changed: channels::Changed,
    watch_wait_for: channels::WaitFor,
}
