//! Promises of `OnceCell`.

mod sync_by_hand;

use std::cell::Cell;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use raddle::{Event, OnceCell, create_task, yield_now};
use sync_by_hand::{block_on, hand, waiting};

#[test]
fn the_value_is_made_once() {
    let (cell, made) = (OnceCell::new(), Cell::new(0));
    let make = async || {
        made.set(made.get() + 1);
        7
    };
    assert_eq!(cell.get(), None);
    assert_eq!(hand(cell.get_or_init(make)).ready(), &7);
    assert_eq!(hand(cell.get_or_init(make)).ready(), &7);
    assert_eq!(hand(cell.get_or_try_init(async || Err("not asked"))).ready(), Ok(&7));
    assert_eq!((cell.get(), made.get()), (Some(&7), 1));
}

#[test]
fn all_who_wait_go_together_when_the_value_is_there() {
    let (cell, open) = (OnceCell::new(), Event::new());
    let maker = waiting(cell.get_or_init(async || {
        open.wait().await;
        1
    }));
    let waiters: Vec<_> = (0..100).map(|_| waiting(cell.get_or_init(async || 2))).collect();
    assert_eq!(format!("{cell:?}"), "OnceCell { value: <being made>, waiters: 100 }");
    open.set();
    assert_eq!(maker.ready(), &1);
    for waiter in waiters {
        assert_eq!(waiter.wakes(), 1);
        assert_eq!(waiter.ready(), &1);
    }
    assert_eq!(format!("{cell:?}"), "OnceCell { value: 1, waiters: 0 }");
}

/// Who makes the value is dropped, then the one that took over and has not run yet: the third makes it, with its own
/// closure.
#[test]
fn who_waits_takes_over_from_a_dropped_maker() {
    let cell = OnceCell::new();
    let maker = waiting(cell.get_or_init(pending));
    let (first, second) = (waiting(cell.get_or_init(|| ready(1))), waiting(cell.get_or_init(|| ready(2))));
    let third = waiting(cell.get_or_init(|| ready(3)));
    drop(maker);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    let late = waiting(cell.get_or_init(|| ready(4)));
    drop(first);
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.ready(), &2);
    assert_eq!((third.ready(), late.ready()), (&2, &2));
}

#[test]
fn a_dropped_maker_that_nobody_waits_for_leaves_the_cell_as_it_was() {
    let cell = OnceCell::new();
    drop(waiting(cell.get_or_init(pending)));
    let (maker, waiter) = (waiting(cell.get_or_init(pending)), waiting(cell.get_or_init(pending)));
    drop(waiter);
    drop(maker);
    assert_eq!(format!("{cell:?}"), "OnceCell { value: <empty>, waiters: 0 }");
    assert_eq!(hand(cell.get_or_init(async || 1)).ready(), &1);
}

#[test]
fn an_error_passes_the_turn_on() {
    let (cell, open) = (OnceCell::new(), Event::new());
    let maker = waiting(cell.get_or_try_init(async || {
        open.wait().await;
        Err("no value today")
    }));
    let (first, second) =
        (waiting(cell.get_or_try_init(async || Ok::<_, &str>(2))), waiting(cell.get_or_init(pending)));
    open.set();
    assert_eq!(maker.ready(), Err("no value today"));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(first.ready(), Ok(&2));
    assert_eq!(second.ready(), &2);
}

#[test]
fn a_panic_passes_the_turn_on() {
    let cell = OnceCell::new();
    let open = Event::new();
    let maker = waiting(cell.get_or_init(async || {
        open.wait().await;
        panic!("half-way")
    }));
    let waiter = waiting(cell.get_or_init(async || 2));
    open.set();
    assert!(catch_unwind(AssertUnwindSafe(|| maker.ready())).is_err());
    assert_eq!(waiter.wakes(), 1);
    assert_eq!(waiter.ready(), &2);
}

#[test]
fn a_value_that_is_set_comes_before_one_that_is_being_made() {
    let (cell, open, value) = (OnceCell::new(), Event::new(), Arc::new(1));
    let maker = waiting(cell.get_or_init(async || {
        open.wait().await;
        value.clone()
    }));
    let waiter = waiting(cell.get_or_init(pending));
    assert_eq!(cell.set(Arc::new(2)), Ok(()));
    assert_eq!(waiter.wakes(), 1);
    assert_eq!(**waiter.ready(), 2);
    assert_eq!(cell.set(Arc::new(3)), Err(Arc::new(3)));
    open.set();
    assert_eq!(**maker.ready(), 2);
    assert_eq!(Arc::strong_count(&value), 1, "what came too late was dropped");
    assert_eq!(cell.into_inner().as_deref(), Some(&2));
}

#[test]
fn one_that_took_over_does_not_run_when_the_value_was_set_meanwhile() {
    let cell = OnceCell::new();
    let maker = waiting(cell.get_or_init(pending));
    let heir = waiting(cell.get_or_init(async || panic!("there is a value")));
    drop(maker);
    cell.set(1).unwrap();
    assert_eq!(heir.ready(), &1);
}

#[test]
fn values_are_dropped_once() {
    let value = Arc::new(());
    let mut cell = OnceCell::from(value.clone());
    assert!(cell.get_mut().is_some());
    assert_eq!(Arc::strong_count(&value), 2);
    drop(cell);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn futures_may_be_sent_if_the_value_may_be_shared() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let (cell, text) = (OnceCell::new(), "borrowed".to_owned());
    let borrowed = &text;
    let future = send(cell.get_or_init(async || {
        yield_now().await;
        borrowed.clone()
    }));
    assert_eq!(raddle::run(future), "borrowed");
    let cell = OnceCell::new();
    let owned = text.clone();
    let future = send(cell.get_or_try_init(async move || {
        yield_now().await;
        Ok::<_, std::io::Error>(owned)
    }));
    assert_eq!(raddle::run(future).unwrap(), "borrowed");
}

fn load(path: &str) -> impl Future<Output = std::io::Result<String>> + Send {
    ready(Ok(path.to_owned()))
}

#[raddle::test]
async fn tasks_share_a_static_value() {
    static CONFIG: OnceCell<String> = OnceCell::new();
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            create_task(async move {
                let path = format!("config-{n}");
                let value = CONFIG.get_or_try_init(async || {
                    MADE.fetch_add(1, Ordering::SeqCst);
                    yield_now().await;
                    load(&path).await
                });
                value.await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), CONFIG.get().unwrap());
    }
    assert_eq!(MADE.load(Ordering::SeqCst), 1);
    let name = CONFIG.get_or_init(async || "config".to_owned()).await;
    assert!(name.starts_with("config-"));
}

/// Threads race for many cells, and some give up while they make the value: each cell gets one value, and all see it.
#[test]
fn threads_agree_on_one_value() {
    let cells: Arc<Vec<OnceCell<usize>>> = Arc::new((0..500).map(|_| OnceCell::new()).collect());
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let cells = cells.clone();
            thread::spawn(move || {
                let get = |(index, cell): (usize, &OnceCell<usize>)| {
                    if index % 4 == n {
                        let _half_way = hand(cell.get_or_init(pending)).poll();
                    }
                    *block_on(cell.get_or_init(async || n))
                };
                cells.iter().enumerate().map(get).collect::<Vec<_>>()
            })
        })
        .collect();
    let seen: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(seen.iter().all(|values| *values == seen[0]));
}
