//! Promises of context variables: what starts anywhere gets a copy, what is awaited in place shares, and a context may
//! be given by hand. Scopes, and when values go, are in `context_values`.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::{Count, panic_of, runner, tell, virtual_runner, watch};
use raddle::{
    Handle, Instant, Runner, TaskBuilder, TaskContext, call_at, call_later, call_soon, context_var, copy_context,
    create_local_task, create_task, promise, run, sleep, to_thread, yield_now,
};

context_var! {
    static VAR: &'static str = "default";
    static OTHER: u64 = 0;
    #[no_inherit]
    static PRIVATE: u64 = 0;
}

#[test]
fn changes_of_parent_and_child_do_not_reach_the_other() {
    let _watch = watch();
    for workers in [1, 4] {
        runner(workers).run(async {
            VAR.set("parent");
            let (go, gone) = promise();
            let child = create_task(async move {
                let before = VAR.get();
                gone.await.unwrap();
                let after = VAR.get();
                VAR.set("child");
                (before, after, create_task(async { VAR.get() }).await.unwrap())
            });
            VAR.set("parent changed");
            tell(go, ());
            assert_eq!(child.await.unwrap(), ("parent", "parent", "child"));
            assert_eq!(VAR.get(), "parent changed");
        });
    }
}

#[test]
fn what_is_awaited_in_place_shares() {
    let _watch = watch();
    async fn inline() {
        VAR.set("inline");
        yield_now().await;
        OTHER.set(OTHER.get() + 1);
    }
    runner(2).run(async {
        inline().await;
        raddle::timeout(Duration::from_secs(60), inline()).await.unwrap();
        assert_eq!((VAR.get(), OTHER.get()), ("inline", 2));
    });
}

#[test]
fn whatever_is_started_sees_the_place_that_started_it() {
    let _watch = watch();
    runner(2).run(async {
        let (seen, all) = mpsc::channel();
        let see = |id: usize| {
            let seen = seen.clone();
            move || {
                seen.send((id, VAR.get(), PRIVATE.get())).unwrap();
                VAR.set("leak?");
                PRIVATE.set(99);
            }
        };
        VAR.set("started here");
        PRIVATE.set(7);
        let handle = Handle::current();
        let (f, g, h) = (see(0), see(1), see(2));
        create_task(async move { f() }).detach();
        create_local_task(async move { g() }).detach();
        TaskBuilder::new().name("named").create(async move { h() }).detach();
        call_soon(see(3));
        call_later(Duration::from_millis(1), see(4));
        call_at(Instant::now() + Duration::from_millis(1), see(5));
        let f = see(6);
        handle.create_task(async move { f() }).detach();
        handle.call_soon(see(7)).unwrap();
        let f = see(8);
        let ended = create_task(async {});
        ended.on_done(move |_| f());
        let started = to_thread(see(9));
        VAR.set("changed");
        PRIVATE.set(8);
        // The second job of a blocking thread finds nothing of the first.
        started.await.unwrap();
        assert_eq!(to_thread(|| (VAR.get(), PRIVATE.get())).await.unwrap(), ("changed", 0));
        ended.await.unwrap();
        let mut lines = to_thread(move || all.iter().take(10).collect::<Vec<_>>()).await.unwrap();
        lines.sort_unstable();
        assert_eq!(lines, (0..10).map(|id| (id, "started here", 0)).collect::<Vec<_>>());
        assert_eq!((VAR.get(), PRIVATE.get()), ("changed", 8));
    });
}

#[test]
fn a_plain_thread_has_values_of_its_own_and_hands_them_down() {
    let _watch = watch();
    runner(2).run(async {
        VAR.set("main");
        let handle = Handle::current();
        let thread = thread::spawn(move || {
            assert_eq!(VAR.get(), "default");
            VAR.set("thread");
            let task = handle.create_task(async {
                let seen = VAR.get();
                VAR.set("leak?");
                seen
            });
            assert_eq!(task.join_blocking().unwrap(), "thread");
            let inline = handle.block_on(async {
                let seen = VAR.get();
                sleep(Duration::from_millis(1)).await;
                VAR.set("changed in place");
                seen
            });
            assert_eq!((inline, VAR.get()), ("thread", "changed in place"));
            let (say, said) = mpsc::channel();
            handle.call_soon(move || say.send(VAR.get()).unwrap()).unwrap();
            assert_eq!(said.recv().unwrap(), "changed in place");
        });
        to_thread(|| thread.join().unwrap()).await.unwrap();
        assert_eq!(VAR.get(), "main");
    });
    assert_eq!(VAR.get(), "default");
}

#[test]
fn a_callback_registered_late_sees_its_own_place_too() {
    let _watch = watch();
    virtual_runner().run(async {
        VAR.set("at creation");
        let task = create_task(async { VAR.set("in the task") });
        yield_now().await;
        assert!(task.is_done());
        VAR.set("at on_done");
        let (say, said) = promise();
        task.on_done(move |_| tell(say, VAR.get()));
        VAR.set("later");
        assert_eq!(said.await.unwrap(), "at on_done");
        // Without any variable the callback sees none, not what the ended task had.
        let (say, said) = promise();
        let bare = TaskBuilder::new().context(TaskContext::new()).create(async move {
            let task = create_task(async { VAR.set("in the task") });
            task.on_done(move |_| tell(say, VAR.get()));
            task.await.unwrap();
        });
        bare.await.unwrap();
        assert_eq!(said.await.unwrap(), "default");
    });
}

#[test]
fn a_context_given_by_hand_is_used_as_it_is() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            VAR.set("parent");
            PRIVATE.set(1);
            let context = copy_context();
            assert_eq!(context.run(|| (VAR.get(), PRIVATE.get())), ("parent", 1));
            context.run(|| VAR.set("given"));
            let seen = |next| async move {
                let seen = VAR.get();
                VAR.set(next);
                (seen, PRIVATE.get(), create_task(async { (VAR.get(), PRIVATE.get()) }).await.unwrap())
            };
            let task = TaskBuilder::new().context(context.clone()).create(seen("first"));
            assert_eq!(task.await.unwrap(), ("given", 1, ("first", 0)));
            let copy = context.copy();
            let task = TaskBuilder::new().name("second").context(context.clone()).create_local(seen("second"));
            assert_eq!(&*task.name(), "second");
            assert_eq!(task.await.unwrap(), ("first", 1, ("second", 0)));
            assert_eq!([&context, &copy].map(|context| context.run(|| VAR.get())), ["second", "first"]);
            assert_eq!(VAR.get(), "parent");
            let empty = TaskBuilder::new().context(TaskContext::new()).create(async { VAR.get() });
            assert_eq!(empty.await.unwrap(), "default");
        });
    }
}

#[test]
fn a_tasks_context_can_be_had_from_its_handle() {
    let _watch = watch();
    virtual_runner().run(async {
        VAR.set("parent");
        let (go, gone) = promise();
        let task = create_task(async move {
            VAR.scope("scoped", async {
                gone.await.unwrap();
            })
            .await;
            let outside = VAR.get();
            VAR.set("set by the task");
            yield_now().await;
            (outside, VAR.get())
        });
        yield_now().await;
        let context = task.context();
        assert_eq!(context.run(|| VAR.get()), "parent", "a scope is there in polls alone");
        context.run(|| VAR.set("set from outside"));
        tell(go, ());
        yield_now().await;
        assert_eq!(context.run(|| VAR.get()), "set by the task");
        assert_eq!(task.await.unwrap(), ("set from outside", "set by the task"));
        assert_eq!(VAR.get(), "parent");
    });
}

#[test]
fn a_scope_in_a_context_of_several_tasks_is_its_own_tasks_alone() {
    // Two tasks on two workers, in one context, stand in their scopes at the same time: the barriers say so.
    let _watch = watch();
    runner(2).run(async {
        let context = copy_context();
        let both = Arc::new(Barrier::new(2));
        let tasks = ["a", "b"].map(|name| {
            let both = both.clone();
            TaskBuilder::new().context(context.clone()).create(async move {
                for round in 0..100 {
                    let mut child = None;
                    let body = async {
                        both.wait();
                        assert_eq!(VAR.get(), name);
                        VAR.set(name);
                        child = Some(create_task(async { (VAR.get(), OTHER.get()) }));
                        both.wait();
                        assert_eq!(VAR.get(), name);
                    };
                    PRIVATE.scope(1, OTHER.scope(round, VAR.scope(name, body))).await;
                    assert_eq!((VAR.get(), OTHER.get(), PRIVATE.get()), ("default", 0, 0));
                    both.wait();
                    assert_eq!(child.unwrap().await.unwrap(), (name, round));
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn the_mains_of_a_runner_share_one_context() {
    let _watch = watch();
    for workers in [1, 2] {
        VAR.set("thread");
        PRIVATE.set(4);
        let mut runner = runner(workers);
        let handle = runner.handle();
        VAR.set("thread changed");
        let waiting = handle.create_task(async { VAR.get() });
        runner.run(async {
            assert_eq!((VAR.get(), PRIVATE.get()), ("thread", 4));
            VAR.set("first run");
            assert_eq!(waiting.await.unwrap(), "thread changed");
        });
        assert!(
            catch_unwind(AssertUnwindSafe(|| runner.run(async {
                assert_eq!((VAR.get(), PRIVATE.get()), ("first run", 4));
                VAR.set("second run");
                panic!("a main may fail");
            })))
            .is_err()
        );
        assert_eq!(VAR.get(), "thread changed");
        let child = runner.run(async { create_task(async { VAR.get() }).await.unwrap() });
        assert_eq!(child, "second run");
        TaskContext::new().run(|| assert_eq!(run(async { VAR.get() }), "default"));
        assert_eq!(run(async { (VAR.get(), PRIVATE.get()) }), ("thread changed", 4));
    }
}

#[test]
fn runtimes_inside_and_beside_see_their_own() {
    let _watch = watch();
    runner(2).run(async {
        VAR.set("outer");
        let inner = to_thread(|| {
            let mut inner = Runner::new().workers(2);
            let seen = inner.run(async {
                let inherited = VAR.get();
                VAR.set("inner");
                let child = create_task(async { VAR.get() }).await.unwrap();
                (inherited, child, to_thread(|| VAR.get()).await.unwrap())
            });
            (seen, VAR.get())
        });
        assert_eq!(inner.await.unwrap(), (("outer", "inner", "inner"), "outer"));

        let (give, given) = mpsc::channel();
        let (stop, stopped) = promise();
        let beside = thread::spawn(move || {
            let mut runner = Runner::new().workers(1);
            give.send(runner.handle()).unwrap();
            runner.run(async {
                VAR.set("beside");
                stopped.await.unwrap();
                assert_eq!(VAR.get(), "beside");
            });
        });
        let there = given.recv().unwrap();
        let task = there.create_task(async {
            let seen = VAR.get();
            VAR.set("there");
            yield_now().await;
            (seen, VAR.get())
        });
        assert_eq!(task.await.unwrap(), ("outer", "there"));
        assert_eq!(VAR.get(), "outer");
        tell(stop, ());
        to_thread(|| beside.join().unwrap()).await.unwrap();
    });
}

#[test]
fn a_context_is_left_by_a_panic_too() {
    let _watch = watch();
    runner(1).run(async {
        VAR.set("task");
        let context = TaskContext::new();
        let said = panic_of(|| {
            context.run(|| {
                VAR.set("inside");
                TaskContext::new().run(|| assert_eq!(VAR.get(), "default"));
                VAR.sync_scope("scoped", || assert_eq!(context.run(|| VAR.get()), "inside"));
                context.run(|| panic!("{}", VAR.get()))
            })
        });
        assert_eq!((&*said, VAR.get()), ("inside", "task"));
        assert_eq!(format!("{context:?} {VAR:?}"), "<TaskContext {\"VAR\"}> <ContextVar VAR>");
    });
}

#[test]
fn many_tasks_on_many_workers_see_their_own() {
    let _watch = watch();
    runner(4).run(async {
        let tasks: Vec<_> = (0..common::scaled(20_000) as u64)
            .map(|n| {
                OTHER.set(n);
                create_task(async move {
                    assert_eq!(OTHER.get(), n);
                    yield_now().await;
                    OTHER.set(n + 1);
                    let child = create_task(async { OTHER.get() });
                    yield_now().await;
                    assert_eq!((OTHER.get(), child.await.unwrap()), (n + 1, n + 1));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

mod declared {
    use super::{Count, context_var};
    use std::sync::OnceLock;

    pub(crate) static MADE: OnceLock<Count> = OnceLock::new();

    context_var! {
        /// Documented,
        /// over two lines.
        #[no_inherit]
        #[allow(dead_code)]
        pub(crate) static FIRST: Vec<u8> = {
            MADE.get_or_init(Count::default).add();
            vec![1, 2, 3]
        };
        #[allow(dead_code)] pub static SECOND: Option<(u8, &'static str)> = None
    }
    context_var! {}
}

#[test]
fn the_first_value_is_made_once_and_when_it_is_needed() {
    assert!(declared::MADE.get().is_none());
    let address = declared::FIRST.with(|first| first.as_ptr().addr());
    let other = thread::spawn(|| declared::FIRST.with(|first| first.as_ptr().addr()));
    assert_eq!(other.join().unwrap(), address);
    assert_eq!((declared::FIRST.get(), declared::MADE.get().unwrap().get()), (vec![1, 2, 3], 1));
    assert_eq!((declared::SECOND.get(), declared::FIRST.name()), (None, "FIRST"));
}
