//! Locks, permits, channels and meetings, used by two runtimes and by threads outside at once, and given up at random.
//!
//! Promises under test: a lock has one owner, and readers see no half-written value; permits are conserved; what is
//! sent is received, once, or still there; a notification that somebody got and could not use goes to the next; a cell
//! is filled once; whoever waits and is not cancelled is let go in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use raddle::{
    Barrier, Condition, Event, Handle, Mutex, OnceCell, Receiver, Runner, RwLock, Semaphore, Sender, Task, channel,
    create_task, promise, sleep, timeout, yield_now,
};

use super::stress_support::{Count, Ledger, Part, Rng, Settings, Token, announce, check, fail, join_all, same, stage};

pub(crate) const PART: Part = Part { name: "sync", round, counts };

static ITEMS: Ledger = Ledger::new("channel item");
static CELLS: Ledger = Ledger::new("cell's value");
static PERMITS: Count = Count::new();
static LOCKS: Count = Count::new();
static RECEIVED: Count = Count::new();
static NOTIFIED: Count = Count::new();
static MEETINGS: Count = Count::new();
static GIVEN_UP: Count = Count::new();
static CANCELLED: Count = Count::new();

const SUPPLY: usize = 5;
const PARTIES: usize = 4;
const MEETINGS_EACH: u64 = 30;
/// Tasks of a runtime that do a bit of everything, and how much each.
const JOBS: usize = 60;
const STEPS: u64 = 12;
/// Tasks of a runtime that wait for one notification each.
const PATIENT: u64 = 12;

/// What both runtimes use.
struct House {
    permits: Arc<Semaphore>,
    permits_out: AtomicU64,
    mutex: Mutex<u64>,
    is_inside: AtomicBool,
    /// How often somebody had the mutex, counted beside it.
    locked: AtomicU64,
    /// Two numbers that are equal whenever nobody writes.
    pair: RwLock<(u64, u64)>,
    sender: Sender<Token>,
    receiver: Receiver<Token>,
    sent: AtomicU64,
    received: AtomicU64,
    gate: Event,
    barrier: Barrier,
    arrived: AtomicU64,
    cell: OnceCell<Token>,
    filled: AtomicU64,
}

fn round(settings: Settings) {
    let mut rng = Rng::new(settings.seed ^ 0x57_9c);
    for cycle in 0..settings.times(12) {
        let house = Arc::new(House::new(&mut rng));
        stage(format!("cycle {cycle}"));
        let lines = (0..2).map(|line| {
            let (house, rng) = (house.clone(), rng.fork());
            let workers = settings.workers(cycle + line, [1, 2, 4, 3]);
            thread::spawn(move || use_house(&house, workers, rng))
        });
        join_all(lines.collect());
        house.is_in_order();
        drop(house);
        ITEMS.settle();
        CELLS.settle();
    }
}

fn counts() -> Vec<(&'static str, u64)> {
    vec![
        ("permits", PERMITS.get()),
        ("locks", LOCKS.get()),
        ("items received", RECEIVED.get()),
        ("notifications", NOTIFIED.get()),
        ("meetings", MEETINGS.get()),
        ("waits given up", GIVEN_UP.get()),
        ("tasks cancelled", CANCELLED.get()),
    ]
}

/// One runtime of the two.
fn use_house(house: &Arc<House>, workers: usize, mut rng: Rng) {
    let mut runner = Runner::new().workers(workers).grace(Duration::from_secs(600));
    let _announced = announce(&mut runner);
    let handle = runner.handle();
    let (tell, outsider_done) = promise();
    let outsider = {
        let (house, rng) = (house.clone(), rng.fork());
        thread::spawn(move || {
            outside(&handle, &house, rng);
            check(tell.set(()).is_ok(), "main did not wait");
        })
    };
    runner.run(async {
        let waiters = (0..4).map(|_| create_task(waits_at_gate(house.clone())));
        let waiters: Vec<_> = waiters.collect();
        let meetings = (0..PARTIES / 2).map(|_| create_task(meets(house.clone())));
        let meetings: Vec<_> = meetings.collect();
        let jobs = (0..JOBS).map(|_| create_task(does_everything(house.clone(), rng.fork())));
        let mut jobs: Vec<_> = jobs.map(|task| (task, false)).collect();
        for (job, is_cancelled) in &mut jobs {
            if rng.one_in(4) {
                *is_cancelled = job.cancel();
                sleep(rng.micros(100)).await;
            }
        }
        notifies(&mut rng).await;
        for (job, is_cancelled) in jobs {
            end(job, is_cancelled).await;
        }
        house.gate.set();
        for task in waiters.into_iter().chain(meetings) {
            check(task.await.is_ok(), "a task that waits failed");
        }
        check(outsider_done.await.is_ok(), "the thread outside failed");
    });
    drop(runner);
    join_all(vec![outsider]);
}

/// Awaits a task, which may have been cancelled.
async fn end(task: Task<()>, is_cancelled: bool) {
    CANCELLED.add(u64::from(is_cancelled));
    check(task.await.is_ok() || is_cancelled, "a task failed, or was cancelled by nobody");
}

/// A thread outside the runtime waits as tasks do.
fn outside(handle: &Handle, house: &Arc<House>, mut rng: Rng) {
    for _ in 0..6 {
        handle.block_on(house.one_thing(&mut rng));
    }
}

async fn does_everything(house: Arc<House>, mut rng: Rng) {
    for _ in 0..STEPS {
        house.one_thing(&mut rng).await;
    }
}

/// Passes when the gate is open; it opens and closes meanwhile, and stays open in the end.
async fn waits_at_gate(house: Arc<House>) {
    house.gate.wait().await;
}

/// Nobody leaves a meeting before all have come.
async fn meets(house: Arc<House>) {
    for meeting in 1..=MEETINGS_EACH {
        house.arrived.fetch_add(1, SeqCst);
        check(house.barrier.wait().await.is_ok(), "a barrier broke");
        let arrived = house.arrived.load(SeqCst);
        check(arrived >= meeting * PARTIES as u64, format_args!("meeting {meeting} began with {arrived} arrivals"));
        MEETINGS.add(1);
    }
}

/// Gives a wait up after a random time, or not at all.
async fn perhaps<F: Future>(rng: &mut Rng, wait: F) -> Option<F::Output> {
    if rng.one_in(3) {
        return Some(wait.await);
    }
    let output = timeout(rng.micros(300), wait).await.ok();
    GIVEN_UP.add(u64::from(output.is_none()));
    output
}

impl House {
    fn new(rng: &mut Rng) -> House {
        let (sender, receiver) = channel(1 + rng.below(6) as usize);
        House {
            permits: Arc::new(Semaphore::new(SUPPLY)),
            permits_out: AtomicU64::new(0),
            mutex: Mutex::new(0),
            is_inside: AtomicBool::new(false),
            locked: AtomicU64::new(0),
            pair: RwLock::new((0, 0)),
            sender,
            receiver,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            gate: Event::new(),
            barrier: Barrier::new(PARTIES),
            arrived: AtomicU64::new(0),
            cell: OnceCell::new(),
            filled: AtomicU64::new(0),
        }
    }

    async fn one_thing(&self, rng: &mut Rng) {
        match rng.below(12) {
            0..3 => self.takes_permits(rng).await,
            3..5 => self.locks(rng).await,
            5 => self.writes(rng).await,
            6..8 => self.reads(rng).await,
            8 => self.sends(rng).await,
            9 => self.receives(rng).await,
            10 => self.fills(rng).await,
            _ if rng.one_in(2) => self.gate.set(),
            _ => self.gate.clear(),
        }
    }

    async fn takes_permits(&self, rng: &mut Rng) {
        let many = 1 + rng.below(SUPPLY as u64);
        let (owned, pause) = (rng.one_in(2), rng.below(3));
        let wait = async {
            if owned {
                let permit = self.permits.clone().acquire_many_owned(many as usize).await;
                self.holds_permits(many, pause).await;
                drop(permit);
            } else {
                let permit = self.permits.acquire_many(many as usize).await;
                self.holds_permits(many, pause).await;
                drop(permit);
            }
        };
        perhaps(rng, wait).await;
    }

    async fn holds_permits(&self, many: u64, pause: u64) {
        let _out = Out::new(&self.permits_out, many);
        PERMITS.add(many);
        rest(pause).await;
    }

    async fn locks(&self, rng: &mut Rng) {
        let pause = rng.below(3);
        let wait = async {
            let mut count = self.mutex.lock().await;
            let _inside = Inside::new(&self.is_inside);
            *count += 1;
            self.locked.fetch_add(1, SeqCst);
            LOCKS.add(1);
            rest(pause).await;
        };
        perhaps(rng, wait).await;
    }

    /// Writes both numbers, with a pause between, in which it may not be given up.
    async fn writes(&self, rng: &mut Rng) {
        let pause = rng.below(3);
        let Some(mut pair) = perhaps(rng, self.pair.write()).await else { return };
        let both = Both(&mut pair);
        both.0.0 += 1;
        LOCKS.add(1);
        rest(pause).await;
    }

    async fn reads(&self, rng: &mut Rng) {
        let pause = rng.below(3);
        let wait = async {
            let pair = self.pair.read().await;
            same(pair.0, pair.1, "the halves of a value under a read lock");
            let before = *pair;
            rest(pause).await;
            same(*pair, before, "a value before and after a pause under a read lock");
        };
        perhaps(rng, wait).await;
    }

    async fn sends(&self, rng: &mut Rng) {
        // One who waits for ever for room might be the only one left.
        match timeout(rng.micros(300), self.sender.send(ITEMS.token())).await {
            Ok(Ok(())) => drop(self.sent.fetch_add(1, SeqCst)),
            Ok(Err(_)) => fail("a channel with a receiver is closed"),
            Err(_) => GIVEN_UP.add(1),
        }
    }

    async fn receives(&self, rng: &mut Rng) {
        match timeout(rng.micros(300), self.receiver.recv()).await {
            Ok(Some(item)) => {
                item.look();
                self.received.fetch_add(1, SeqCst);
                RECEIVED.add(1);
            }
            Ok(None) => fail("a channel with a sender is closed"),
            Err(_) => GIVEN_UP.add(1),
        }
    }

    /// The first who comes to the end of it fills the cell. What is in it is not read before all have ended: its
    /// `OnceLock` is std's, into which ThreadSanitizer cannot see.
    async fn fills(&self, rng: &mut Rng) {
        let pause = rng.below(3);
        let wait = self.cell.get_or_init(async || {
            rest(pause).await;
            self.filled.fetch_add(1, SeqCst);
            CELLS.token()
        });
        if perhaps(rng, wait).await.is_some() {
            same(self.filled.load(SeqCst), 1, "how often a cell was filled");
        }
    }

    fn is_in_order(&self) {
        same(self.permits.available_permits(), SUPPLY, "permits at the end");
        same(self.permits_out.load(SeqCst), 0, "permits out at the end");
        same(self.mutex.try_lock().map(|count| *count), Some(self.locked.load(SeqCst)), "entries into the mutex");
        let pair = self.pair.try_read().map(|pair| *pair);
        check(pair.is_some_and(|(left, right)| left == right), "the RwLock at the end");
        let left = self.receiver.len() as u64;
        same(self.sent.load(SeqCst), self.received.load(SeqCst) + left, "items sent, and received or left");
        let expected = PARTIES as u64 * MEETINGS_EACH;
        self.cell.get().inspect(|token| token.look());
        same(self.arrived.load(SeqCst), expected, "arrivals at the barrier");
    }
}

/// Holds what it holds for a moment.
async fn rest(pause: u64) {
    match pause {
        0 => {}
        1 => yield_now().await,
        _ => sleep(Duration::from_micros(50)).await,
    }
}

/// Permits that somebody has.
struct Out<'a>(&'a AtomicU64, u64);

impl Out<'_> {
    fn new(out: &AtomicU64, many: u64) -> Out<'_> {
        let now = out.fetch_add(many, SeqCst) + many;
        check(now <= SUPPLY as u64, format_args!("{now} permits of {SUPPLY} are out"));
        Out(out, many)
    }
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, SeqCst);
    }
}

/// Somebody is in the mutex.
struct Inside<'a>(&'a AtomicBool);

impl Inside<'_> {
    fn new(is_inside: &AtomicBool) -> Inside<'_> {
        check(!is_inside.swap(true, SeqCst), "two are in a mutex");
        Inside(is_inside)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.store(false, SeqCst);
    }
}

/// Catches the second number up, also where the task is cancelled.
struct Both<'a>(&'a mut (u64, u64));

impl Drop for Both<'_> {
    fn drop(&mut self) {
        self.0.1 += 1;
    }
}

/// Goods under a lock, and those who wait for them: some give up, some do not, and for those there is enough.
async fn notifies(rng: &mut Rng) {
    let store = Arc::new((Mutex::new(0_u64), Condition::new(), AtomicU64::new(0)));
    let patient = (0..PATIENT).map(|_| {
        let store = store.clone();
        create_task(async move { takes_one(&store).await })
    });
    let patient: Vec<_> = patient.collect();
    let impatient = (0..PATIENT).map(|_| {
        let (store, mut rng) = (store.clone(), rng.fork());
        create_task(async move {
            for _ in 0..8 {
                GIVEN_UP.add(u64::from(timeout(rng.micros(300), takes_one(&store)).await.is_err()));
            }
        })
    });
    let impatient: Vec<_> = impatient.collect();
    let mut made = 0;
    for _ in 0..20 {
        made += makes(&store, 1 + rng.below(2), rng.one_in(4)).await;
        sleep(rng.micros(100)).await;
    }
    for task in impatient {
        let is_cancelled = rng.one_in(3) && task.cancel();
        end(task, is_cancelled).await;
    }
    // One for each at least; nobody else takes any now, and one notification more than this may not be needed.
    for _ in 0..PATIENT {
        made += makes(&store, 1, false).await;
    }
    for task in patient {
        check(task.await.is_ok(), "a task that waits for goods failed");
    }
    let (goods, _, taken) = &*store;
    same(*goods.lock().await + taken.load(SeqCst), made, "goods there and taken, and goods made");
}

type Store = (Mutex<u64>, Condition, AtomicU64);

async fn takes_one((goods, changed, taken): &Store) {
    let mut goods = changed.wait_for(goods.lock().await, |goods| *goods > 0).await;
    *goods -= 1;
    taken.fetch_add(1, SeqCst);
    NOTIFIED.add(1);
}

async fn makes((goods, changed, _): &Store, many: u64, all: bool) -> u64 {
    *goods.lock().await += many;
    if all {
        changed.notify_all()
    } else {
        changed.notify(many as usize)
    }
    many
}
