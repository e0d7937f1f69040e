//! Promises of `signal` and `ctrl_c`, with real signals.

mod common;
mod signal_support;

use std::future::{Future, pending};
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use common::{Bomb, Count, runner, watch};
use raddle::{Signal, create_task, ctrl_c, gather, race, signal};
use signal_support::{alone, in_a_process, install, is_caught, send};

fn poll<F: Future>(future: F, waker: &Waker) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn a_signal_between_the_call_and_the_first_poll_counts() {
    let _watch = watch();
    let _alone = alone();
    for workers in [1, 2] {
        let mut early = signal(Signal::USR1).unwrap();
        let ctrl_c = ctrl_c();
        send(Signal::USR1);
        send(Signal::INT);
        runner(workers).run(async {
            early.recv().await;
            ctrl_c.await;
        });
    }
}

#[test]
fn a_signal_before_the_call_does_not_count() {
    let _watch = watch();
    let _alone = alone();
    let mut first = signal(Signal::USR1).unwrap();
    send(Signal::USR1);
    runner(1).run(first.recv());
    let mut second = signal(Signal::USR1).unwrap();
    assert!(poll(second.recv(), Waker::noop()).is_pending());
    assert!(poll(first.recv(), Waker::noop()).is_pending(), "given once");
}

#[test]
fn every_listener_is_told_once_for_any_number_of_signals() {
    let _watch = watch();
    let _alone = alone();
    runner(2).run(async {
        let told = Count::default();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let mut signals = signal(Signal::USR2).unwrap();
                let told = told.clone();
                create_task(async move {
                    signals.recv().await;
                    told.add();
                    signals
                })
            })
            .collect();
        (0..5).for_each(|_| send(Signal::USR2));
        for task in tasks {
            let mut signals = task.await.unwrap();
            // What came after the first look may be told of once more, what came before it may not.
            while poll(signals.recv(), Waker::noop()).is_ready() {}
        }
        assert_eq!(told.get(), 10);
    });
}

#[test]
fn who_waits_already_is_woken_round_after_round() {
    let _watch = watch();
    let _alone = alone();
    for workers in [1, 2] {
        runner(workers).run(async {
            let mut pings = signal(Signal::USR1).unwrap();
            let mut pongs = signal(Signal::USR2).unwrap();
            let answers = create_task(async move {
                for _ in 0..200 {
                    pings.recv().await;
                    send(Signal::USR2);
                }
            });
            for _ in 0..200 {
                send(Signal::USR1);
                pongs.recv().await;
            }
            answers.await.unwrap();
        });
    }
}

#[test]
fn a_dropped_wait_loses_nothing() {
    let _watch = watch();
    let _alone = alone();
    runner(2).run(async {
        let mut signals = signal(Signal::USR1).unwrap();
        assert!(poll(signals.recv(), Waker::noop()).is_pending());
        send(Signal::USR1);
        race((signals.recv(), pending())).await;
        send(Signal::USR1);
        drop(signals.recv());
        signals.recv().await;
    });
}

#[test]
fn any_executor_will_do_and_a_waker_that_panics_harms_nobody() {
    let _watch = watch();
    let _alone = alone();
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut first, mut second) = (signal(Signal::USR1).unwrap(), signal(Signal::USR1).unwrap());
    let (mut bombed, mut waits) = (pin!(first.recv()), pin!(second.recv()));
    for _ in 0..2 {
        assert!(bombed.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(Bomb)))).is_pending());
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        send(Signal::USR1);
        while waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            thread::park();
        }
        assert!(bombed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}

#[test]
fn the_last_listener_puts_the_former_action_back() {
    let _watch = watch();
    let _alone = alone();
    for _ in 0..3 {
        assert!(!is_caught(Signal::INT));
        let (first, second) = (ctrl_c(), signal(Signal::INT).unwrap());
        assert!(is_caught(Signal::INT));
        drop(first);
        assert!(is_caught(Signal::INT));
        drop(second);
    }
    assert!(!is_caught(Signal::INT));
}

#[test]
fn a_handler_that_was_there_before_sees_the_signal_too() {
    let _watch = watch();
    let _alone = alone();
    use std::sync::atomic::{AtomicUsize, Ordering};
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn see(_: i32) {
        SEEN.fetch_add(1, Ordering::SeqCst);
    }
    install(Signal::WINCH, see);
    runner(1).run(async {
        let mut signals = signal(Signal::WINCH).unwrap();
        send(Signal::WINCH);
        signals.recv().await;
        drop(signals);
        send(Signal::WINCH);
        assert_eq!(SEEN.load(Ordering::SeqCst), 2, "back alone");
    });
}

/// Goal: without a listener a signal does to the process what it always does.
#[test]
fn a_dropped_listener_leaves_the_process_to_the_signal() {
    let _watch = watch();
    let output = in_a_process("a_dropped_listener_leaves_the_process_to_the_signal", || {
        runner(2).run(async {
            let mut signals = signal(Signal::TERM).unwrap();
            send(Signal::TERM);
            signals.recv().await;
            drop(signals);
            send(Signal::TERM);
            pending::<()>().await;
        });
    });
    let Some(output) = output else { return };
    assert_eq!(output.status.signal(), Some(15), "{output:?}");
}

#[test]
fn what_cannot_be_listened_to_is_refused_with_a_reason() {
    let _alone = alone();
    let refusal = |number: Signal| signal(number).unwrap_err().to_string();
    assert_eq!(refusal(Signal::STOP), "SIGSTOP cannot be listened to: the system lets no program see it");
    let faulty = "SIGSEGV cannot be listened to: it comes from a faulty instruction, which would be repeated for ever";
    assert_eq!(refusal(Signal::SEGV), faulty);
    for number in [0, -1, 65, i32::MAX, i32::MIN] {
        let text = format!("signal {number} cannot be listened to: signals have the numbers 1 to 64");
        assert_eq!(refusal(Signal::from_raw(number)), text);
    }
    // The C library keeps two for itself; the last one is anybody's.
    assert!(refusal(Signal::from_raw(32)).starts_with("signal 32 cannot be listened to: "));
    let _last = signal(Signal::from_raw(64)).unwrap();
}

#[test]
fn signals_have_names() {
    let names = [Signal::HUP, Signal::INTERRUPT, Signal::CHILD, Signal::from_raw(15), Signal::from_raw(40)];
    let names: Vec<_> = names.iter().map(|signal| format!("{signal} {signal:?} {}", signal.as_raw())).collect();
    assert_eq!(
        names,
        ["SIGHUP SIGHUP 1", "SIGINT SIGINT 2", "SIGCHLD SIGCHLD 17", "SIGTERM SIGTERM 15", "signal 40 signal 40 40"]
    );
    let _alone = alone();
    let mut signals = signal(Signal::HUP).unwrap();
    assert!(format!("{signals:?}").starts_with("<Signals of SIGHUP from runtime/tests/signals.rs:"), "{signals:?}");
    assert!(format!("{:?}", signals.recv()).starts_with("<Signals::recv of SIGHUP at "));
    assert!(format!("{:?}", ctrl_c()).starts_with("<ctrl_c at "));
}

/// Listeners come and go on all workers while signals rain: nobody hangs, and the process lives.
#[test]
fn listeners_come_and_go_in_a_rain_of_signals() {
    let _watch = watch();
    let _alone = alone();
    // The process's life: this one stays.
    let _roof = signal(Signal::USR1).unwrap();
    runner(2).run(async {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                create_task(async {
                    for _ in 0..common::scaled(2000) {
                        let mut signals = signal(Signal::USR1).unwrap();
                        send(Signal::USR1);
                        let mut others = signal(Signal::USR1).unwrap();
                        gather((signals.recv(), async {
                            send(Signal::USR1);
                            others.recv().await;
                        }))
                        .await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}
