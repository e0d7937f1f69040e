//! What many wait for together: events, barriers, and a value that one of them makes.

use std::cell::{Cell, RefCell};

use raddle::{Barrier, BarrierTurn, BarrierWait, BrokenBarrier, Event, OnceCell};

use crate::driver::{Boxed, End, Leaf, assert_nobody_waits};
use crate::sync_by_hand::{Hand, hand};

/// `Event::wait`: all who stayed go.
pub(crate) struct EventSet;

impl Leaf for EventSet {
    type House = Event;
    type Output<'a> = ();

    fn house() -> Event {
        Event::new()
    }

    fn start(house: &Event, _competitor: usize) -> Boxed<'_, ()> {
        Box::pin(house.wait())
    }

    fn supply(house: &Event, _nth: usize) {
        house.set();
    }

    fn check(house: &Event, end: &End) {
        assert_eq!(end.waiting(), 0);
        assert_nobody_waits(house);
    }
}

/// `Event::wait`, with the event set for a moment: who waited then goes, nobody else.
pub(crate) struct EventSetAndClear;

impl Leaf for EventSetAndClear {
    type House = Event;
    type Output<'a> = ();

    fn house() -> Event {
        Event::new()
    }

    fn start(house: &Event, _competitor: usize) -> Boxed<'_, ()> {
        Box::pin(house.wait())
    }

    fn supply(house: &Event, _nth: usize) {
        house.set();
        house.clear();
    }

    fn check(house: &Event, end: &End) {
        assert_eq!(end.done(), end.stayed_since(0));
        assert_nobody_waits(house);
    }
}

type Turn = Result<BarrierTurn, BrokenBarrier>;

/// `Barrier::wait`, two for two.
pub(crate) struct BarrierForTwo;

impl Leaf for BarrierForTwo {
    type House = (Barrier, RefCell<Vec<usize>>);
    type Output<'a> = Turn;

    const SUPPLIES: usize = 0;

    fn house() -> Self::House {
        (Barrier::new(2), RefCell::default())
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, Turn> {
        Box::pin(house.0.wait())
    }

    fn supply(_house: &Self::House, _nth: usize) {}

    fn absorb(house: &Self::House, turn: Turn) {
        house.1.borrow_mut().push(turn.unwrap().index);
    }

    fn check(house: &Self::House, end: &End) {
        let mut indices = house.1.take();
        indices.sort();
        match end.done() {
            0 => {}
            // The other one was dropped after they had met.
            1 => assert_eq!(end.dropped.iter().filter(|dropped| **dropped).count(), 1),
            _ => assert_eq!(indices, [0, 1]),
        }
        assert!(end.done() == 0 || end.waiting() == 0);
        assert_is_as_new(&house.0);
    }
}

/// Nobody is counted who has left, and the next to come pass with each index once.
fn assert_is_as_new(barrier: &Barrier) {
    assert_eq!(barrier.n_waiting(), 0);
    let mut waits: Vec<_> = (0..barrier.parties()).map(|_| hand(barrier.wait())).collect();
    let last = waits.pop().unwrap();
    assert!(waits.iter_mut().all(|wait| wait.poll().is_pending()));
    waits.insert(0, last);
    let turns: Vec<_> = waits.into_iter().map(|wait| wait.ready().unwrap().index).collect();
    assert_eq!(turns[0], barrier.parties() - 1);
    assert!(turns[1..].iter().copied().eq(0..barrier.parties() - 1));
}

/// `Barrier::wait`, two and a third one that comes at any time.
pub(crate) struct BarrierForThree;

impl Leaf for BarrierForThree {
    type House = (&'static Barrier, RefCell<Option<Hand<BarrierWait<'static>>>>, RefCell<Vec<usize>>);
    type Output<'a> = Turn;

    fn house() -> Self::House {
        static BARRIER: Barrier = Barrier::new(3);
        (&BARRIER, RefCell::default(), RefCell::default())
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, Turn> {
        Box::pin(house.0.wait())
    }

    fn supply(house: &Self::House, _nth: usize) {
        let mut third = hand(house.0.wait());
        match third.poll() {
            std::task::Poll::Ready(turn) => Self::absorb(house, turn),
            std::task::Poll::Pending => *house.1.borrow_mut() = Some(third),
        }
    }

    fn absorb(house: &Self::House, turn: Turn) {
        house.2.borrow_mut().push(turn.unwrap().index);
    }

    fn check(house: &Self::House, end: &End) {
        if let Some(mut third) = house.1.take()
            && let std::task::Poll::Ready(turn) = third.poll()
        {
            Self::absorb(house, turn);
        }
        let mut indices = house.2.take();
        indices.sort();
        indices.dedup();
        let passed = !indices.is_empty();
        assert_eq!(indices.len(), end.done() + usize::from(passed), "each index once, the third one's among them");
        assert!(!passed || end.waiting() == 0);
        assert_is_as_new(house.0);
    }
}

/// `Barrier::wait`, while it is reset: who waited then is sent away, nobody else.
pub(crate) struct BarrierReset;

impl Leaf for BarrierReset {
    type House = Barrier;
    type Output<'a> = Turn;

    fn house() -> Barrier {
        Barrier::new(3)
    }

    fn start(house: &Barrier, _competitor: usize) -> Boxed<'_, Turn> {
        Box::pin(house.wait())
    }

    fn supply(house: &Barrier, _nth: usize) {
        house.reset();
        assert_eq!(house.n_waiting(), 0);
    }

    fn absorb(_house: &Barrier, turn: Turn) {
        assert_eq!(turn, Err(BrokenBarrier));
    }

    fn check(house: &Barrier, end: &End) {
        assert_eq!(end.done(), end.stayed_since(0));
        assert_is_as_new(house);
    }
}

/// A cell, what its makers wait for, and how many values were made.
type Making = (OnceCell<usize>, Event, Cell<usize>);

async fn make(house: &Making) -> usize {
    house.1.wait().await;
    house.2.set(house.2.get() + 1);
    7
}

fn check_making(house: &Making, end: &End) {
    assert_eq!(end.waiting(), 0);
    assert_nobody_waits(&house.0);
    assert!(house.2.get() <= 1, "a value is made once");
    if end.done() == 0 {
        assert!(hand(house.0.get_or_init(async || 8)).ready() >= &7);
    }
}

/// `OnceCell::get_or_init`, whose maker has to wait for something.
pub(crate) struct GetOrInit;

impl Leaf for GetOrInit {
    type House = Making;
    type Output<'a> = &'a usize;

    fn house() -> Making {
        Making::default()
    }

    fn start(house: &Making, _competitor: usize) -> Boxed<'_, &usize> {
        Box::pin(house.0.get_or_init(|| make(house)))
    }

    fn supply(house: &Making, _nth: usize) {
        house.1.set();
    }

    fn absorb(_house: &Making, value: &usize) {
        assert_eq!(*value, 7);
    }

    fn check(house: &Making, end: &End) {
        check_making(house, end);
    }
}

/// `OnceCell::get_or_init`, whose maker is outrun by `set`.
pub(crate) struct GetOrInitUntilSet;

impl Leaf for GetOrInitUntilSet {
    type House = Making;
    type Output<'a> = &'a usize;

    const SUPPLIES: usize = 2;

    fn house() -> Making {
        Making::default()
    }

    fn start(house: &Making, _competitor: usize) -> Boxed<'_, &usize> {
        Box::pin(house.0.get_or_init(|| make(house)))
    }

    fn supply(house: &Making, nth: usize) {
        match nth {
            0 => house.0.set(7).expect("nobody has made a value yet"),
            _ => house.1.set(),
        }
    }

    fn absorb(_house: &Making, value: &usize) {
        assert_eq!(*value, 7);
    }

    fn check(house: &Making, end: &End) {
        check_making(house, end);
    }
}

/// `OnceCell::get_or_try_init`: the first maker fails.
pub(crate) struct GetOrTryInit;

impl Leaf for GetOrTryInit {
    type House = Making;
    type Output<'a> = Result<&'a usize, &'static str>;

    fn house() -> Making {
        Making::default()
    }

    fn start(house: &Making, competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.0.get_or_try_init(async move || {
            house.1.wait().await;
            if competitor == 0 {
                return Err("the first one fails");
            }
            Ok(make(house).await)
        }))
    }

    fn supply(house: &Making, _nth: usize) {
        house.1.set();
    }

    fn check(house: &Making, end: &End) {
        check_making(house, end);
        assert_eq!(house.0.get().is_some(), end.done[1] || end.done() == 0);
    }
}
