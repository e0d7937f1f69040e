//! What a workload may ask of a runtime, so that each is written once and all runtimes do the same work.
//!
//! Every method is a direct call of the runtime's own function; nothing is boxed and nothing is dynamic, so that a row
//! measures the runtime and not this trait.

mod bare;
mod raddle;
mod smol;
mod tokio;

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::ops::DerefMut;
use std::time::Duration;

pub use self::bare::Bare;
pub use self::raddle::Raddle;
pub use self::smol::Smol;
pub use self::tokio::{Flavor, Tokio};

/// What goes through a broadcast or a watch.
pub trait Message: Copy + Send + Sync + 'static {}

impl<T: Copy + Send + Sync + 'static> Message for T {}

/// A live runtime. Nothing of it runs outside of `in_main` and `in_task`, so it does not disturb the other one.
pub trait Engine: Sized + 'static {
    const NAME: &'static str;

    type Task<T: Send + 'static>: Future<Output = T> + Send + 'static;
    type Promise<T: Send + 'static>: Send + 'static;
    type Pending<T: Send + 'static>: Future<Output = T> + Send + 'static;
    type Remote: Clone + Send + 'static;
    type Sender<T: Send + 'static>: Clone + Send + Sync + 'static;
    type Receiver<T: Send + 'static>: Send + 'static;
    type Mutex<T: Send + 'static>: Send + Sync + 'static;
    type Semaphore: Send + Sync + 'static;
    type Event: Send + Sync + 'static;
    type News<T: Message>: Send + 'static;
    type Reader<T: Message>: Send + 'static;
    type Changer<T: Message>: Send + 'static;
    type Watcher<T: Message>: Send + 'static;
    type Stream: Send + 'static;

    /// What another runtime of the same kind and size is built from, on whatever thread.
    type Recipe: Copy + Send + 'static;
    fn recipe(&self) -> Self::Recipe;
    fn build(recipe: Self::Recipe) -> Self;

    /// Runs `main` on the calling thread: `block_on`.
    fn in_main<F: Future>(&mut self, main: F) -> F::Output;

    /// Runs `task` on a worker while the calling thread waits for it.
    fn in_task<F>(&mut self, task: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.in_main(async { Self::spawn(task).await })
    }

    fn spawn<F>(task: F) -> Self::Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static;

    /// Runs a future with a value that tasks spawned by [`spawn_heir`](Engine::spawn_heir) have, too.
    fn with_value<F: Future + Send>(value: usize, future: F) -> impl Future<Output = F::Output> + Send;
    fn value() -> usize;
    fn spawn_heir<F>(task: F) -> Self::Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static;

    /// A handle by which a thread outside spawns.
    fn remote() -> Self::Remote;
    fn spawn_remote<F>(remote: &Self::Remote, task: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Calls `f` on a thread for blocking calls, which begins at once and not only when it is awaited.
    fn blocking<T, F>(f: F) -> impl Future<Output = T> + Send
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static;

    fn yield_now() -> impl Future<Output = ()> + Send;
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;
    fn timeout<F: Future + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>> + Send;

    fn oneshot<T: Send + 'static>() -> (Self::Promise<T>, Self::Pending<T>);
    fn fulfil<T: Send + 'static>(promise: Self::Promise<T>, value: T);

    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    fn send<T: Send + 'static>(
        sender: &Self::Sender<T>,
        value: T,
    ) -> impl Future<Output = Result<(), impl Debug>> + Send;
    /// `None` when the channel is closed, which no workload does.
    fn receive<T: Send + 'static>(receiver: &mut Self::Receiver<T>) -> impl Future<Output = Option<T>> + Send;

    /// One receiver for each of `consumers`.
    fn share<T: Send + 'static>(receiver: Self::Receiver<T>, consumers: usize) -> Vec<Self::Receiver<T>>;

    fn mutex<T: Send + 'static>(value: T) -> Self::Mutex<T>;
    fn lock<T: Send + 'static>(mutex: &Self::Mutex<T>)
    -> impl Future<Output = impl DerefMut<Target = T> + Send> + Send;

    fn semaphore(permits: usize) -> Self::Semaphore;
    /// The permit goes back when it is dropped.
    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Drop + Send> + Send;

    /// A flag that one task raises and another takes down.
    fn event() -> Self::Event;
    fn signal(event: &Self::Event);
    fn signalled(event: &Self::Event) -> impl Future<Output = ()> + Send;

    /// Each value to each receiver.
    fn broadcast<T: Message>(capacity: usize) -> Self::News<T>;
    fn subscribe<T: Message>(news: &Self::News<T>) -> Self::Reader<T>;
    fn publish<T: Message>(news: &Self::News<T>, value: T);
    fn next<T: Message>(reader: &mut Self::Reader<T>) -> impl Future<Output = T> + Send;

    /// One value, and who wants to know that it changed.
    fn watch<T: Message>(value: T) -> (Self::Changer<T>, Self::Watcher<T>);
    fn change<T: Message>(changer: &Self::Changer<T>, value: T);
    /// The new value.
    fn changed<T: Message>(watcher: &mut Self::Watcher<T>) -> impl Future<Output = T> + Send;

    fn accept(listener: TcpListener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}
