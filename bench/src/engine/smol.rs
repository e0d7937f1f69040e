//! smol's side: its executor on threads of its own, which is how its users come to more than one worker.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::ops::DerefMut;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_broadcast::InactiveReceiver;
use smol::channel::{self, Receiver, Sender};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::lock::{Mutex, Semaphore};
use smol::net::TcpStream;
use smol::{Executor, Task, Timer, future};

use super::{Engine, Message};

thread_local! {
    /// Of main, and of the workers.
    static CURRENT: Cell<Option<&'static Executor<'static>>> = const { Cell::new(None) };
}

fn current() -> &'static Executor<'static> {
    CURRENT.get().expect("tasks are spawned in main and in tasks")
}

/// Threads that run an executor, and sleep while it has nothing to do. The reactor and the pool for blocking calls are
/// smol's own, one of each in a process.
pub struct Smol {
    /// Leaked, so that tasks need not count who uses it: it is as small as a list of threads.
    executor: &'static Executor<'static>,
    workers: Vec<JoinHandle<()>>,
    /// Closes when this is dropped: then they end.
    stop: Sender<Infallible>,
}

impl Engine for Smol {
    const NAME: &'static str = "smol";

    type Task<T: Send + 'static> = Joined<T>;
    type Promise<T: Send + 'static> = Sender<T>;
    type Pending<T: Send + 'static> = Kept<T>;
    type Remote = &'static Executor<'static>;
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    type Semaphore = Semaphore;
    type Event = Flag;
    type News<T: Message> = News<T>;
    type Reader<T: Message> = async_broadcast::Receiver<T>;
    type Changer<T: Message> = Infallible;
    type Watcher<T: Message> = Infallible;
    type Stream = TcpStream;

    type Recipe = usize;
    fn recipe(&self) -> usize {
        self.workers.len()
    }
    fn build(workers: usize) -> Smol {
        let executor: &Executor<'_> = Box::leak(Box::new(Executor::new()));
        let (stop, stopped) = channel::bounded::<Infallible>(1);
        let worker = |_| {
            let stopped = stopped.clone();
            thread::spawn(move || {
                CURRENT.set(Some(executor));
                // Nothing is ever sent, so that what is received is that the channel has closed.
                _ = smol::block_on(executor.run(stopped.recv()));
            })
        };
        Smol { executor, workers: (0..workers).map(worker).collect(), stop }
    }
    fn in_main<F: Future>(&mut self, main: F) -> F::Output {
        let before = CURRENT.replace(Some(self.executor));
        let output = smol::block_on(main);
        CURRENT.set(before);
        output
    }
    fn spawn<F>(task: F) -> Joined<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Joined(Some(current().spawn(task)))
    }
    async fn with_value<F: Future + Send>(_: usize, _: F) -> F::Output {
        unreachable!("smol's tasks inherit nothing: the rows that ask for it have no smol")
    }
    fn value() -> usize {
        unreachable!("smol's tasks inherit nothing: the rows that ask for it have no smol")
    }
    fn spawn_heir<F>(_: F) -> Joined<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        unreachable!("smol's tasks inherit nothing: the rows that ask for it have no smol")
    }
    fn remote() -> &'static Executor<'static> {
        current()
    }
    fn spawn_remote<F>(remote: &&'static Executor<'static>, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        remote.spawn(task).detach();
    }
    fn blocking<T, F>(f: F) -> impl Future<Output = T> + Send
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        smol::unblock(f)
    }
    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }
    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }
    fn timeout<F: Future + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>> + Send {
        future::or(async { Ok(future.await) }, async move { Err(Timer::after(duration).await) })
    }
    fn oneshot<T: Send + 'static>() -> (Sender<T>, Kept<T>) {
        let (sender, receiver) = channel::bounded(1);
        (sender, Kept(receiver))
    }
    fn fulfil<T: Send + 'static>(promise: Sender<T>, value: T) {
        assert!(promise.try_send(value).is_ok(), "nobody waits for this channel of one place");
    }
    fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        channel::bounded(capacity)
    }
    fn send<T: Send + 'static>(sender: &Sender<T>, value: T) -> impl Future<Output = Result<(), impl Debug>> + Send {
        sender.send(value)
    }
    async fn receive<T: Send + 'static>(receiver: &mut Receiver<T>) -> Option<T> {
        receiver.recv().await.ok()
    }
    fn share<T: Send + 'static>(receiver: Receiver<T>, consumers: usize) -> Vec<Receiver<T>> {
        vec![receiver; consumers]
    }
    fn mutex<T: Send + 'static>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
    fn lock<T: Send + 'static>(mutex: &Mutex<T>) -> impl Future<Output = impl DerefMut<Target = T> + Send> + Send {
        mutex.lock()
    }
    fn semaphore(permits: usize) -> Semaphore {
        Semaphore::new(permits)
    }
    fn acquire(semaphore: &Semaphore) -> impl Future<Output = impl Drop + Send> + Send {
        semaphore.acquire()
    }
    fn event() -> Flag {
        Flag { raised: AtomicBool::new(false), changes: event_listener::Event::new() }
    }
    fn signal(event: &Flag) {
        // Release: what came before is seen by whoever takes the flag down, in `Flag::take`.
        event.raised.store(true, Ordering::Release);
        event.changes.notify(1);
    }
    async fn signalled(event: &Flag) {
        while !event.take() {
            let changed = event.changes.listen();
            // It may have been raised before anybody listened.
            if event.take() {
                return;
            }
            changed.await;
        }
    }
    fn broadcast<T: Message>(capacity: usize) -> News<T> {
        let (sender, receiver) = async_broadcast::broadcast(capacity);
        News { sender, _open: receiver.deactivate() }
    }
    fn subscribe<T: Message>(news: &News<T>) -> async_broadcast::Receiver<T> {
        news.sender.new_receiver()
    }
    fn publish<T: Message>(news: &News<T>, value: T) {
        assert!(news.sender.try_broadcast(value).is_ok(), "somebody receives, and there is a place");
    }
    async fn next<T: Message>(reader: &mut async_broadcast::Receiver<T>) -> T {
        reader.recv_direct().await.expect("the broadcast stays open, and nobody lags")
    }
    fn watch<T: Message>(_: T) -> (Infallible, Infallible) {
        unreachable!("smol has no watch: the rows that ask for one have no smol")
    }
    fn change<T: Message>(changer: &Infallible, _: T) {
        match *changer {}
    }
    async fn changed<T: Message>(watcher: &mut Infallible) -> T {
        match *watcher {}
    }
    async fn accept(listener: TcpListener) -> io::Result<TcpStream> {
        let (stream, _peer) = smol::net::TcpListener::try_from(listener)?.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
    async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer).await
    }
    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.stop.close();
        for worker in self.workers.drain(..) {
            worker.join().expect("a task's panic goes to whoever awaits it");
        }
    }
}

/// A task that goes on when this is dropped, which smol's own would not.
pub struct Joined<T>(Option<Task<T>>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(self.0.as_mut().expect("only a drop takes the task")).poll(context)
    }
}

impl<T> Drop for Joined<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

/// The other end of a channel of one place, whose only value comes.
pub struct Kept<T>(Receiver<T>);

impl<T> Future for Kept<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // SAFETY: the receiver is pinned where `self` is: nothing moves it out, and there is no `Drop` and no `Unpin`
        // of `Kept` itself.
        let receiver = unsafe { self.map_unchecked_mut(|kept| &mut kept.0) };
        smol::stream::Stream::poll_next(receiver, context)
            .map(|value| value.unwrap_or_else(|| panic!("a channel of one place was dropped")))
    }
}

/// The pattern that event-listener's documentation shows.
pub struct Flag {
    raised: AtomicBool,
    changes: event_listener::Event,
}

impl Flag {
    /// Whether it was raised; it is not any more.
    fn take(&self) -> bool {
        // Acquire: of what the one who raised it released, in `Smol::signal`.
        self.raised.swap(false, Ordering::Acquire)
    }
}

/// A sender that stays open while nobody receives.
pub struct News<T> {
    sender: async_broadcast::Sender<T>,
    _open: InactiveReceiver<T>,
}
