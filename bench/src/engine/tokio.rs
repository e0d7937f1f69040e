//! tokio's side.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::ops::DerefMut;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::{Engine, Message};

/// Which of tokio's schedulers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    MultiThread,
    CurrentThread,
}

tokio::task_local! {
    /// Nothing inherits it: what is spawned is wrapped in a scope by hand.
    static VALUE: usize;
}

/// A Runtime kept between samples: its workers sleep in the kernel while nothing is spawned.
pub struct Tokio {
    runtime: Runtime,
    flavor: Flavor,
    workers: usize,
}

impl Engine for Tokio {
    const NAME: &'static str = "tokio";

    type Task<T: Send + 'static> = Joined<T>;
    type Promise<T: Send + 'static> = oneshot::Sender<T>;
    type Pending<T: Send + 'static> = Kept<T>;
    type Remote = Handle;
    type Sender<T: Send + 'static> = mpsc::Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    type Semaphore = Semaphore;
    type Event = Notify;
    type News<T: Message> = broadcast::Sender<T>;
    type Reader<T: Message> = broadcast::Receiver<T>;
    type Changer<T: Message> = watch::Sender<T>;
    type Watcher<T: Message> = watch::Receiver<T>;
    type Stream = TcpStream;

    type Recipe = (Flavor, usize);
    fn recipe(&self) -> (Flavor, usize) {
        (self.flavor, self.workers)
    }
    fn build((flavor, workers): (Flavor, usize)) -> Tokio {
        let mut builder = match flavor {
            Flavor::MultiThread => Builder::new_multi_thread(),
            Flavor::CurrentThread => Builder::new_current_thread(),
        };
        if flavor == Flavor::MultiThread {
            builder.worker_threads(workers);
        }
        let runtime = builder.enable_all().build().expect("tokio starts");
        Tokio { runtime, flavor, workers }
    }
    fn in_main<F: Future>(&mut self, main: F) -> F::Output {
        self.runtime.block_on(main)
    }
    fn spawn<F>(task: F) -> Joined<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Joined(tokio::spawn(task))
    }
    fn with_value<F: Future + Send>(value: usize, future: F) -> impl Future<Output = F::Output> + Send {
        VALUE.scope(value, future)
    }
    fn value() -> usize {
        VALUE.get()
    }
    fn spawn_heir<F>(task: F) -> Joined<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Self::spawn(VALUE.scope(VALUE.get(), task))
    }
    fn remote() -> Handle {
        Handle::current()
    }
    fn spawn_remote<F>(remote: &Handle, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(remote.spawn(task));
    }
    fn blocking<T, F>(f: F) -> impl Future<Output = T> + Send
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Joined(tokio::task::spawn_blocking(f))
    }
    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }
    fn timeout<F: Future + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>> + Send {
        tokio::time::timeout(duration, future)
    }
    fn oneshot<T: Send + 'static>() -> (oneshot::Sender<T>, Kept<T>) {
        let (sender, receiver) = oneshot::channel();
        (sender, Kept(receiver))
    }
    fn fulfil<T: Send + 'static>(promise: oneshot::Sender<T>, value: T) {
        assert!(promise.send(value).is_ok(), "nobody waits for this oneshot");
    }
    fn channel<T: Send + 'static>(capacity: usize) -> (mpsc::Sender<T>, Receiver<T>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (sender, Receiver::Own(receiver))
    }
    fn send<T: Send + 'static>(
        sender: &mpsc::Sender<T>,
        value: T,
    ) -> impl Future<Output = Result<(), impl Debug>> + Send {
        sender.send(value)
    }
    async fn receive<T: Send + 'static>(receiver: &mut Receiver<T>) -> Option<T> {
        match receiver {
            Receiver::Own(own) => own.recv().await,
            Receiver::Shared(shared) => shared.lock().await.recv().await,
        }
    }
    fn share<T: Send + 'static>(receiver: Receiver<T>, consumers: usize) -> Vec<Receiver<T>> {
        match receiver {
            Receiver::Own(own) if consumers > 1 => {
                let shared = Arc::new(Mutex::new(own));
                (0..consumers).map(|_| Receiver::Shared(shared.clone())).collect()
            }
            alone => vec![alone],
        }
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
    async fn acquire(semaphore: &Semaphore) -> impl Drop + Send {
        semaphore.acquire().await.expect("the semaphore stays open")
    }
    fn event() -> Notify {
        Notify::new()
    }
    fn signal(event: &Notify) {
        event.notify_one();
    }
    fn signalled(event: &Notify) -> impl Future<Output = ()> + Send {
        event.notified()
    }
    fn broadcast<T: Message>(capacity: usize) -> broadcast::Sender<T> {
        broadcast::channel(capacity).0
    }
    fn subscribe<T: Message>(news: &broadcast::Sender<T>) -> broadcast::Receiver<T> {
        news.subscribe()
    }
    fn publish<T: Message>(news: &broadcast::Sender<T>, value: T) {
        assert!(news.send(value).is_ok(), "somebody receives");
    }
    async fn next<T: Message>(reader: &mut broadcast::Receiver<T>) -> T {
        reader.recv().await.expect("the broadcast stays open, and nobody lags")
    }
    fn watch<T: Message>(value: T) -> (watch::Sender<T>, watch::Receiver<T>) {
        watch::channel(value)
    }
    fn change<T: Message>(changer: &watch::Sender<T>, value: T) {
        assert!(changer.send(value).is_ok(), "somebody watches");
    }
    async fn changed<T: Message>(watcher: &mut watch::Receiver<T>) -> T {
        watcher.changed().await.expect("the watch stays open");
        *watcher.borrow_and_update()
    }
    async fn accept(listener: TcpListener) -> io::Result<TcpStream> {
        listener.set_nonblocking(true)?;
        let (stream, _peer) = tokio::net::TcpListener::from_std(listener)?.accept().await?;
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

/// tokio has no channel with several consumers; what its users do instead is a receiver in a mutex.
pub enum Receiver<T> {
    Own(mpsc::Receiver<T>),
    Shared(Arc<Mutex<mpsc::Receiver<T>>>),
}

/// A task whose failure is a failure of the benchmark.
pub struct Joined<T>(JoinHandle<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|result| result.unwrap_or_else(|error| panic!("a task failed: {error}")))
    }
}

/// A oneshot that its maker serves.
pub struct Kept<T>(oneshot::Receiver<T>);

impl<T> Future for Kept<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context).map(|result| result.unwrap_or_else(|_| panic!("a oneshot was dropped")))
    }
}
