//! raddle's side.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use raddle::{
    BroadcastReceiver, BroadcastSender, Event, Handle, Mutex, Pending, Promise, Queue, Runner, Semaphore, Task,
    TcpStream, WatchReceiver, WatchSender,
};

use super::{Engine, Message};

raddle::context_var! { static VALUE: usize = 0; }

/// A Runner kept between samples: its workers are parked while it is not running.
pub struct Raddle {
    runner: Runner,
    workers: usize,
}

impl Raddle {
    /// One that may be looked into from outside, or must not.
    pub fn inspected(workers: usize, inspect: bool) -> Raddle {
        Raddle { runner: Runner::new().workers(workers).inspect(inspect), workers }
    }
}

impl Engine for Raddle {
    const NAME: &'static str = "raddle";

    type Task<T: Send + 'static> = Joined<T>;
    type Promise<T: Send + 'static> = Promise<T>;
    type Pending<T: Send + 'static> = Kept<T>;
    type Remote = Handle;
    type Sender<T: Send + 'static> = Queue<T>;
    type Receiver<T: Send + 'static> = Queue<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    type Semaphore = Semaphore;
    type Event = Event;
    type News<T: Message> = BroadcastSender<T>;
    type Reader<T: Message> = BroadcastReceiver<T>;
    type Changer<T: Message> = WatchSender<T>;
    type Watcher<T: Message> = WatchReceiver<T>;
    type Stream = TcpStream;

    type Recipe = usize;
    fn recipe(&self) -> usize {
        self.workers
    }
    fn build(workers: usize) -> Raddle {
        Raddle { runner: Runner::new().workers(workers), workers }
    }
    fn in_main<F: Future>(&mut self, main: F) -> F::Output {
        self.runner.run(main)
    }
    fn spawn<F>(task: F) -> Joined<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Joined(raddle::create_task(task))
    }
    async fn with_value<F: Future + Send>(value: usize, future: F) -> F::Output {
        VALUE.set(value);
        future.await
    }
    fn value() -> usize {
        VALUE.get()
    }
    fn spawn_heir<F>(task: F) -> Joined<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Self::spawn(task)
    }
    fn remote() -> Handle {
        Handle::current()
    }
    fn spawn_remote<F>(remote: &Handle, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        remote.create_task(task).detach();
    }
    fn blocking<T, F>(f: F) -> impl Future<Output = T> + Send
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let called = raddle::to_thread(f);
        async { called.await.unwrap_or_else(|error| panic!("a call failed: {error}")) }
    }
    fn yield_now() -> impl Future<Output = ()> + Send {
        raddle::yield_now()
    }
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        raddle::sleep(duration)
    }
    fn timeout<F: Future + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>> + Send {
        raddle::timeout(duration, future)
    }
    fn oneshot<T: Send + 'static>() -> (Promise<T>, Kept<T>) {
        let (promise, pending) = raddle::promise();
        (promise, Kept(pending))
    }
    fn fulfil<T: Send + 'static>(promise: Promise<T>, value: T) {
        assert!(promise.set(value).is_ok(), "nobody waits for this promise");
    }
    fn channel<T: Send + 'static>(capacity: usize) -> (Queue<T>, Queue<T>) {
        let queue = Queue::bounded(capacity);
        (queue.clone(), queue)
    }
    fn send<T: Send + 'static>(sender: &Queue<T>, value: T) -> impl Future<Output = Result<(), impl Debug>> + Send {
        sender.put(value)
    }
    async fn receive<T: Send + 'static>(receiver: &mut Queue<T>) -> Option<T> {
        receiver.get().await.ok()
    }
    fn share<T: Send + 'static>(receiver: Queue<T>, consumers: usize) -> Vec<Queue<T>> {
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
    fn event() -> Event {
        Event::new()
    }
    fn signal(event: &Event) {
        event.set();
    }
    async fn signalled(event: &Event) {
        event.wait().await;
        event.clear();
    }
    fn broadcast<T: Message>(capacity: usize) -> BroadcastSender<T> {
        raddle::broadcast(capacity).0
    }
    fn subscribe<T: Message>(news: &BroadcastSender<T>) -> BroadcastReceiver<T> {
        news.subscribe()
    }
    fn publish<T: Message>(news: &BroadcastSender<T>, value: T) {
        assert!(news.send(value).is_ok(), "somebody receives");
    }
    async fn next<T: Message>(reader: &mut BroadcastReceiver<T>) -> T {
        reader.recv().await.expect("the broadcast stays open, and nobody lags")
    }
    fn watch<T: Message>(value: T) -> (WatchSender<T>, WatchReceiver<T>) {
        raddle::watch(value)
    }
    fn change<T: Message>(changer: &WatchSender<T>, value: T) {
        assert!(changer.send(value).is_ok(), "somebody watches");
    }
    async fn changed<T: Message>(watcher: &mut WatchReceiver<T>) -> T {
        watcher.changed().await.expect("the watch stays open");
        *watcher.borrow_and_update()
    }
    async fn accept(listener: TcpListener) -> io::Result<TcpStream> {
        let (stream, _peer) = raddle::TcpListener::try_from(listener)?.accept().await?;
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

/// A task whose failure is a failure of the benchmark.
pub struct Joined<T>(Task<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|result| result.unwrap_or_else(|error| panic!("a task failed: {error}")))
    }
}

/// A promise that its maker keeps.
pub struct Kept<T>(Pending<T>);

impl<T> Future for Kept<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context).map(|result| result.unwrap_or_else(|_| panic!("a promise was abandoned")))
    }
}
