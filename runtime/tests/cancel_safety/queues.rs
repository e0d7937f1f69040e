//! Items: each is in the queue, or with somebody, or was never put.

use std::cell::Cell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;

use raddle::{Heap, Job, LifoQueue, PriorityQueue, PutError, Queue, QueueShutDown, Stack, Store};

use crate::driver::{Boxed, End, Leaf};
use crate::sync_by_hand::hand;

/// Its count tells how many there are.
pub(crate) type Item = Arc<usize>;

/// A kind of queue.
pub(crate) trait Kind: 'static {
    type Store: Store<Item> + 'static;

    fn bounded(capacity: usize) -> Self;
    fn queue(&self) -> &Queue<Item, Self::Store>;
}

macro_rules! kind {
    ($queue:ident, $store:ty) => {
        impl Kind for $queue<Item> {
            type Store = $store;

            fn bounded(capacity: usize) -> Self {
                $queue::bounded(capacity)
            }

            fn queue(&self) -> &Queue<Item, Self::Store> {
                self
            }
        }
    };
}

kind!(Queue, VecDeque<Item>);
kind!(PriorityQueue, Heap<Item>);
kind!(LifoQueue, Stack<Item>);

/// A queue and its items.
pub(crate) struct House<K> {
    kind: K,
    item: Item,
    /// How many were taken out.
    taken: Cell<usize>,
}

impl<K: Kind> House<K> {
    fn new(capacity: usize, items: usize) -> House<K> {
        let house = House { kind: K::bounded(capacity), item: Arc::new(7), taken: Cell::new(0) };
        for _ in 0..items {
            house.put();
        }
        house
    }

    fn queue(&self) -> &Queue<Item, K::Store> {
        self.kind.queue()
    }

    fn put(&self) {
        self.queue().try_put(self.item.clone()).expect("there is room for the supply");
    }

    fn take(&self, item: Item) {
        drop(item);
        self.taken.set(self.taken.get() + 1);
    }

    /// So many were put in all: they are taken or still there, and nobody else has one.
    fn check(&self, put: usize) {
        let queue = self.queue();
        assert_eq!(self.taken.get() + queue.len(), put, "items are lost, or doubled");
        assert_eq!(Arc::strong_count(&self.item), 1 + queue.len());
        let text = format!("{queue:?}");
        assert!(text.contains("getters: 0, putters: 0,"), "{text}");
        // What is there is to be had, and what room there is is to be used: no promise is left to somebody who is gone.
        for _ in 0..queue.len() {
            assert!(queue.try_get().is_ok());
        }
        while queue.capacity() > Some(queue.len()) && queue.try_put(self.item.clone()).is_ok() {}
        assert!(queue.is_full() || queue.try_put(self.item.clone()).is_err_and(is_shut_down));
    }
}

fn is_shut_down(error: raddle::TryPutError<Item>) -> bool {
    matches!(error, raddle::TryPutError::ShutDown(_))
}

/// `get`: two for two items.
pub(crate) struct Get<K>(PhantomData<K>);

impl<K: Kind> Leaf for Get<K> {
    type House = House<K>;
    type Output<'a> = Result<Item, QueueShutDown>;

    const SUPPLIES: usize = 2;

    fn house() -> House<K> {
        House::new(2, 0)
    }

    fn start(house: &House<K>, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.queue().get())
    }

    fn supply(house: &House<K>, _nth: usize) {
        house.put();
    }

    fn absorb(house: &House<K>, item: Self::Output<'_>) {
        house.take(item.unwrap());
    }

    fn check(house: &House<K>, end: &End) {
        assert_eq!(end.waiting(), 0);
        house.check(2);
    }
}

/// `get`: two for one item.
pub(crate) struct GetOne<K>(PhantomData<K>);

impl<K: Kind> Leaf for GetOne<K> {
    type House = House<K>;
    type Output<'a> = Result<Item, QueueShutDown>;

    fn house() -> House<K> {
        House::new(2, 0)
    }

    fn start(house: &House<K>, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.queue().get())
    }

    fn supply(house: &House<K>, _nth: usize) {
        house.put();
    }

    fn absorb(house: &House<K>, item: Self::Output<'_>) {
        house.take(item.unwrap());
    }

    fn check(house: &House<K>, end: &End) {
        assert!(end.waiting() == 0 || house.queue().is_empty(), "somebody waits beside an item");
        house.check(1);
    }
}

/// `put`: two for the one slot of a queue that is full at first, and the other one's once more.
pub(crate) struct Put<K>(PhantomData<K>);

impl<K: Kind> Leaf for Put<K> {
    type House = House<K>;
    type Output<'a> = Result<(), PutError<Item>>;

    const SUPPLIES: usize = 2;

    fn house() -> House<K> {
        House::new(1, 1)
    }

    fn start(house: &House<K>, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.queue().put(house.item.clone()))
    }

    fn supply(house: &House<K>, _nth: usize) {
        if let Ok(item) = house.queue().try_get() {
            house.take(item);
        }
    }

    fn absorb(_house: &House<K>, result: Self::Output<'_>) {
        result.unwrap();
    }

    fn check(house: &House<K>, end: &End) {
        assert!(end.waiting() == 0 || house.queue().is_full(), "somebody waits beside a free slot");
        house.check(1 + end.done());
    }
}

/// `join`: both go when the item is done.
pub(crate) struct Join<K>(PhantomData<K>);

impl<K: Kind> Leaf for Join<K> {
    type House = House<K>;
    type Output<'a> = ();

    fn house() -> House<K> {
        House::new(1, 1)
    }

    fn start(house: &House<K>, _competitor: usize) -> Boxed<'_, ()> {
        Box::pin(house.queue().join())
    }

    fn supply(house: &House<K>, _nth: usize) {
        house.take(house.queue().try_get().unwrap());
        house.queue().task_done();
    }

    fn check(house: &House<K>, end: &End) {
        assert_eq!(end.waiting(), 0);
        house.check(1);
    }
}

/// `get_job`: two for one item, and whatever becomes of the job, it is done.
pub(crate) struct GetJob<K>(PhantomData<K>);

impl<K: Kind> Leaf for GetJob<K> {
    type House = House<K>;
    type Output<'a> = Result<Job<Item, K::Store>, QueueShutDown>;

    fn house() -> House<K> {
        House::new(2, 0)
    }

    fn start(house: &House<K>, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.queue().get_job())
    }

    fn supply(house: &House<K>, _nth: usize) {
        house.put();
    }

    fn absorb(house: &House<K>, job: Self::Output<'_>) {
        house.take(job.unwrap().into_inner());
    }

    fn check(house: &House<K>, end: &End) {
        assert!(end.waiting() == 0 || house.queue().is_empty(), "somebody waits beside an item");
        let left = house.queue().len();
        assert!(format!("{:?}", house.queue()).contains(&format!("unfinished: {left},")));
        house.check(1);
    }
}

/// `get`: one item, then the shutdown: who does not get the item is told.
pub(crate) struct GetUntilShutdown<K>(PhantomData<K>);

impl<K: Kind> Leaf for GetUntilShutdown<K> {
    type House = House<K>;
    type Output<'a> = Result<Item, QueueShutDown>;

    const SUPPLIES: usize = 2;

    fn house() -> House<K> {
        House::new(2, 0)
    }

    fn start(house: &House<K>, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.queue().get())
    }

    fn supply(house: &House<K>, nth: usize) {
        if nth == 0 { house.put() } else { house.queue().shutdown() }
    }

    fn absorb(house: &House<K>, item: Self::Output<'_>) {
        if let Ok(item) = item {
            house.take(item);
        }
    }

    fn check(house: &House<K>, end: &End) {
        assert_eq!(end.waiting(), 0);
        house.check(1);
    }
}

/// `put`: one slot becomes free, then the shutdown: who does not get the slot gets its item back.
pub(crate) struct PutUntilShutdown<K>(PhantomData<K>);

impl<K: Kind> Leaf for PutUntilShutdown<K> {
    type House = House<K>;
    type Output<'a> = Result<(), PutError<Item>>;

    const SUPPLIES: usize = 2;

    fn house() -> House<K> {
        House::new(1, 1)
    }

    fn start(house: &House<K>, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.queue().put(house.item.clone()))
    }

    fn supply(house: &House<K>, nth: usize) {
        if nth == 0 { house.take(house.queue().try_get().unwrap()) } else { house.queue().shutdown() }
    }

    fn absorb(house: &House<K>, result: Self::Output<'_>) {
        // One more put, and taken back by whom it came from.
        if let Err(PutError(item)) = result {
            house.take(item);
        }
    }

    fn check(house: &House<K>, end: &End) {
        assert_eq!(end.waiting(), 0);
        house.check(1 + end.done());
    }
}

/// A queue on which nobody waits hands an item straight through.
#[test]
fn the_house_counts_right() {
    let house = House::<Queue<Item>>::new(1, 1);
    house.take(hand(house.queue().get()).ready().unwrap());
    house.check(1);
}
