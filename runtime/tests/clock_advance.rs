//! Promises of `Clock::manual` and `Clock::advance`: time moves by hand, from deadline to deadline, and what was due is
//! done when the advance ends.

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{Log, hold, on_each_worker, panic_of, poll_once, runner, virtual_runner, watch};
use raddle::{
    Clock, Handle, Instant, Queue, Runner, TcpListener, TcpStream, create_task, gather, interval, sleep, sleep_until,
    timeout, to_thread, yield_now,
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Runs a program with each number of workers, by a clock that is moved by hand.
fn by_hand(program: impl AsyncFn(Clock, usize)) {
    let _watch = watch();
    for workers in [1, 2, 8] {
        let clock = Clock::manual();
        runner(workers).clock(clock.clone()).run(program(clock, workers));
    }
}

#[test]
fn a_manual_clock_never_moves_by_itself() {
    by_hand(async |clock, _| {
        let begun = clock.now();
        let sleeper = create_task(sleep(MS));
        for _ in 0..20 {
            // All workers sleep meanwhile, but for the time of the call.
            to_thread(|| thread::sleep(MS / 2)).await.unwrap();
            assert_eq!(Instant::now(), begun);
        }
        assert!(!sleeper.is_done());
        clock.advance(MS).await;
        assert!(sleeper.is_done());
        assert_eq!(clock.now() - begun, MS);
    });
}

#[test]
fn a_manual_clock_waits_for_threads_outside() {
    by_hand(async |clock, _| {
        let (begun, (tell, told)) = (clock.now(), raddle::promise());
        let sleeper = create_task(sleep(MS));
        let thread = thread::spawn(move || {
            thread::sleep(3 * MS);
            tell.set(()).unwrap();
        });
        told.await.unwrap();
        thread.join().unwrap();
        assert!(!sleeper.is_done() && clock.now() == begun);
    });
}

#[test]
fn what_is_due_has_been_done_when_an_advance_ends() {
    by_hand(async |clock, workers| {
        let done = Log::<u64>::default();
        let begun = clock.now();
        let log = done.clone();
        let started = on_each_worker(workers, move |index| {
            let log = log.clone();
            create_task(async move {
                for n in 1..=10 {
                    sleep(SECOND).await;
                    assert_eq!(begun.elapsed(), n * SECOND);
                    // A long way from the timer: over a task, a queue and another worker, perhaps.
                    let queue = Queue::unbounded();
                    let item = queue.clone();
                    create_task(async move {
                        yield_now().await;
                        item.put(1).await.unwrap();
                    })
                    .await
                    .unwrap();
                    queue.get().await.unwrap();
                    log.push(index as u64);
                }
            })
        });
        let started = started.await;
        for n in 1..=10 {
            clock.advance(SECOND).await;
            assert_eq!((done.len(), begun.elapsed()), (n * workers, n as u32 * SECOND));
        }
        assert!(started.iter().all(raddle::Task::is_done));
    });
}

#[test]
fn an_advance_goes_from_deadline_to_deadline() {
    by_hand(async |clock, _| {
        let (seen, begun) = (Log::<u32>::default(), clock.now());
        let log = seen.clone();
        let chain = create_task(async move {
            for n in 1..=60 {
                sleep(SECOND).await;
                assert_eq!(begun.elapsed(), n * SECOND);
                log.push(n);
            }
        });
        let ticking = create_task(async move {
            let mut ticks = interval(10 * SECOND);
            for n in 0..=6 {
                assert_eq!(ticks.tick().await, begun + n * 10 * SECOND);
                assert_eq!(begun.elapsed(), n * 10 * SECOND);
            }
        });
        clock.advance(60 * SECOND).await;
        assert!(chain.is_done() && ticking.is_done());
        assert_eq!(seen.take(), (1..=60).collect::<Vec<_>>());
    });
}

#[test]
fn an_advance_stops_where_it_ends() {
    by_hand(async |clock, _| {
        let begun = clock.now();
        let (soon, later) = (create_task(sleep(SECOND)), create_task(sleep(SECOND + MS)));
        yield_now().await;
        clock.advance(SECOND).await;
        assert_eq!((clock.now() - begun, soon.is_done(), later.is_done()), (SECOND, true, false));
        clock.advance(Duration::ZERO).await;
        assert_eq!((clock.now() - begun, later.is_done()), (SECOND, false));
        clock.advance(MS / 2).await;
        assert_eq!((clock.now() - begun, later.is_done()), (SECOND + MS / 2, false));
        clock.advance(MS / 2).await;
        assert!(later.is_done());
    });
}

#[test]
fn an_advance_of_nothing_waits_until_nothing_can_run() {
    by_hand(async |clock, workers| {
        let tasks = on_each_worker(workers, |_| {
            create_task(async {
                for _ in 0..100 {
                    yield_now().await;
                }
            })
        });
        let tasks = tasks.await;
        clock.advance(Duration::ZERO).await;
        assert!(tasks.iter().all(raddle::Task::is_done));
    });
}

#[test]
fn advances_at_the_same_time_add_up() {
    by_hand(async |clock, _| {
        let begun = clock.now();
        let ends = |n: u32| {
            let clock = clock.clone();
            async move {
                clock.advance(n * SECOND).await;
                clock.now() - begun
            }
        };
        assert_eq!(gather((ends(1), ends(2), ends(3))).await, (SECOND, 3 * SECOND, 6 * SECOND));
    });
}

#[test]
fn an_advance_that_is_dropped_goes_no_further() {
    by_hand(async |clock, _| {
        let begun = clock.now();
        let long = clock.clone();
        let moving = create_task(async move { long.advance(HOUR).await });
        sleep_until(begun + MS).await;
        moving.cancel();
        assert!(moving.await.is_err());
        assert!(clock.now() - begun < HOUR);
        // One that never was polled has not begun.
        drop(clock.advance(HOUR));
        let mut polled = Box::pin(clock.advance(HOUR));
        assert!(poll_once(&mut polled).await.is_pending());
        drop(polled);
        let now = clock.now();
        clock.advance(SECOND).await;
        assert_eq!(clock.now() - now, SECOND);
    });
}

#[test]
fn a_blocking_call_holds_an_advance_up() {
    by_hand(async |clock, _| {
        let (begun, (go, gone)) = (clock.now(), mpsc::channel::<()>());
        let call = to_thread(move || gone.recv().unwrap());
        let advancing = create_task({
            let clock = clock.clone();
            async move { clock.advance(HOUR).await }
        });
        for _ in 0..100 {
            yield_now().await;
            assert_eq!(clock.now(), begun);
        }
        go.send(()).unwrap();
        call.await.unwrap();
        advancing.await.unwrap();
        assert_eq!(clock.now() - begun, HOUR);
    });
}

#[test]
fn events_are_seen_before_an_advance_goes_on() {
    by_hand(async |clock, _| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = create_task(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            while timeout(SECOND, stream.read(&mut byte)).await.expect("the client wrote").unwrap() == 1 {
                stream.write_all(&byte).await.unwrap();
            }
        });
        let client = create_task(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for _ in 0..50 {
                stream.write_all(b"x").await.unwrap();
                timeout(SECOND, stream.read_exact(&mut [0])).await.expect("the server answered").unwrap();
            }
        });
        clock.advance(HOUR).await;
        assert!(server.is_done() && client.is_done());
        server.await.unwrap();
        client.await.unwrap();
    });
}

#[test]
fn threads_outside_can_advance_the_clock() {
    // From nothing can run, and with no deadline: somebody has to be told.
    by_hand(async |clock, workers| {
        on_each_worker(workers, |_| ()).await;
        let (begun, handle) = (clock.now(), Handle::current());
        let sleeper = create_task(async move {
            sleep(100 * SECOND).await;
            begun.elapsed()
        });
        let (tell, told) = raddle::promise();
        let mover = thread::spawn(move || {
            for n in 1..=100 {
                handle.block_on(clock.advance(SECOND));
                assert_eq!(clock.now() - begun, n * SECOND);
            }
            tell.set(()).unwrap();
        });
        assert_eq!(sleeper.await.unwrap(), 100 * SECOND);
        // The mover is told of its arrival when all others wait.
        told.await.unwrap();
        mover.join().unwrap();
    });
}

#[test]
fn a_blocking_call_can_advance_the_clock_of_its_runtime() {
    by_hand(async |clock, _| {
        let (begun, handle) = (clock.now(), Handle::current());
        let sleeper = create_task(sleep(SECOND));
        let moves = to_thread(move || handle.block_on(clock.advance(HOUR)));
        moves.await.unwrap();
        assert!(sleeper.is_done());
        assert_eq!(begun.elapsed(), HOUR);
    });
}

#[test]
fn a_clock_that_nothing_goes_by_moves_at_once() {
    let _watch = watch();
    let clock = Clock::manual();
    let begun = clock.now();
    runner(2).run(clock.advance(HOUR));
    assert_eq!(clock.now() - begun, HOUR);
    // Nor does a runtime that has ended.
    runner(2).clock(clock.clone()).run(async {});
    runner(1).run(clock.advance(HOUR));
    assert_eq!(clock.now() - begun, 2 * HOUR);
}

#[test]
fn a_clock_that_jumps_by_itself_can_be_advanced() {
    let _watch = watch();
    for workers in [1, 2, 8] {
        runner(workers).clock(Clock::auto()).run(async {
            let begun = Instant::now();
            let sleeper = create_task(async {
                sleep(SECOND).await;
                for _ in 0..100 {
                    yield_now().await;
                }
            });
            Clock::current().advance(SECOND).await;
            assert!(sleeper.is_done());
            assert_eq!(begun.elapsed(), SECOND);
        });
    }
}

#[test]
fn time_that_was_advanced_stays_so_from_run_to_run() {
    let _watch = watch();
    for workers in [1, 4] {
        let clock = Clock::manual();
        let mut runner = runner(workers).clock(clock.clone());
        let begun = clock.now();
        let mut sleeper = None;
        runner.run(async { sleeper = Some(create_task(sleep(2 * SECOND))) });
        let sleeper = sleeper.unwrap();
        runner.run(clock.advance(SECOND));
        assert!(!sleeper.is_done());
        runner.run(clock.advance(SECOND));
        assert!(sleeper.is_done());
        assert_eq!(clock.now() - begun, 2 * SECOND);
    }
}

#[test]
fn the_clock_of_a_thread_is_its_runtimes() {
    let _watch = watch();
    assert!(!Clock::current().is_virtual());
    let clock = Clock::manual();
    runner(2).clock(clock.clone()).run(async {
        assert!(Clock::current().is_virtual());
        Clock::current().advance(HOUR).await;
        assert_eq!(Clock::current().now(), clock.now());
    });
    runner(2).run(async { assert!(!Clock::current().is_virtual()) });
    virtual_runner().run(async { assert!(Clock::current().is_virtual()) });
}

#[test]
fn the_end_of_a_run_does_not_wait_for_a_clock_that_nobody_moves() {
    let _watch = watch();
    let clock = Clock::manual();
    runner(2).clock(clock.clone()).run(async {
        create_task(sleep(HOUR)).detach();
        create_task(hold(())).detach();
        yield_now().await;
    });
}

#[test]
fn the_real_clock_is_advanced_by_nobody() {
    let _watch = watch();
    let text = panic_of(|| Clock::real().advance(SECOND));
    assert_eq!(
        text,
        "Clock::advance: nobody can move the real clock; run the program by a clock of its own, with \
         Runner::clock(Clock::manual()) or #[raddle::test(clock = manual)], and advance that one"
    );
    let text = panic_of(|| Runner::new().workers(2).run(async { Clock::current().advance(SECOND).await }));
    assert!(text.starts_with("Clock::advance: nobody can move the real clock"), "{text}");
}

#[raddle::test(workers = 4, clock = manual)]
async fn a_test_may_ask_for_a_clock_to_be_moved_by_hand() {
    let sleeper = create_task(sleep(HOUR));
    Clock::current().advance(HOUR - MS).await;
    assert!(!sleeper.is_done());
    Clock::current().advance(MS).await;
    assert!(sleeper.is_done());
}
