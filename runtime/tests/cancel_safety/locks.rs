//! What is taken and given back: locks and permits. All is free in the end, and whoever stayed had it.

use std::cell::RefCell;
use std::sync::Arc;

use raddle::{
    BoundedPermit, BoundedSemaphore, Lock, LockGuard, Mutex, MutexGuard, OwnedMutexGuard, OwnedPermit, Permit, RwLock,
    RwLockReadGuard, RwLockWriteGuard, Semaphore,
};

use crate::driver::{Boxed, End, Leaf, assert_nobody_waits};
use crate::sync_by_hand::hand;

/// Something and what holds it until the supply.
type Held<T, G> = (T, RefCell<Option<G>>);

/// `Mutex::lock`; the value counts who had it.
pub(crate) struct MutexLock;

impl Leaf for MutexLock {
    type House = Held<Arc<Mutex<usize>>, OwnedMutexGuard<usize>>;
    type Output<'a> = MutexGuard<'a, usize>;

    fn house() -> Self::House {
        held_mutex()
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, MutexGuard<'_, usize>> {
        Box::pin(house.0.lock())
    }

    fn supply(house: &Self::House, _nth: usize) {
        house.1.take();
    }

    fn absorb(_house: &Self::House, mut guard: MutexGuard<'_, usize>) {
        *guard += 1;
    }

    fn check(house: &Self::House, end: &End) {
        check_mutex(&house.0, end);
    }
}

/// `Mutex::lock_owned`.
pub(crate) struct MutexLockOwned;

impl Leaf for MutexLockOwned {
    type House = Held<Arc<Mutex<usize>>, OwnedMutexGuard<usize>>;
    type Output<'a> = OwnedMutexGuard<usize>;

    fn house() -> Self::House {
        held_mutex()
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, OwnedMutexGuard<usize>> {
        Box::pin(house.0.clone().lock_owned())
    }

    fn supply(house: &Self::House, _nth: usize) {
        house.1.take();
    }

    fn absorb(_house: &Self::House, mut guard: OwnedMutexGuard<usize>) {
        *guard += 1;
    }

    fn check(house: &Self::House, end: &End) {
        check_mutex(&house.0, end);
        assert_eq!(Arc::strong_count(&house.0), 1);
    }
}

fn held_mutex() -> Held<Arc<Mutex<usize>>, OwnedMutexGuard<usize>> {
    let mutex = Arc::new(Mutex::new(0));
    let guard = hand(mutex.clone().lock_owned()).ready();
    (mutex, RefCell::new(Some(guard)))
}

fn check_mutex(mutex: &Mutex<usize>, end: &End) {
    assert_eq!(end.waiting(), 0);
    assert_nobody_waits(mutex);
    assert_eq!(*mutex.try_lock().expect("the lock is free in the end"), end.done());
}

/// `Lock::lock`.
pub(crate) struct PlainLock;

impl Leaf for PlainLock {
    type House = Held<&'static Lock, LockGuard<'static>>;
    type Output<'a> = LockGuard<'a>;

    fn house() -> Self::House {
        static LOCK: Lock = Lock::new();
        (&LOCK, RefCell::new(LOCK.try_lock()))
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, LockGuard<'_>> {
        Box::pin(house.0.lock())
    }

    fn supply(house: &Self::House, _nth: usize) {
        drop(house.1.take().expect("the lock was free after the last schedule"));
    }

    fn check(house: &Self::House, end: &End) {
        assert_eq!(end.waiting(), 0);
        assert_eq!(format!("{:?}", house.0), "Lock { locked: false, waiters: 0 }");
    }
}

/// A guard of one kind or the other.
pub(crate) enum ReadOrWrite<'a> {
    Read(RwLockReadGuard<'a, usize>),
    Write(RwLockWriteGuard<'a, usize>),
}

type RwHouse = Held<&'static RwLock<usize>, ReadOrWrite<'static>>;

fn read(lock: &RwLock<usize>) -> Boxed<'_, ReadOrWrite<'_>> {
    Box::pin(async { ReadOrWrite::Read(lock.read().await) })
}

fn write(lock: &RwLock<usize>) -> Boxed<'_, ReadOrWrite<'_>> {
    Box::pin(async { ReadOrWrite::Write(lock.write().await) })
}

fn absorb(guard: ReadOrWrite<'_>) {
    match guard {
        ReadOrWrite::Read(guard) => assert!(*guard < usize::MAX),
        ReadOrWrite::Write(mut guard) => *guard += 1,
    }
}

fn check_rwlock(lock: &RwLock<usize>, end: &End) {
    assert_eq!(end.waiting(), 0);
    assert_nobody_waits(lock);
    assert!(lock.try_write().is_some());
}

/// Two readers behind a writer.
pub(crate) struct ReadAndRead;

impl Leaf for ReadAndRead {
    type House = RwHouse;
    type Output<'a> = ReadOrWrite<'a>;

    fn house() -> RwHouse {
        static LOCK: RwLock<usize> = RwLock::new(0);
        (&LOCK, RefCell::new(LOCK.try_write().map(ReadOrWrite::Write)))
    }

    fn start(house: &RwHouse, _competitor: usize) -> Boxed<'_, ReadOrWrite<'_>> {
        read(house.0)
    }

    fn supply(house: &RwHouse, _nth: usize) {
        house.1.take().map(absorb).expect("the lock was free after the last schedule");
    }

    fn check(house: &RwHouse, end: &End) {
        check_rwlock(house.0, end);
    }
}

/// A writer and a reader, behind a reader that leaves.
pub(crate) struct WriteAndRead;

impl Leaf for WriteAndRead {
    type House = RwHouse;
    type Output<'a> = ReadOrWrite<'a>;

    fn house() -> RwHouse {
        static LOCK: RwLock<usize> = RwLock::new(0);
        (&LOCK, RefCell::new(LOCK.try_read().map(ReadOrWrite::Read)))
    }

    fn start(house: &RwHouse, competitor: usize) -> Boxed<'_, ReadOrWrite<'_>> {
        if competitor == 0 { write(house.0) } else { read(house.0) }
    }

    fn supply(house: &RwHouse, _nth: usize) {
        house.1.take().map(absorb).expect("the lock was free after the last schedule");
    }

    fn check(house: &RwHouse, end: &End) {
        check_rwlock(house.0, end);
    }
}

/// A writer and a reader, behind a reader that stays: the second reader goes at once when the writer gives up.
pub(crate) struct WriteAndReadBesideReader;

impl Leaf for WriteAndReadBesideReader {
    type House = RwHouse;
    type Output<'a> = ReadOrWrite<'a>;

    const SUPPLIES: usize = 0;

    fn house() -> RwHouse {
        static LOCK: RwLock<usize> = RwLock::new(0);
        (&LOCK, RefCell::new(LOCK.try_read().map(ReadOrWrite::Read)))
    }

    fn start(house: &RwHouse, competitor: usize) -> Boxed<'_, ReadOrWrite<'_>> {
        if competitor == 0 { write(house.0) } else { read(house.0) }
    }

    fn supply(_house: &RwHouse, _nth: usize) {}

    fn check(house: &RwHouse, end: &End) {
        assert!(!end.waiting[1] || end.waiting[0], "the reader waits for a writer that is gone");
        house.1.take().map(absorb).expect("the lock was free after the last schedule");
        assert_nobody_waits(house.0);
        assert!(house.0.try_write().is_some());
    }
}

/// Two writers behind a reader.
pub(crate) struct WriteAndWrite;

impl Leaf for WriteAndWrite {
    type House = RwHouse;
    type Output<'a> = ReadOrWrite<'a>;

    fn house() -> RwHouse {
        static LOCK: RwLock<usize> = RwLock::new(0);
        *LOCK.try_write().expect("the lock was free after the last schedule") = 0;
        (&LOCK, RefCell::new(LOCK.try_read().map(ReadOrWrite::Read)))
    }

    fn start(house: &RwHouse, _competitor: usize) -> Boxed<'_, ReadOrWrite<'_>> {
        write(house.0)
    }

    fn supply(house: &RwHouse, _nth: usize) {
        house.1.take();
    }

    fn absorb(_house: &RwHouse, guard: ReadOrWrite<'_>) {
        absorb(guard);
    }

    fn check(house: &RwHouse, end: &End) {
        check_rwlock(house.0, end);
        assert_eq!(house.0.try_read().map(|value| *value), Some(end.done()));
    }
}

/// `Semaphore::acquire`: two for one permit.
pub(crate) struct Acquire;

impl Leaf for Acquire {
    type House = Semaphore;
    type Output<'a> = Permit<'a>;

    fn house() -> Semaphore {
        Semaphore::new(0)
    }

    fn start(house: &Semaphore, _competitor: usize) -> Boxed<'_, Permit<'_>> {
        Box::pin(house.acquire())
    }

    fn supply(house: &Semaphore, _nth: usize) {
        house.add_permits(1);
    }

    fn check(house: &Semaphore, end: &End) {
        assert_eq!(end.waiting(), 0);
        assert_eq!(format!("{house:?}"), "Semaphore { permits: 1, waiters: 0 }");
    }
}

/// `Semaphore::acquire_owned`.
pub(crate) struct AcquireOwned;

impl Leaf for AcquireOwned {
    type House = Arc<Semaphore>;
    type Output<'a> = OwnedPermit;

    fn house() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(0))
    }

    fn start(house: &Arc<Semaphore>, _competitor: usize) -> Boxed<'_, OwnedPermit> {
        Box::pin(house.clone().acquire_owned())
    }

    fn supply(house: &Arc<Semaphore>, _nth: usize) {
        house.add_permits(1);
    }

    fn check(house: &Arc<Semaphore>, end: &End) {
        assert_eq!(end.waiting(), 0);
        assert_eq!(format!("{house:?}"), "Semaphore { permits: 1, waiters: 0 }");
        assert_eq!(Arc::strong_count(house), 1);
    }
}

/// `Semaphore::acquire_many` of two, and `acquire` of one, while two permits come one by one.
pub(crate) struct AcquireManyAndOne;

impl Leaf for AcquireManyAndOne {
    type House = Semaphore;
    type Output<'a> = Permit<'a>;

    const SUPPLIES: usize = 2;

    fn house() -> Semaphore {
        Semaphore::new(0)
    }

    fn start(house: &Semaphore, competitor: usize) -> Boxed<'_, Permit<'_>> {
        Box::pin(house.acquire_many(2 - competitor))
    }

    fn supply(house: &Semaphore, _nth: usize) {
        house.add_permits(1);
    }

    fn check(house: &Semaphore, end: &End) {
        assert_eq!(end.waiting(), 0);
        assert_eq!(format!("{house:?}"), "Semaphore { permits: 2, waiters: 0 }");
    }
}

/// `Semaphore::acquire_many` of more than there will be, and `acquire` of the one that comes.
pub(crate) struct AcquireTooManyAndOne;

impl Leaf for AcquireTooManyAndOne {
    type House = Semaphore;
    type Output<'a> = Permit<'a>;

    fn house() -> Semaphore {
        Semaphore::new(0)
    }

    fn start(house: &Semaphore, competitor: usize) -> Boxed<'_, Permit<'_>> {
        Box::pin(house.acquire_many(2 - competitor))
    }

    fn supply(house: &Semaphore, _nth: usize) {
        house.add_permits(1);
    }

    fn check(house: &Semaphore, end: &End) {
        assert!(!end.done[0]);
        assert!(!end.waiting[1] || end.waiting[0], "the small demand waits for a large one that is gone");
        assert_eq!(format!("{house:?}"), "Semaphore { permits: 1, waiters: 0 }");
    }
}

/// `BoundedSemaphore::acquire`, with a permit that is forgotten and released.
pub(crate) struct AcquireBounded;

impl Leaf for AcquireBounded {
    type House = BoundedSemaphore;
    type Output<'a> = BoundedPermit<'a>;

    fn house() -> BoundedSemaphore {
        let semaphore = BoundedSemaphore::new(1);
        semaphore.try_acquire().expect("nobody else is there").forget();
        semaphore
    }

    fn start(house: &BoundedSemaphore, _competitor: usize) -> Boxed<'_, BoundedPermit<'_>> {
        Box::pin(house.acquire())
    }

    fn supply(house: &BoundedSemaphore, _nth: usize) {
        house.release();
    }

    fn check(house: &BoundedSemaphore, end: &End) {
        assert_eq!(end.waiting(), 0);
        assert_eq!(format!("{house:?}"), "BoundedSemaphore { permits: 1, waiters: 0 }");
    }
}
