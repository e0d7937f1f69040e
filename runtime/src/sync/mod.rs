//! Synchronization: fair, cancel-safe, usable under any executor and from any thread.
//!
//! Whoever waits longest is served first, by direct hand-over: an unlock gives the lock to the first waiter, a put
//! promises its item to the first getter, and nobody who comes later overtakes. A future that is dropped while it
//! waits, or after its turn came and before it took it, passes the turn on. Nothing here knows tasks, workers or the
//! reactor: a [`Waker`](std::task::Waker) is all that these files have heard of, so the loom models run over them as
//! they are.
//!
//! `waiters` is the one queue of waiting futures; `lock`, `permits`, `event`, `condition`, `barrier`, `once_cell`,
//! `queue_state` (under `channel`, too), `broadcast_state` and `watch_state` keep theirs under a short lock of their own,
//! and no foreign code (a waker, a value's `Drop`) runs under it. `mutex`, `rwlock` and `promise` hold values in cells
//! and are the only files here with unsafe code.

mod barrier;
#[cfg(not(raddle_loom))]
mod bell;
mod bounded_semaphore;
mod broadcast;
mod broadcast_state;
mod channel;
mod channel_error;
mod channel_futures;
mod condition;
mod condition_guard;
mod coop;
mod event;
mod holder;
mod lock;
mod mutex;
mod once_cell;
mod ordered_queues;
mod permits;
mod promise;
mod queue;
mod queue_error;
mod queue_futures;
mod queue_job;
mod queue_state;
mod rwlock;
mod semaphore;
mod semaphore_owned;
mod waiters;
mod watch;
mod watch_futures;
mod watch_state;

pub use barrier::{Barrier, BarrierTurn, BarrierWait, BrokenBarrier};
#[cfg(not(raddle_loom))]
pub(crate) use bell::{Bell, BellWait};
pub use bounded_semaphore::{BoundedPermit, BoundedSemaphore, BoundedSemaphoreAcquire};
pub use broadcast::{BroadcastReceiver, BroadcastRecv, BroadcastSender, broadcast};
pub use channel::{Receiver, Sender, channel};
pub use channel_error::{BroadcastTryRecvError, RecvError, SendError, TryRecvError, TrySendError, WatchClosed};
pub use channel_futures::{ChannelClosed, ChannelRecv, ChannelSend};
pub use condition::{Condition, ConditionWait, ConditionWaitFor};
pub use condition_guard::ConditionGuard;
pub use event::{Event, EventWait};
#[cfg(not(raddle_loom))]
pub(crate) use holder::holder_of;
pub use lock::{Lock, LockAcquire, LockGuard};
pub use mutex::{Mutex, MutexGuard, MutexLock};
#[cfg(not(raddle_loom))]
pub use mutex::{MutexLockOwned, OwnedMutexGuard};
pub use once_cell::OnceCell;
pub use ordered_queues::{Heap, LifoQueue, PriorityQueue, Stack};
pub use promise::{Abandoned, Pending, Promise, PromiseAbandoned, promise};
pub use queue::Queue;
pub use queue_error::{PutError, QueueShutDown, TryGetError, TryPutError};
pub use queue_futures::{Get, Join, Put};
pub use queue_job::{GetJob, Job};
pub use queue_state::Store;
pub use rwlock::{RwLock, RwLockRead, RwLockReadGuard, RwLockWrite, RwLockWriteGuard};
pub use semaphore::{Permit, Semaphore, SemaphoreAcquire};
#[cfg(not(raddle_loom))]
pub use semaphore_owned::{OwnedPermit, SemaphoreAcquireOwned};
pub use watch::{WatchReceiver, WatchRef, WatchSender, watch};
pub use watch_futures::{WatchChanged, WatchWaitFor};
