//! Random trees of groups, timeouts, races, scopes, cancellations, errors and panics: no task outlives the frame that
//! it belongs to, every error is told exactly once, every cleanup runs exactly once, and nothing hangs.
//!
//! `RADDLE_SEED` repeats a run, `RADDLE_STRESS` makes it that many times as long.

mod common;

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{virtual_runner, watch_for};
use raddle::{
    CancelScope, FinallyExt, GroupError, Runner, TaskError, TaskGroup, create_task, deadline, gather, protect, race,
    sleep, task_group, timeout, yield_now,
};

const TREES: u64 = 10_000;

/// splitmix64.
#[derive(Clone)]
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn fork(&mut self) -> Rng {
        Rng(self.next())
    }
}

#[derive(Debug)]
enum TreeError {
    Leaf(u64),
    Group(GroupError<TreeError>),
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeError::Leaf(id) => write!(f, "leaf {id}"),
            TreeError::Group(group) => group.fmt(f),
        }
    }
}

impl std::error::Error for TreeError {}

/// How often each error was raised and told.
#[derive(Default)]
struct Ledger {
    entries: Mutex<BTreeMap<u64, (u32, u32)>>,
    cleanups_due: AtomicUsize,
    cleanups_done: AtomicUsize,
    leaves: AtomicUsize,
}

impl Ledger {
    fn raise(&self) -> u64 {
        let id = self.leaves.fetch_add(1, SeqCst) as u64;
        self.entries.lock().unwrap().entry(id).or_default().0 += 1;
        id
    }

    fn tell(&self, id: u64) {
        self.entries.lock().unwrap().entry(id).or_default().1 += 1;
    }

    fn tell_error(&self, error: &TreeError) {
        match error {
            TreeError::Leaf(id) => self.tell(*id),
            TreeError::Group(group) => self.tell_group(group),
        }
    }

    fn tell_group(&self, group: &GroupError<TreeError>) {
        for failure in group.failures() {
            match failure {
                raddle::Failure::Error { error, .. } => self.tell_error(error),
                raddle::Failure::Panicked { panic, .. } => self.tell_panic(panic.message()),
            }
        }
    }

    fn tell_panic(&self, text: &str) {
        self.tell(text.strip_prefix("leaf ").expect(text).parse().expect(text));
    }

    fn assert_balanced(&self, seed: u64) {
        for (id, (raised, told)) in &*self.entries.lock().unwrap() {
            assert!(*raised == 1 && *told == 1, "leaf {id}: raised {raised} times, told {told} times; seed {seed}");
        }
        let (due, done) = (self.cleanups_due.load(SeqCst), self.cleanups_done.load(SeqCst));
        assert_eq!(due, done, "cleanups due and done; seed {seed}");
    }
}

/// A tree being grown: its counters of live tasks, the innermost frame's last.
#[derive(Clone)]
struct Place {
    rng: Rng,
    ledger: Arc<Ledger>,
    live: Vec<Arc<AtomicUsize>>,
    depth: u32,
    seed: u64,
}

/// A task, or a future in it, that counts as alive in every frame around it.
struct Alive(Vec<Arc<AtomicUsize>>);

impl Drop for Alive {
    fn drop(&mut self) {
        for count in &self.0 {
            count.fetch_sub(1, SeqCst);
        }
    }
}

type Node = Pin<Box<dyn Future<Output = Result<(), TreeError>> + Send>>;

impl Place {
    fn alive(&self) -> Alive {
        for count in &self.live {
            count.fetch_add(1, SeqCst);
        }
        Alive(self.live.clone())
    }

    fn below(&mut self) -> Place {
        Place { rng: self.rng.fork(), depth: self.depth.saturating_sub(1), ..self.clone() }
    }

    fn time(&mut self) -> Duration {
        Duration::from_micros(self.rng.below(6) * 500)
    }

    /// A frame of its own: the counter of what lives in it.
    fn frame(&mut self) -> (Place, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let mut inner = self.below();
        inner.live.push(count.clone());
        (inner, count)
    }

    fn assert_empty(&self, count: &AtomicUsize, what: &str) {
        assert_eq!(count.load(SeqCst), 0, "tasks outlive their {what}; seed {}", self.seed);
    }

    /// A node whose errors end here.
    fn settled(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let ledger = self.ledger.clone();
        let node = grow(self.below());
        Box::pin(async move {
            if let Err(error) = node.await {
                ledger.tell_error(&error);
            }
        })
    }
}

fn grow(mut place: Place) -> Node {
    let kinds = if place.depth == 0 { 6 } else { 14 };
    match place.rng.below(kinds) {
        0 | 1 => rest(place),
        2 => Box::pin(async move {
            yield_now().await;
            Ok(())
        }),
        3 => fail(place),
        4 => cleanup(place),
        5 => crash(place),
        6..=8 => group(place),
        9 => limited(place),
        10 => raced(place),
        11 => cancelled_task(place),
        12 => scoped(place),
        _ => protected(place),
    }
}

fn rest(mut place: Place) -> Node {
    let time = place.time();
    Box::pin(async move {
        sleep(time).await;
        Ok(())
    })
}

fn fail(mut place: Place) -> Node {
    let time = place.time();
    Box::pin(async move {
        sleep(time).await;
        Err(TreeError::Leaf(place.ledger.raise()))
    })
}

fn crash(mut place: Place) -> Node {
    let time = place.time();
    Box::pin(async move {
        sleep(time).await;
        let id = place.ledger.raise();
        // Not `panic!`: thousands of messages on stderr.
        std::panic::resume_unwind(Box::new(format!("leaf {id}")))
    })
}

fn cleanup(mut place: Place) -> Node {
    let (time, end) = (place.time(), place.time());
    place.ledger.cleanups_due.fetch_add(1, SeqCst);
    let ledger = place.ledger.clone();
    let alive = place.alive();
    Box::pin(
        async move {
            sleep(time).await;
            Ok(())
        }
        .finally(move |_| async move {
            let _alive = alive;
            sleep(end).await;
            ledger.cleanups_done.fetch_add(1, SeqCst);
        }),
    )
}

fn group(mut place: Place) -> Node {
    let (mut inner, count) = place.frame();
    let consume = place.rng.below(3) == 0;
    Box::pin(async move {
        let ended = task_group(async |g: TaskGroup<TreeError>| {
            for _ in 0..inner.rng.below(4) {
                child(&mut inner, &g);
            }
            match inner.rng.below(8) {
                0 => g.cancel(),
                1 => pending().await,
                2 => drop(g.start(|started: raddle::Started<()>| ready_then(started, inner.below())).await),
                3 => {
                    // A sibling that comes late, from a child.
                    let (again, mut late) = (g.clone(), inner.below());
                    let alive = inner.alive();
                    g.create_task(async move {
                        let _alive = alive;
                        yield_now().await;
                        child(&mut late, &again);
                    });
                }
                _ => {}
            }
            // Somebody else ends a group that would last for ever.
            if inner.rng.below(2) == 0 {
                let (again, time) = (g.clone(), inner.time());
                g.create_task(async move {
                    sleep(time).await;
                    again.cancel();
                });
            }
            grow(inner.below()).await
        });
        let ended = timeout(Duration::from_millis(20), ended).await;
        place.assert_empty(&count, "group");
        match ended {
            Ok(Err(error)) if !consume => Err(TreeError::Group(error)),
            Ok(Err(error)) => {
                place.ledger.tell_group(&error);
                Ok(())
            }
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    })
}

fn child(inner: &mut Place, g: &TaskGroup<TreeError>) {
    let node = grow(inner.below());
    let alive = inner.alive();
    let task = g.create_task(async move {
        let _alive = alive;
        node.await
    });
    if inner.rng.below(6) == 0 {
        task.cancel();
    }
}

async fn ready_then(started: raddle::Started<()>, mut place: Place) -> Result<(), TreeError> {
    let alive = place.alive();
    sleep(place.time()).await;
    started.set(());
    let ended = grow(place).await;
    drop(alive);
    ended
}

fn limited(mut place: Place) -> Node {
    let (mut inner, count) = place.frame();
    let (time, node) = (inner.time(), grow(inner.below()));
    let by_deadline = place.rng.below(2) == 0;
    Box::pin(async move {
        let ended = if by_deadline {
            let when = raddle::Instant::now() + time;
            deadline(when, async move |_| node.await).await
        } else {
            timeout(time, node).await
        };
        place.assert_empty(&count, "timeout");
        ended.unwrap_or(Ok(()))
    })
}

fn raced(mut place: Place) -> Node {
    let (mut inner, count) = place.frame();
    let racers = [inner.settled(), inner.settled(), inner.settled()];
    Box::pin(async move {
        race(racers).await;
        place.assert_empty(&count, "race");
        Ok(())
    })
}

fn cancelled_task(mut place: Place) -> Node {
    let (mut inner, count) = place.frame();
    let (time, node, alive) = (inner.time(), inner.settled(), inner.alive());
    Box::pin(async move {
        let task = create_task(async move {
            let _alive = alive;
            node.await;
        });
        // In place: whoever drops this drops a task that is awaited.
        let canceller = task.canceller();
        let cancel = async {
            sleep(time).await;
            canceller.cancel();
        };
        // Told in the poll that fetches it: nothing is lost if this is dropped afterwards.
        let watch = async {
            if let Err(TaskError::Panicked(panic)) = task.await {
                place.ledger.tell_panic(panic.message());
            }
        };
        gather((watch, cancel)).await;
        place.assert_empty(&count, "task");
        Ok(())
    })
}

fn scoped(mut place: Place) -> Node {
    let (mut inner, count) = place.frame();
    let (time, node) = (inner.time(), inner.settled());
    Box::pin(async move {
        let scope = CancelScope::new();
        let other = scope.clone();
        let cancel = async move {
            sleep(time).await;
            other.cancel();
        };
        gather((scope.run(node), cancel)).await;
        place.assert_empty(&count, "scope");
        Ok(())
    })
}

fn protected(mut place: Place) -> Node {
    let time = place.time();
    place.ledger.cleanups_due.fetch_add(1, SeqCst);
    let (begun, ledger, alive) = (place.ledger.clone(), place.ledger.clone(), place.alive());
    let mut section = Some(protect(async move {
        let _alive = alive;
        sleep(time).await;
        ledger.cleanups_done.fetch_add(1, SeqCst);
    }));
    // One that is dropped before it began never runs.
    struct Unbegun(Arc<Ledger>, bool);
    impl Drop for Unbegun {
        fn drop(&mut self) {
            if !self.1 {
                self.0.cleanups_due.fetch_sub(1, SeqCst);
            }
        }
    }
    let unbegun = Unbegun(begun, false);
    Box::pin(async move {
        let mut unbegun = unbegun;
        unbegun.1 = true;
        if let Some(section) = section.take() {
            section.await;
        }
        Ok(())
    })
}

fn plant(seed: u64, ledger: &Arc<Ledger>) -> impl Future<Output = ()> + Send + use<> {
    let count = Arc::new(AtomicUsize::new(0));
    let place = Place { rng: Rng(seed), ledger: ledger.clone(), live: vec![count.clone()], depth: 4, seed };
    let ledger = ledger.clone();
    async move {
        let root = create_task(grow(place.clone()));
        match root.await {
            Ok(Ok(())) | Err(TaskError::Cancelled) => {}
            Ok(Err(error)) => ledger.tell_error(&error),
            Err(TaskError::Panicked(panic)) => ledger.tell_panic(panic.message()),
            Err(other) => panic!("{other}; seed {seed}"),
        }
        place.assert_empty(&count, "tree");
    }
}

fn seed() -> u64 {
    std::env::var("RADDLE_SEED").ok().map_or(0x7EE5, |seed| seed.parse().expect("RADDLE_SEED is a number"))
}

fn trees() -> u64 {
    let times: f64 =
        std::env::var("RADDLE_STRESS").map_or(1.0, |times| times.parse().expect("RADDLE_STRESS is a number"));
    (TREES as f64 * times) as u64
}

/// Reports of what nobody else is told of.
fn telling(runner: Runner, ledger: &Arc<Ledger>) -> Runner {
    let ledger = ledger.clone();
    // Without what debug builds report of polls that take long on a busy machine; so elsewhere.
    runner.debug(false).on_exception(move |context| {
        if let Some(error) = context.value.as_ref().and_then(|value| value.downcast_ref::<TreeError>()) {
            ledger.tell_error(error);
        } else if let Some(panic) = &context.panic {
            ledger.tell_panic(panic);
        } else {
            panic!("reported: {context:?}");
        }
    })
}

#[test]
fn trees_one_after_the_other_on_a_virtual_clock() {
    let _watch = watch_for(Duration::from_secs(300));
    let first = seed();
    for n in 0..trees() {
        let (seed, ledger) = (first.wrapping_add(n), Arc::<Ledger>::default());
        let mut runner = telling(virtual_runner(), &ledger);
        runner.run(plant(seed, &ledger));
        drop(runner);
        ledger.assert_balanced(seed);
    }
}

#[test]
fn trees_side_by_side_on_two_workers() {
    let _watch = watch_for(Duration::from_secs(300));
    let first = seed().wrapping_add(1 << 32);
    let ledger = Arc::<Ledger>::default();
    let mut runner = telling(Runner::new().workers(2), &ledger);
    for batch in 0..trees().div_ceil(250) {
        let seeds = (0..250).map(|n| first.wrapping_add(batch * 250 + n));
        runner.run(async {
            let trees: Vec<_> = seeds.map(|seed| create_task(plant(seed, &ledger))).collect();
            for tree in gather(trees).await {
                tree.unwrap();
            }
        });
        ledger.assert_balanced(first.wrapping_add(batch * 250));
    }
}
