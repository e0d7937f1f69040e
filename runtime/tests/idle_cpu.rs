//! A runtime in which everybody waits does nothing at all. Alone in its binary, since it measures the process.

mod common;

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{eventually, watch_for};
use raddle::{Event, Handle, Runner, TcpListener, TcpStream, create_task, sleep, to_thread};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const SLEEPERS: usize = 10_000;
const CONNECTIONS: usize = 1_000;

/// Clock ticks that the process has used so far.
fn cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The second field is a name in brackets that may hold anything.
    let fields: Vec<_> = stat[stat.rfind(')').unwrap() + 2..].split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// How often threads of the process, save the calling one, went to sleep of their own accord.
fn switches() -> u64 {
    let me = rustix::thread::gettid().as_raw_nonzero().get().to_string();
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap());
    threads
        .filter(|thread| thread.file_name().to_str() != Some(&me))
        .map(|thread| {
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:"));
            line.map_or(0, |line| line.split_whitespace().nth(1).unwrap().parse().unwrap())
        })
        .sum()
}

fn parks(handle: &Handle) -> u64 {
    handle.metrics().workers.iter().map(|worker| worker.parks).sum()
}

#[test]
fn sleepers_and_idle_connections_cost_no_time() {
    // Ten thousand long sleeps, a thousand connections with a reader on each end. Three seconds are measured.
    let _watch = watch_for(Duration::from_secs(90));
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(4096, |most| most.min(4096));
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).unwrap();
    }
    let connections = CONNECTIONS.min(wanted as usize / 2 - 100);
    for workers in [1, 2] {
        Runner::new().workers(workers).run(async {
            let ready = Arc::new(Event::new());
            common::on_each_worker(workers, |_| ()).await;
            for _ in 0..SLEEPERS {
                create_task(sleep(Duration::from_secs(3600))).detach();
            }
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            for _ in 0..connections {
                let client = TcpStream::connect(address).await.unwrap();
                let server = listener.accept().await.unwrap().0;
                for stream in [client, server] {
                    create_task(async move { stream.read(&mut [0; 16]).await }).detach();
                }
            }
            let handle = Handle::current();
            let measured = ready.clone();
            let measuring = thread::spawn(move || {
                // Whatever becomes of it, main goes on: a failure is not to look like a hang.
                let _measured = common::on_drop(move || measured.set());
                // Quiet once nobody has parked for half a second.
                let mut last = (0, 0);
                eventually("the runtime comes to rest", || {
                    let before = last;
                    thread::sleep(Duration::from_millis(500));
                    last = (parks(&handle), switches());
                    before == last
                });
                let before = (parks(&handle), switches(), cpu_ticks());
                thread::sleep(Duration::from_secs(3));
                let after = (parks(&handle), switches(), cpu_ticks());
                let metrics = handle.metrics();
                println!("{workers} workers: parks, switches, ticks {before:?} -> {after:?}");
                assert_eq!(metrics.workers.iter().map(|worker| worker.timers).sum::<usize>(), SLEEPERS);
                assert_eq!(metrics.tasks_alive as usize, SLEEPERS + 2 * connections + 1);
                assert_eq!(before.0, after.0, "workers woke up");
                assert!(after.1 <= before.1 + 5, "threads woke up: {before:?} -> {after:?}");
                assert!(after.2 <= before.2 + 2, "time was used: {before:?} -> {after:?}");
            });
            ready.wait().await;
            measuring.join().unwrap();
            // Still alive: one byte wakes the one reader it is for.
            let client = TcpStream::connect(address).await.unwrap();
            drop(client);
            assert_eq!(to_thread(|| 1).await.unwrap(), 1);
        });
    }
}
