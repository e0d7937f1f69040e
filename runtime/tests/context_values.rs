//! Promises about scopes of context variables, and about when values go: with their scope, their task, their runner.

mod common;

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use common::{Count, Log, Reports, eventually, on_drop, panic_of, poll_once, runner, tell, virtual_runner, watch};
use raddle::{TaskBuilder, context_var, copy_context, create_task, gather, promise, run, to_thread, yield_now};

/// A value that tells when the last copy of it goes.
type Held = Option<Arc<dyn Send + Sync>>;

context_var! {
    static VAR: &'static str = "default";
    static OTHER: u64 = 0;
    static HELD: Held = None;
    #[no_inherit]
    static HELD_ALONE: Held = None;
}

fn held(guard: impl Send + 'static) -> Held {
    Some(Arc::new(Mutex::new(guard)))
}

#[test]
fn a_scope_is_there_in_each_poll_and_not_in_between() {
    let _watch = watch();
    virtual_runner().run(async {
        VAR.set("outside");
        let borrowed = String::from("borrowed");
        let mut scope = Box::pin(VAR.scope("inside", async {
            assert_eq!((VAR.get(), borrowed.len()), ("inside", 8));
            yield_now().await;
            assert_eq!(VAR.get(), "inside");
            VAR.set("set inside");
            OTHER.set(5);
            yield_now().await;
            assert_eq!(VAR.get(), "set inside");
            create_task(async { VAR.get() }).await.unwrap()
        }));
        for _ in 0..2 {
            assert!(poll_once(&mut scope).await.is_pending());
            assert_eq!(VAR.get(), "outside");
            VAR.set("outside");
        }
        assert_eq!(OTHER.get(), 5, "only the scope's own variable is put back");
        assert_eq!(scope.await, "set inside");
        assert_eq!(VAR.get(), "outside");
    });
}

#[test]
fn scopes_nest_and_stand_side_by_side() {
    let _watch = watch();
    runner(2).run(async {
        let body = |name: &'static str| {
            VAR.scope(name, async move {
                for _ in 0..10 {
                    assert_eq!(VAR.get(), name);
                    let inner = VAR.scope("inner", async {
                        yield_now().await;
                        (VAR.get(), OTHER.get())
                    });
                    assert_eq!(OTHER.scope(1, inner).await, ("inner", 1));
                    yield_now().await;
                }
            })
        };
        gather((body("a"), body("b"), body("c"))).await;
        assert_eq!((VAR.get(), OTHER.get()), ("default", 0));
    });
}

#[test]
fn a_scope_ends_with_a_panic_too() {
    let _watch = watch();
    run(async {
        VAR.set("outside");
        let mut scope = Box::pin(VAR.scope("inside", async { panic!("{}", VAR.get()) }));
        let waker = Waker::noop();
        let said = panic_of(|| scope.as_mut().poll(&mut Context::from_waker(waker)));
        assert_eq!((&*said, VAR.get()), ("inside", "outside"));
        assert_eq!(panic_of(|| VAR.sync_scope("inside", || panic!("{}", VAR.get()))), "inside");
        assert_eq!(VAR.get(), "outside");
        let again = panic_of(|| {
            let mut ready = pin!(VAR.scope("", async {}));
            let mut cx = Context::from_waker(waker);
            let _ = ready.as_mut().poll(&mut cx);
            ready.poll(&mut cx)
        });
        assert_eq!(again, "a scope of VAR was polled again after it had ended");
    });
}

#[test]
fn a_future_is_dropped_inside_its_scope() {
    // Dropped half-way, dropped before its first poll, and what is left of it once it has ended.
    let _watch = watch();
    run(async {
        let log = Log::<&'static str>::default();
        let see = |log: &Log<_>| {
            let log = log.clone();
            on_drop(move || log.push(VAR.get()))
        };
        let (first, second, third) = (see(&log), see(&log), see(&log));
        let mut half_way = Box::pin(VAR.scope("half-way", common::hold(first)));
        assert!(poll_once(&mut half_way).await.is_pending());
        drop(half_way);
        drop(VAR.scope("never polled", common::hold(second)));
        VAR.scope(
            "to its end",
            poll_fn(move |_| {
                let _keep = &third;
                Poll::Ready(())
            }),
        )
        .await;
        assert_eq!(log.take(), ["half-way", "never polled", "to its end"]);
        assert_eq!(VAR.get(), "default");
    });
}

#[test]
fn a_cancelled_future_is_dropped_in_its_context() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let log = Log::<(&'static str, u64)>::default();
            VAR.set("parent");
            let guard = log.clone();
            let guard = on_drop(move || guard.push((VAR.get(), OTHER.get())));
            let (begin, begun) = promise();
            let task = create_task(async {
                VAR.set("task");
                tell(begin, ());
                OTHER.scope(3, common::hold(guard)).await;
            });
            begun.await.unwrap();
            task.cancel();
            let never_polled = create_task(common::hold({
                let log = log.clone();
                on_drop(move || log.push((VAR.get(), OTHER.get())))
            }));
            never_polled.cancel();
            assert!(task.await.is_err() && never_polled.await.is_err());
            let mut seen = log.take();
            seen.sort_unstable();
            assert_eq!(seen, [("parent", 0), ("task", 3)]);
        });
    }
}

#[test]
fn values_go_when_their_task_ends() {
    // Before anybody learns of the end, whatever becomes of the handle; what several tasks share, with the last.
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let dropped = Count::default();
            let value = |dropped: &Count| held(dropped.drops());
            let (own, alone) = (value(&dropped), value(&dropped));
            let mut ended = create_task(async move {
                HELD.set(own);
                HELD_ALONE.set(alone);
                yield_now().await;
            });
            (&mut ended).await.unwrap();
            assert_eq!(dropped.get(), 2);

            let own = value(&dropped);
            let cancelled = create_task(async move {
                HELD.set(own);
                pending::<()>().await;
            });
            yield_now().await;
            cancelled.cancel();
            assert!(cancelled.await.is_err());
            let own = value(&dropped);
            let panicked = create_task(async move {
                HELD.set(own);
                panic!("on purpose");
            });
            assert!(panicked.await.is_err());
            let (own, dropped_now) = (value(&dropped), dropped.clone());
            create_task(async move { HELD.set(own) }).detach();
            to_thread(move || eventually("a detached task ends", || dropped_now.get() == 5)).await.unwrap();

            HELD.set(value(&dropped));
            let (go, gone) = promise();
            let heir = create_task(async { gone.await.unwrap() });
            HELD.set(None);
            assert_eq!(dropped.get(), 5);
            tell(go, ());
            heir.await.unwrap();
            assert_eq!(dropped.get(), 6);

            let context = copy_context();
            context.run(|| HELD.set(value(&dropped)));
            TaskBuilder::new().context(context.clone()).create(async {}).await.unwrap();
            assert_eq!(dropped.get(), 6, "who gave the context has it still");
            drop(context);
            assert_eq!(dropped.get(), 7);

            HELD.scope(value(&dropped), async { HELD.set(value(&dropped)) }).await;
            assert_eq!(dropped.get(), 9);
            drop(ended);
        });
    }
}

#[test]
fn values_of_main_go_with_the_runner() {
    let _watch = watch();
    let dropped = Count::default();
    let mut runner = runner(2);
    runner.run(async { HELD.set(held(dropped.drops())) });
    runner.run(async { assert!(HELD.with(Option::is_some)) });
    assert_eq!(dropped.get(), 0);
    drop(runner);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_value_that_panics_while_it_is_dropped_harms_nobody() {
    let _watch = watch();
    let reports = Reports::default();
    let dropped = Count::default();
    fn bomb() -> Held {
        held(on_drop(|| panic!("bomb")))
    }
    let mut runner = reports.of(runner(1));
    runner.run(async {
        let guard = held(dropped.drops());
        let task = TaskBuilder::new().name("bombed").create(async move {
            HELD.set(bomb());
            HELD_ALONE.set(bomb());
            FINE.set(guard);
            7
        });
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(dropped.get(), 1);
        let said = "a context variable's value panicked while it was dropped | bomb | bombed";
        assert_eq!(reports.take(), [said, said]);
        // In an output's destructor, which runs after that.
        create_task(async { on_drop(|| HELD.set(bomb())) }).detach();
        while reports.len() == 0 {
            yield_now().await;
        }
        reports.take();
        HELD.set(bomb());
    });
    drop(runner);
    assert_eq!(reports.take(), ["a context variable's value panicked while it was dropped | bomb | no task"]);
    context_var! { static FINE: Held = None }
}

#[test]
fn values_may_use_variables_while_they_are_dropped_or_cloned() {
    struct Curious(Log<&'static str>);
    impl Drop for Curious {
        fn drop(&mut self) {
            self.0.push(VAR.get());
            VAR.set("set by a destructor");
        }
    }
    impl Clone for Curious {
        fn clone(&self) -> Curious {
            VAR.set("set by a clone");
            Curious(self.0.clone())
        }
    }
    context_var! { static CURIOUS: Option<Curious> = None }
    let _watch = watch();
    virtual_runner().run(async {
        let log = Log::default();
        CURIOUS.set(Some(Curious(log.clone())));
        drop(CURIOUS.get());
        assert_eq!((log.take(), VAR.get()), (vec!["set by a clone"], "set by a destructor"));
        CURIOUS.set(None);
        CURIOUS.sync_scope(Some(Curious(log.clone())), || VAR.set("in scope"));
        assert_eq!(log.take(), ["set by a destructor", "in scope"]);
        let inner = log.clone();
        create_task(async move { CURIOUS.set(Some(Curious(inner))) }).await.unwrap();
        assert_eq!(log.len(), 1);
    });
}

#[test]
fn a_thread_that_ends_drops_its_values() {
    let dropped = Count::default();
    let guard = held(dropped.drops());
    let last = on_drop(|| {
        // At the very end of the thread nothing is set any more.
        HELD.set(None);
        assert!(HELD.with(Option::is_none));
    });
    thread::spawn(move || {
        HELD.set(guard);
        HELD_ALONE.set(held(last));
    })
    .join()
    .unwrap();
    assert_eq!(dropped.get(), 1);
}
