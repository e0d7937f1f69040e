//! SIGSTOP and SIGCONT: a process that stands still for a second, as under a debugger or on a machine that is moved,
//! goes on where it was. What was sent meanwhile is there; what was due meanwhile happens once; nobody is suspected of
//! anything.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use raddle::{
    Event, Instant, Interval, MissedTickBehavior, Runner, TcpListener, TcpStream, create_task, interval, sleep, timeout,
};
use rustix::process::Signal;

use super::victim::{Victim, connect, hear_echo, heard, is_victim, orders, say};
use crate::common::{Count, Reports, all_workers_live, runner, watch};

/// How long the victim stands still.
const STOPPED: Duration = Duration::from_secs(1);
/// What it waits for while it does is due in the middle.
const DUE: Duration = Duration::from_millis(500);

const CLIENTS: usize = 20;
const MESSAGES: usize = 100;

async fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        stream.write_all(&buffer[..length]).await.unwrap();
    }
}

fn stop_and_go(victim: &Victim, meanwhile: impl FnOnce()) {
    victim.signal(Signal::STOP);
    meanwhile();
    // What it is about is time.
    thread::sleep(STOPPED);
    victim.signal(Signal::CONT);
}

#[test]
fn clients_that_write_meanwhile_are_answered() {
    let test = "clients_that_write_meanwhile_are_answered";
    let _watch = watch();
    let body = || {
        let reports = Reports::default();
        reports.of(runner(2)).run(async {
            let orders = orders();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            say(format!("listening {}", listener.local_addr().unwrap()));
            create_task(async move {
                loop {
                    create_task(echo(listener.accept().await.unwrap().0)).detach();
                }
            })
            .detach();
            assert!(orders.get().await.is_err(), "nothing more comes");
            all_workers_live(2).await;
        });
        assert_eq!(reports.take(), [""; 0]);
    };
    if is_victim(test, body) {
        return;
    }
    let mut victim = Victim::start(module_path!(), test, test, &[]);
    let address: SocketAddr = victim.hear("listening ").parse().unwrap();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(address)).collect();
    let text = |number| format!("{number:07}\n").repeat(MESSAGES);
    let (old, new) = clients.split_at_mut(CLIENTS);
    assert!(new.is_empty());
    let mut late = Vec::new();
    stop_and_go(&victim, || {
        for (number, client) in old.iter_mut().enumerate() {
            client.write_all(text(number).as_bytes()).unwrap();
        }
        // The kernel accepts for it.
        late.extend((0..CLIENTS).map(|_| connect(address)));
        for (number, client) in late.iter_mut().enumerate() {
            client.write_all(text(1000 + number).as_bytes()).unwrap();
        }
    });
    for (number, client) in old.iter_mut().enumerate() {
        hear_echo(client, &text(number));
    }
    for (number, client) in late.iter_mut().enumerate() {
        hear_echo(client, &text(1000 + number));
    }
    victim.finish();
}

/// Ticks until the interval has been going for long enough; when each was due, in periods.
async fn ticks(mut interval: Interval, behavior: MissedTickBehavior) -> Vec<u32> {
    interval.set_missed_tick_behavior(behavior);
    let first = interval.tick().await;
    let mut due = vec![0];
    while first.elapsed() < STOPPED + 2 * DUE {
        let tick = interval.tick().await;
        assert!(tick.elapsed() > Duration::ZERO || tick == Instant::now(), "not before it is due");
        let (passed, period) = (tick.duration_since(first).as_nanos(), interval.period().as_nanos());
        due.push((passed / period) as u32);
        if behavior != MissedTickBehavior::Delay {
            assert_eq!(passed % period, 0, "in the old rhythm");
        }
    }
    due
}

#[test]
fn what_was_due_meanwhile_happens_once_and_ticks_are_made_up_for_as_was_asked() {
    let test = "what_was_due_meanwhile_happens_once_and_ticks_are_made_up_for_as_was_asked";
    let _watch = watch();
    let body = || {
        let reports = Reports::default();
        reports.of(runner(2)).run(async {
            let fired = Count::default();
            let waiting: Vec<_> = (0..100)
                .map(|n| {
                    let fired = fired.clone();
                    create_task(async move {
                        let begun = Instant::now();
                        // Some are not due before it goes on.
                        let limit = DUE + if n % 2 == 0 { Duration::ZERO } else { STOPPED };
                        assert!(timeout(limit, std::future::pending::<()>()).await.is_err());
                        assert!(begun.elapsed() >= limit, "not too soon");
                        fired.add();
                    })
                })
                .collect();
            // Longer than anything else here.
            let not_due = create_task(sleep(Duration::from_secs(3600)));
            let period = Duration::from_millis(50);
            let kinds = [MissedTickBehavior::Burst, MissedTickBehavior::Skip, MissedTickBehavior::Delay];
            let intervals = kinds.map(|kind| create_task(ticks(interval(period), kind)));
            // All of them are on their way.
            sleep(period).await;
            say("ready");
            for task in waiting {
                task.await.unwrap();
            }
            assert_eq!(fired.get(), 100);
            assert!(!not_due.is_done());
            let [burst, skip, delay] = intervals;
            let burst = burst.await.unwrap();
            assert!(burst.iter().copied().eq(0..burst.len() as u32), "each tick: {burst:?}");
            for some in [skip.await.unwrap(), delay.await.unwrap()] {
                assert!(some.is_sorted_by(|a, b| a < b), "{some:?}");
                let longest = some.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
                assert!(longest >= 15, "those of the second in which it stood still are left out: {some:?}");
            }
        });
        assert_eq!(reports.take(), [""; 0]);
    };
    if is_victim(test, body) {
        return;
    }
    let mut victim = Victim::start(module_path!(), test, test, &[]);
    victim.hear("ready");
    stop_and_go(&victim, || ());
    victim.finish();
}

#[test]
fn a_poll_is_not_slow_because_the_process_stood_still() {
    let test = "a_poll_is_not_slow_because_the_process_stood_still";
    let _watch = watch();
    let body = || {
        let reports = Reports::default();
        let mut runner = reports.of(Runner::new().workers(2).slow_poll(DUE));
        runner.run(async {
            // Blocks its worker, which the other one relieves, before and after.
            let (done, rest) = (std::sync::Arc::new(Event::new()), Count::default());
            let relief = {
                let (done, rest) = (done.clone(), rest.clone());
                create_task(async move {
                    while !done.is_set() {
                        sleep(Duration::from_millis(1)).await;
                        rest.add();
                    }
                })
            };
            create_task(async {
                say("polling");
                assert_eq!(heard().as_deref(), Some("go on"));
            })
            .await
            .unwrap();
            done.set();
            relief.await.unwrap();
            assert!(rest.get() > 0);
        });
        assert_eq!(reports.take(), [""; 0]);
    };
    if is_victim(test, body) {
        return;
    }
    let mut victim = Victim::start(module_path!(), test, test, &[]);
    victim.hear("polling");
    // It has been seen in its poll.
    thread::sleep(Duration::from_millis(50));
    stop_and_go(&victim, || ());
    // And still is.
    thread::sleep(Duration::from_millis(100));
    victim.tell("go on");
    victim.finish();
}
