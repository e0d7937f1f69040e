//! What the workloads cost without a runtime: the least that runs them at all, on one thread.
//!
//! It is a limit and no competitor. A task is one allocation and one atomic word, since a waker may go anywhere; a
//! queue is a `VecDeque`, what tasks share is in cells, and a timer is in a heap. There is no fairness and no budget,
//! so a task that never waits keeps the thread, and timers are looked at only when nothing is ready. There is no
//! cancellation: a wait that has begun must be polled to its end, and a task that waits for another one is leaked with
//! it if neither ends. No panic is caught. Nothing is named, counted or shown. Where a runtime takes less, it has
//! something that this does without, such as a second thread.
//!
//! Whatever comes from here is for the tasks of one executor, on its thread; see [`here`] for what that rests on.

mod broadcast;
mod channel;
mod event;
mod executor;
mod here;
mod inbox;
mod oneshot;
mod scope;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod timers;
mod turns;
mod waiters;
mod watch;

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{self, Future};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::DerefMut;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use self::broadcast::{News, Reader};
use self::channel::{Receiver, Sender};
use self::event::Event;
use self::executor::{Executor, Remote};
use self::oneshot::{Pending, Promise};
use self::task::Joined;
use self::timers::Sleep;
use self::turns::{Mutex, Semaphore};
use self::watch::{Changer, Watcher};
use super::{Engine, Message};

pub struct Bare {
    executor: Box<Executor>,
}

impl Engine for Bare {
    const NAME: &'static str = "bare";

    type Task<T: Send + 'static> = Joined<T>;
    type Promise<T: Send + 'static> = Promise<T>;
    type Pending<T: Send + 'static> = Pending<T>;
    type Remote = Remote;
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex<T: Send + 'static> = Mutex<T>;
    type Semaphore = Semaphore;
    type Event = Event;
    type News<T: Message> = News<T>;
    type Reader<T: Message> = Reader<T>;
    type Changer<T: Message> = Changer<T>;
    type Watcher<T: Message> = Watcher<T>;
    type Stream = TcpStream;

    type Recipe = ();
    fn recipe(&self) {}
    fn build((): ()) -> Bare {
        Bare { executor: Executor::new() }
    }
    fn in_main<F: Future>(&mut self, main: F) -> F::Output {
        self.executor.run(pin!(main))
    }
    fn spawn<F>(task: F) -> Joined<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        executor::spawn(task)
    }
    fn with_value<F: Future + Send>(value: usize, future: F) -> impl Future<Output = F::Output> + Send {
        scope::with_value(value, future)
    }
    fn value() -> usize {
        scope::value()
    }
    fn spawn_heir<F>(task: F) -> Joined<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        executor::spawn(scope::with_value(scope::value(), task))
    }
    fn remote() -> Remote {
        executor::remote()
    }
    fn spawn_remote<F>(remote: &Remote, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        remote.spawn(task);
    }
    /// Here and now: there is no other thread.
    fn blocking<T, F>(f: F) -> impl Future<Output = T> + Send
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        future::ready(f())
    }
    async fn yield_now() {
        let mut yielded = false;
        future::poll_fn(|context| {
            if yielded {
                return Poll::Ready(());
            }
            yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        Sleep::new(duration)
    }
    fn timeout<F: Future + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, impl Debug>> + Send {
        timers::timeout(duration, future)
    }
    fn oneshot<T: Send + 'static>() -> (Promise<T>, Pending<T>) {
        oneshot::oneshot()
    }
    fn fulfil<T: Send + 'static>(promise: Promise<T>, value: T) {
        promise.fulfil(value);
    }
    fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        channel::channel(capacity)
    }
    async fn send<T: Send + 'static>(sender: &Sender<T>, value: T) -> Result<(), impl Debug> {
        sender.send(value).await;
        Ok::<(), Infallible>(())
    }
    async fn receive<T: Send + 'static>(receiver: &mut Receiver<T>) -> Option<T> {
        Some(receiver.receive().await)
    }
    fn share<T: Send + 'static>(receiver: Receiver<T>, consumers: usize) -> Vec<Receiver<T>> {
        (0..consumers).map(|_| receiver.clone()).collect()
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
        Event::default()
    }
    fn signal(event: &Event) {
        event.signal();
    }
    fn signalled(event: &Event) -> impl Future<Output = ()> + Send {
        event.signalled()
    }
    fn broadcast<T: Message>(capacity: usize) -> News<T> {
        News::new(capacity)
    }
    fn subscribe<T: Message>(news: &News<T>) -> Reader<T> {
        news.subscribe()
    }
    fn publish<T: Message>(news: &News<T>, value: T) {
        news.publish(value);
    }
    fn next<T: Message>(reader: &mut Reader<T>) -> impl Future<Output = T> + Send {
        reader.next()
    }
    fn watch<T: Message>(value: T) -> (Changer<T>, Watcher<T>) {
        watch::watch(value)
    }
    fn change<T: Message>(changer: &Changer<T>, value: T) {
        changer.change(value);
    }
    fn changed<T: Message>(watcher: &mut Watcher<T>) -> impl Future<Output = T> + Send {
        watcher.changed()
    }

    // Sockets block the thread: rows with connections are about who else is served meanwhile, so they have no floor.
    async fn accept(listener: TcpListener) -> io::Result<TcpStream> {
        let (stream, _peer) = listener.accept()?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
    async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(stream, buffer)
    }
    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(stream, bytes)
    }
}
