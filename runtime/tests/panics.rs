//! Promises about panics: caught wherever foreign code is called, told to whoever awaits or else reported, and no
//! worker is lost by any of them.

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use common::{Bomb, Count, Log, Reports, all_workers_live, hold, on_drop, panic_of, runner, tell, watch};
use raddle::{TaskError, call_soon, create_local_task, create_task, promise, sleep, to_thread, yield_now};

/// Waits until the runtime has reported so many exceptions.
async fn reported(reports: &Reports, count: usize) -> Vec<String> {
    while reports.len() < count {
        sleep(Duration::from_millis(1)).await;
    }
    reports.take()
}

/// Runs `main` with 1, 2 and 4 workers; afterwards every worker must still do its work.
fn each<Fut: Future<Output = ()>>(main: impl Fn(Reports) -> Fut) {
    let _watch = watch();
    for workers in [1, 2, 4] {
        let reports = Reports::default();
        reports.of(runner(workers)).run(async {
            main(reports.clone()).await;
            all_workers_live(workers).await;
        });
        assert_eq!(reports.take(), [""; 0], "reported besides, with {workers} workers");
    }
}

#[test]
fn a_panic_reaches_the_awaiter_and_nobody_else() {
    each(|_| async {
        let error = create_task(async { panic!("number {}", 7) }).await.map(|(): ()| ()).unwrap_err();
        assert!(matches!(&error, TaskError::Panicked(panic) if panic.message() == "number 7"), "{error}");
        let error = create_local_task(async { panic!("at home") }).await.map(|(): ()| ()).unwrap_err();
        assert_eq!(error.to_string(), "task panicked: at home");
        let task = create_task(async { panic!("later") });
        sleep(Duration::from_millis(2)).await;
        assert_eq!(task.await.map(|(): ()| ()).unwrap_err().to_string(), "task panicked: later");
    });
}

#[test]
fn a_panic_that_nobody_can_await_is_reported() {
    // The handle goes before the panic, and after it.
    each(|reports| async move {
        create_task(async { panic!("alone") }).detach();
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.starts_with("a task panicked, and nobody awaits it | alone | Task-"), "{text}");
        let task = create_task(async { panic!("unseen") });
        while !task.is_done() {
            yield_now().await;
        }
        assert_eq!(reports.len(), 0, "it could still be awaited");
        drop::<raddle::Task<()>>(task);
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.contains("unseen"), "{text}");
    });
}

#[test]
fn a_panic_while_a_cancelled_future_is_dropped_is_reported() {
    each(|reports| async move {
        let task = create_task(hold(on_drop(|| panic!("in drop"))));
        yield_now().await;
        task.cancel();
        assert!(matches!(task.await, Err(TaskError::Cancelled)));
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.starts_with("a task's future panicked while it was dropped | in drop"), "{text}");
    });
}

#[test]
fn a_panic_after_a_panic_is_reported_and_the_first_one_told() {
    // The future panics in its poll, and what is left of it panics in its drop.
    struct Twice;
    impl Future for Twice {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> std::task::Poll<()> {
            panic!("first");
        }
    }
    impl Drop for Twice {
        fn drop(&mut self) {
            panic!("second");
        }
    }
    each(|reports| async move {
        assert_eq!(create_task(Twice).await.unwrap_err().to_string(), "task panicked: first");
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.contains("second"), "{text}");
    });
}

#[test]
fn a_panic_while_an_output_is_dropped_is_reported() {
    each(|reports| async move {
        create_task(async { on_drop(|| panic!("output")) }).detach();
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.starts_with("a task's output panicked while it was dropped | output"), "{text}");
    });
}

#[test]
fn a_foreign_waker_that_panics_harms_nobody() {
    // As the waker of a joiner, and of a timer.
    each(|reports| async move {
        let bomb = Waker::from(Arc::new(Bomb));
        let (go, gone) = promise::<()>();
        let mut task = create_task(async move { gone.await.unwrap() });
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&bomb)).is_pending());
        go.set(()).unwrap();
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.contains("a foreign waker panics"), "{text}");
        assert!(task.await.is_ok());

        let mut timer = pin!(sleep(Duration::from_millis(1)));
        assert!(timer.as_mut().poll(&mut Context::from_waker(&bomb)).is_pending());
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.contains("a foreign waker panics"), "{text}");
        timer.await;
    });
}

#[test]
fn a_done_callback_that_panics_does_not_keep_the_next_from_being_called() {
    each(|reports| async move {
        let task = create_task(hold(()));
        let (said, heard) = promise();
        task.on_done(|_| panic!("callback"));
        task.on_done(move |status| tell(said, status));
        task.cancel();
        assert_eq!(heard.await.unwrap(), raddle::TaskStatus::Cancelled);
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.starts_with("an on_done callback panicked | callback"), "{text}");
    });
}

#[test]
fn a_panic_in_on_exception_harms_nobody() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let mut runner = runner(workers).debug(false).on_exception(move |context| {
            counted.fetch_add(1, Ordering::SeqCst);
            panic!("the handler panics over: {}", context.message);
        });
        runner.run(async {
            for _ in 0..10 {
                create_task(async { panic!("alone") }).detach();
            }
            while calls.load(Ordering::SeqCst) < 10 {
                sleep(Duration::from_millis(1)).await;
            }
            all_workers_live(workers).await;
        });
    }
}

#[test]
fn a_payload_whose_drop_panics_is_let_go() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("the payload panics");
        }
    }
    each(|reports| async move {
        create_task(async { std::panic::panic_any(Payload) }).detach();
        let texts = reported(&reports, 2).await;
        assert!(texts[0].contains("nobody awaits it"), "{texts:?}");
        create_task(hold(on_drop(|| std::panic::panic_any(Payload)))).cancel();
        reported(&reports, 1).await;
    });
}

#[test]
fn a_panic_of_main_runs_the_whole_shutdown_first() {
    // The log has the leftovers' drops before the unwinding reaches the caller.
    let _watch = watch();
    for workers in [1, 2, 4] {
        let log = Log::<String>::default();
        let caught = panic_of(|| {
            runner(workers).run(async {
                for _ in 0..3 {
                    let log = log.clone();
                    create_task(hold(on_drop(move || log.push("leftover dropped")))).detach();
                }
                yield_now().await;
                let _unwound = on_drop(|| log.push("main unwinds"));
                panic!("main's own");
            });
        });
        log.push(format!("caught: {caught}"));
        let mut expected = vec!["main unwinds"];
        expected.extend(["leftover dropped"; 3]);
        expected.push("caught: main's own");
        assert_eq!(log.take(), expected);
    }
}

#[test]
fn a_runner_works_on_after_mains_panic() {
    let _watch = watch();
    for workers in [1, 2] {
        let mut runner = runner(workers);
        let text = panic_of(|| runner.run(async { panic!("first run") }));
        assert_eq!(text, "first run");
        assert_eq!(runner.run(async { create_task(async { 2 }).await.unwrap() }), 2);
        runner.run(all_workers_live(workers));
    }
}

#[test]
fn a_panic_in_a_blocking_call_reaches_its_awaiter() {
    // The pool of one thread does the next call all the same; a panic that nobody awaits takes nothing down.
    each(|_| async {
        let error = to_thread(|| panic!("in a thread")).await.map(|(): ()| ()).unwrap_err();
        assert_eq!(error.to_string(), "task panicked: in a thread");
        drop(to_thread(|| panic!("unheard")));
        for n in 0..100 {
            assert_eq!(to_thread(move || n).await.unwrap(), n);
        }
    });
}

#[test]
fn a_panic_in_a_callback_is_reported() {
    each(|reports| async move {
        call_soon(|| panic!("soon"));
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.contains("soon"), "{text}");
        raddle::call_later(Duration::from_millis(1), || panic!("later"));
        let text = reported(&reports, 1).await.remove(0);
        assert!(text.contains("later"), "{text}");
    });
}

#[test]
fn a_storm_of_panics_loses_nothing() {
    let _watch = watch();
    for workers in [2, 4] {
        let (reports, dropped) = (Reports::default(), Count::default());
        reports.of(runner(workers)).run(async {
            let tasks: Vec<_> = (0..500)
                .map(|n| {
                    let on_drop = dropped.drops();
                    create_task(async move {
                        let _on_drop = on_drop;
                        yield_now().await;
                        assert!(n % 2 == 0, "task {n}");
                        n
                    })
                })
                .collect();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.ok(), (n % 2 == 0).then_some(n));
            }
            all_workers_live(workers).await;
        });
        assert_eq!((dropped.get(), reports.len()), (500, 0));
    }
}
