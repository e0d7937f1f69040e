//! Promises of `Clock::auto`: time stands still while anything can run and jumps when nothing can. Those that are about
//! several workers are in `virtual_workers.rs`.

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant as RealInstant};

use common::{Log, hold, virtual_runner, watch};
use raddle::{
    Clock, Instant, Runner, TcpListener, TcpStream, create_task, gather, interval, move_on_after, sleep, sleep_until,
    timeout, to_thread, yield_now,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn hours_pass_in_no_time() {
    let _watch = watch();
    let real = RealInstant::now();
    virtual_runner().run(async {
        let start = Instant::now();
        for _ in 0..1000 {
            sleep(HOUR).await;
        }
        assert_eq!(start.elapsed(), 1000 * HOUR);
        let tasks: Vec<_> = (1..=1000).map(|n| create_task(sleep(n * HOUR))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(start.elapsed(), 2000 * HOUR);
    });
    assert!(real.elapsed() < Duration::from_secs(30));
}

#[test]
fn time_stands_still_while_something_can_run() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let sleeper = create_task(sleep(Duration::from_millis(1)));
        for _ in 0..1000 {
            yield_now().await;
            assert_eq!(start.elapsed(), Duration::ZERO);
        }
        assert!(!sleeper.is_done());
        sleeper.await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(1));
    });
}

#[test]
fn fetch_data_and_print_numbers_take_turns_exactly() {
    // The program every introduction to asyncio has.
    async fn fetch_data(log: Log) -> u32 {
        log.push("start fetching");
        sleep(Duration::from_secs(2)).await;
        log.push("done fetching");
        1
    }
    async fn print_numbers(log: Log) {
        for n in 0..10 {
            log.push(n.to_string());
            sleep(Duration::from_millis(250)).await;
        }
    }
    let _watch = watch();
    let log = Log::<String>::default();
    virtual_runner().run(async {
        let start = Instant::now();
        let (data, numbers) = (create_task(fetch_data(log.clone())), create_task(print_numbers(log.clone())));
        let value = data.await.unwrap();
        log.push(format!("{{'data': {value}}} at {:?}", start.elapsed()));
        numbers.await.unwrap();
        log.push(format!("all at {:?}", start.elapsed()));
    });
    let expected = [
        "start fetching",
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "done fetching",
        "8",
        "{'data': 1} at 2s",
        "9",
        "all at 2.5s",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn each_deadline_is_met_exactly() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let mut ticks = interval(Duration::from_millis(300));
        for n in 0..10u32 {
            assert_eq!(ticks.tick().await, start + n * Duration::from_millis(300));
            assert_eq!(start.elapsed(), n * Duration::from_millis(300));
        }
        let start = Instant::now();
        assert!(timeout(SECOND, sleep(2 * SECOND)).await.is_err());
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(timeout(SECOND, async { 5 }).await.unwrap(), 5);
        assert!(move_on_after(SECOND, hold(())).await.is_none());
        assert_eq!(start.elapsed(), 2 * SECOND);
        sleep_until(start).await;
        sleep_until(start + 3 * SECOND).await;
        assert_eq!(start.elapsed(), 3 * SECOND);
    });
}

#[test]
fn a_result_ready_at_the_deadline_wins() {
    let _watch = watch();
    virtual_runner().run(async {
        assert!(timeout(SECOND, sleep(SECOND)).await.is_ok());
        assert!(timeout(Duration::ZERO, async {}).await.is_ok());
        assert!(timeout(Duration::ZERO, sleep(SECOND)).await.is_err());
    });
}

#[test]
fn the_clock_waits_for_blocking_calls() {
    // An hour's sleep beside a call that takes real time: the call's value is there first.
    let _watch = watch();
    virtual_runner().run(async {
        for _ in 0..20 {
            let start = Instant::now();
            let sleeper = create_task(sleep(HOUR));
            let (go, gone) = mpsc::channel();
            let call = create_task(to_thread(move || gone.recv()));
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(3));
                go.send(()).unwrap();
            });
            call.await.unwrap().unwrap().unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
            assert!(!sleeper.is_done());
            sleeper.await.unwrap();
            assert_eq!(start.elapsed(), HOUR);
        }
    });
}

#[test]
fn the_clock_goes_on_after_a_blocking_call() {
    // The call's thread may still be on its way out when nothing is left to run.
    let _watch = watch();
    virtual_runner().run(async {
        for n in 0..2000 {
            assert_eq!(to_thread(move || n).await.unwrap(), n);
            sleep(SECOND).await;
        }
    });
}

#[test]
fn the_clock_goes_on_after_a_blocking_call_that_nobody_awaits() {
    let _watch = watch();
    virtual_runner().run(async {
        for _ in 0..20 {
            drop(to_thread(|| thread::sleep(Duration::from_millis(2))));
            sleep(SECOND).await;
        }
    });
}

#[test]
fn real_sockets_work_under_virtual_time() {
    // Loopback data is there as soon as it is written, so no deadline overtakes it.
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = create_task(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 64];
            loop {
                let n = stream.read(&mut buffer).await.unwrap();
                if n == 0 {
                    return;
                }
                sleep(SECOND).await;
                stream.write_all(&buffer[..n]).await.unwrap();
            }
        });
        let mut client = TcpStream::connect(address).await.unwrap();
        for round in 0..100u8 {
            client.write_all(&[round; 10]).await.unwrap();
            let mut echo = [0; 10];
            timeout(HOUR, client.read_exact(&mut echo)).await.unwrap().unwrap();
            assert_eq!(echo, [round; 10]);
        }
        assert_eq!(start.elapsed(), 100 * SECOND);
        drop(client);
        server.await.unwrap();
    });
}

#[test]
fn a_thread_outside_can_wake_a_virtual_runtime() {
    // Nothing can run and no timer is set: the runtime waits for the thread, in real time.
    let _watch = watch();
    virtual_runner().run(async {
        let (said, heard) = raddle::promise();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            said.set(Instant::now()).unwrap();
        });
        let start = Instant::now();
        heard.await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        thread.join().unwrap();
    });
}

#[test]
fn two_virtual_runtimes_have_two_times() {
    let _watch = watch();
    let clock = Clock::auto();
    let zero = clock.now();
    let mut runner = Runner::new().workers(1).clock(clock.clone());
    runner.run(sleep(HOUR));
    assert_eq!(clock.now() - zero, HOUR);
    let other = virtual_runner().run(async {
        let start = Instant::now();
        gather((sleep(SECOND), sleep(2 * SECOND))).await;
        start.elapsed()
    });
    assert_eq!(other, 2 * SECOND);
    runner.run(sleep(HOUR));
    assert_eq!(clock.now() - zero, 2 * HOUR);
}

#[test]
fn events_are_seen_while_a_task_is_always_ready() {
    // Virtual time stands still meanwhile, so "not again before so many microseconds" must not hold events back.
    let _watch = watch();
    virtual_runner().run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = create_task(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1];
            for _ in 0..100 {
                stream.read_exact(&mut buffer).await.unwrap();
                stream.write_all(&buffer).await.unwrap();
            }
        });
        let client = create_task(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut buffer = [0; 1];
            for _ in 0..100 {
                stream.write_all(b"x").await.unwrap();
                stream.read_exact(&mut buffer).await.unwrap();
            }
        });
        while !client.is_done() {
            yield_now().await;
        }
        server.await.unwrap();
    });
}

#[test]
fn time_moves_while_a_blocking_call_waits_for_its_runtime() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let handle = raddle::Handle::current();
        let by_join = to_thread(move || {
            let joined = handle.create_task(sleep(HOUR)).join_blocking();
            handle.block_on(sleep(HOUR));
            joined
        });
        by_join.await.unwrap().unwrap();
        assert_eq!(start.elapsed(), 2 * HOUR);
        // It stands still while another call is at work.
        let (release, released) = mpsc::channel::<()>();
        let at_work = to_thread(move || released.recv().unwrap());
        let handle = raddle::Handle::current();
        let waiting = to_thread(move || {
            let task = handle.create_task(sleep(HOUR));
            release.send(()).unwrap();
            task.join_blocking()
        });
        gather((at_work, waiting)).await.1.unwrap().unwrap();
        assert_eq!(start.elapsed(), 3 * HOUR);
    });
}
