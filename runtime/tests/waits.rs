//! Promises of [`raddle::TaskInfo::waiting`]: whatever of this crate a task awaits, it says what, from which line, and since
//! when.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{runner, watch};
use raddle::net::{AsyncFd, TcpSocket, UnixDatagram, UnixStream};
use raddle::{
    Barrier, Condition, Event, Handle, Instant, Lock, Mutex, OnceCell, Queue, RwLock, Semaphore, Signal, Task,
    TaskGroup, TcpListener, TcpStream, UdpSocket, as_completed, create_task, gather, interval, process, promise, race,
    signal, sleep, stop_requested, task_group, timeout, to_thread, wait, wait_for, yield_now,
};

/// What is expected of a task.
struct Row {
    op: &'static str,
    line: u32,
    task: Task<()>,
}

/// A task that is to wait in this very line.
macro_rules! row {
    ($rows:ident, $op:literal, $($body:tt)*) => {
        $rows.push(Row { op: $op, line: line!(), task: create_task(async move { let _ = { $($body)* }; }) })
    };
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn each_operation_says_what_it_waits_for_and_in_which_line_of_the_program() {
    let _watch = watch();
    runner(2).run(async {
        let begun = Instant::now();
        let mut rows = Vec::new();
        primitives(&mut rows).await;
        channels(&mut rows);
        tasks(&mut rows);
        let (_kept, _also) = (sockets(&mut rows).await, streams(&mut rows).await);
        let fifo = threads_and_processes(&mut rows);
        look(&rows, begun).await;
        // A thread stands in the opening of the pipe until there is a writer.
        drop(std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap());
        rows.iter().for_each(|row| _ = row.task.cancel());
        for row in rows {
            let _ = row.task.await;
        }
        std::fs::remove_file(fifo).unwrap();
    });
}

/// Looks until each of them says so.
async fn look(rows: &[Row], begun: Instant) {
    let limit = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let seen = Handle::current().all_tasks();
        let wrong: Vec<String> = rows.iter().filter_map(|row| differs(row, &seen, begun)).collect();
        if wrong.is_empty() {
            return;
        }
        assert!(std::time::Instant::now() < limit, "{}", wrong.join("\n"));
        sleep(Duration::from_millis(2)).await;
    }
}

fn differs(row: &Row, seen: &[raddle::TaskInfo], begun: Instant) -> Option<String> {
    let Row { op, line, task } = row;
    let seen = seen.iter().find(|seen| seen.id == task.id());
    let Some(wait) = seen.and_then(|seen| seen.waiting.as_ref()) else {
        return Some(format!("{op} in line {line} says nothing: {seen:?}"));
    };
    let is_there = wait.at.is_some_and(|at| (at.file(), at.line()) == (file!(), *line));
    // A tick of the records is 67 ms.
    let is_then = wait.since + Duration::from_millis(200) >= begun && wait.since <= Instant::now();
    (wait.op != *op || !is_there || !is_then)
        .then(|| format!("{op} in line {line} says {wait:?} since {:?}", wait.since))
}

#[rustfmt::skip]
async fn primitives(rows: &mut Vec<Row>) {
    row!(rows, "sleep", sleep(LONG).await);
    row!(rows, "sleep", { let mut ticks = interval(LONG); ticks.tick().await; ticks.tick().await });
    let held = Arc::new(Mutex::new(0));
    let (shared, cell) = (Arc::new(RwLock::new(0)), Arc::new(OnceCell::<u8>::new()));
    let (taken, holder) = (Arc::new(Lock::new()), held.clone());
    let first = taken.clone();
    create_task(async move { let _guards = (first.lock().await, holder.lock().await); sleep(LONG).await }).detach();
    sleep(Duration::from_millis(5)).await;
    row!(rows, "Mutex::lock", held.lock().await);
    row!(rows, "Lock::lock", taken.lock().await);
    let (reader, writer, first) = (shared.clone(), shared.clone(), shared);
    create_task(async move { let _guard = first.write().await; sleep(LONG).await }).detach();
    sleep(Duration::from_millis(5)).await;
    row!(rows, "RwLock::read", reader.read().await);
    row!(rows, "RwLock::write", writer.write().await);
    row!(rows, "Semaphore::acquire", { let none = Semaphore::new(0); drop(none.acquire().await); });
    row!(rows, "Semaphore::acquire", Arc::new(Semaphore::new(0)).acquire_owned().await);
    row!(rows, "Event::wait", Event::new().wait().await);
    row!(rows, "Condition::wait", { let m = Mutex::new(0); let guard = m.lock().await; drop(Condition::new().wait(guard).await); });
    row!(rows, "Barrier::wait", Barrier::new(2).wait().await);
    let making = cell.clone();
    create_task(async move { _ = making.get_or_init(async || { sleep(LONG).await; 1 }).await }).detach();
    sleep(Duration::from_millis(5)).await;
    row!(rows, "OnceCell::get_or_init", cell.get_or_init(async || 2).await);
}

#[rustfmt::skip]
fn channels(rows: &mut Vec<Row>) {
    row!(rows, "Queue::get", Queue::<u8>::unbounded().get().await);
    row!(rows, "Queue::get", Queue::<u8>::unbounded().get_job().await);
    row!(rows, "Queue::put", { let queue = Queue::bounded(1); queue.try_put(1).unwrap(); queue.put(2).await });
    row!(rows, "Queue::join", { let queue = Queue::unbounded(); queue.try_put(1).unwrap(); queue.join().await });
    row!(rows, "Sender::send", { let (sender, _receiver) = raddle::channel(1); sender.send(1).await.unwrap(); sender.send(2).await });
    row!(rows, "Receiver::recv", { let (_sender, receiver) = raddle::channel::<u8>(1); receiver.recv().await });
    row!(rows, "promise", { let (_promise, pending) = promise::<u8>(); pending.await });
    row!(rows, "Promise::abandoned", { let (promise, _pending) = promise::<u8>(); promise.abandoned().await });
    row!(rows, "BroadcastReceiver::recv", { let (_sender, mut receiver) = raddle::broadcast::<u8>(1); receiver.recv().await });
    row!(rows, "WatchReceiver::changed", { let (_sender, mut receiver) = raddle::watch(1); receiver.changed().await });
}

#[rustfmt::skip]
fn tasks(rows: &mut Vec<Row>) {
    let never = || async { std::future::pending::<()>().await };
    row!(rows, "task", create_task(std::future::pending::<()>()).await);
    row!(rows, "task", raddle::shield(std::future::pending::<()>()).await);
    row!(rows, "task_group", task_group(async |group: TaskGroup| { group.create_task(std::future::pending::<()>()).detach(); Ok(()) }).await);
    row!(rows, "TaskGroup::start", task_group(async |g: TaskGroup| { g.start(async |_ready: raddle::Started<()>| sleep(LONG).await).await?; Ok(()) }).await);
    row!(rows, "wait", wait(&mut [create_task(never())]).await);
    row!(rows, "wait", wait(&mut [create_task(never())]).timeout(LONG).await);
    row!(rows, "AsCompleted::next", as_completed([create_task(never())]).next().await);
    row!(rows, "Event::wait", gather((Event::new().wait(), sleep(LONG))).await);
    row!(rows, "Event::wait", race((sleep(LONG), Event::new().wait())).await);
    row!(rows, "Event::wait", timeout(LONG, Event::new().wait()).await);
    row!(rows, "Event::wait", wait_for(Event::new().wait(), LONG).await);
    row!(rows, "Event::wait", raddle::run_until_stopped(Event::new().wait()).await);
    row!(rows, "stop_requested", stop_requested().await);
}

#[rustfmt::skip]
async fn sockets(rows: &mut Vec<Row>) -> (TcpListener, Vec<TcpStream>) {
    row!(rows, "readable fd", TcpListener::bind("127.0.0.1:0").await.unwrap().accept().await);
    row!(rows, "readable fd", UdpSocket::bind("127.0.0.1:0").await.unwrap().recv(&mut [0]).await);
    row!(rows, "readable fd", { let (one, _other) = UnixStream::pair().unwrap(); one.read(&mut [0]).await });
    row!(rows, "readable fd", { let (mut one, _other) = UnixStream::pair().unwrap(); one.read_exact(&mut [0]).await });
    row!(rows, "readable fd", { let (one, _other) = UnixStream::pair().unwrap(); one.into_split().0.read(&mut [0]).await });
    row!(rows, "readable fd", { let (one, _other) = UnixDatagram::pair().unwrap(); one.recv(&mut [0]).await });
    row!(rows, "writable fd", { let (mut one, _other) = UnixStream::pair().unwrap(); one.write_all(&vec![0; 1 << 22]).await });
    row!(rows, "readable fd", { let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap(); AsyncFd::new(one).unwrap().readable().await.map(drop) });
    // Who is not accepted in time has to wait for a place.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut kept = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        kept.push(stream);
    }
    row!(rows, "connect", TcpStream::connect(address).await);
    (full, kept)
}

#[rustfmt::skip]
async fn streams(rows: &mut Vec<Row>) -> std::net::TcpListener {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    row!(rows, "StreamReader::read", raddle::open_connection(address).await.unwrap().0.read(1).await);
    row!(rows, "StreamReader::read", raddle::open_connection(address).await.unwrap().0.read_line().await);
    row!(rows, "StreamWriter::drain", { let (_r, mut w) = raddle::open_connection(address).await.unwrap(); w.write(&vec![0; 1 << 25]); w.drain().await });
    row!(rows, "StreamWriter::wait_closed", { let (_r, mut w) = raddle::open_connection(address).await.unwrap(); w.write(&vec![0; 1 << 25]); w.close(); w.wait_closed().await });
    silent
}

#[rustfmt::skip]
fn threads_and_processes(rows: &mut Vec<Row>) -> std::path::PathBuf {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    row!(rows, "to_thread", { let _sender = sender; to_thread(move || _ = receiver.recv()).await });
    row!(rows, "signal", { let mut signals = signal::signal(Signal::USR2).unwrap(); signals.recv().await });
    row!(rows, "Child::wait", { let mut child = process::Command::new("sleep").arg("600").kill_on_drop(true).spawn().unwrap(); child.wait().await });
    row!(rows, "Child::wait", { let mut child = process::Command::new("sleep").arg("600").kill_on_drop(true).spawn().unwrap(); child.communicate(None).await });
    row!(rows, "Child::wait", process::Command::new("sleep").arg("600").kill_on_drop(true).output().await);
    let fifo = std::env::temp_dir().join(format!("raddle-waits-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let path = fifo.clone();
    row!(rows, "file", raddle::fs::read(&path).await);
    fifo
}

/// A line of raddle's own says nothing to whoever looks for theirs.
#[test]
fn lines_of_this_crate_are_not_told() {
    let _watch = watch();
    runner(1).run(async {
        // The promise is polled by a combinator, whose line it is that waits.
        let task = create_task(async {
            let (_promise, pending) = promise::<u8>();
            _ = timeout(LONG, pending).await;
        });
        yield_now().await;
        let seen = Handle::current().all_tasks();
        let wait = seen.iter().find(|seen| seen.id == task.id()).unwrap().waiting.clone().unwrap();
        assert_eq!((wait.op, wait.at), ("promise", None));
        task.cancel();
    });
}
