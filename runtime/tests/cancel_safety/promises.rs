//! One value from one task to another: it arrives, or comes back, or is dropped, once.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use raddle::{Abandoned, Pending, Promise, promise};

use crate::driver::{Boxed, End, Leaf};

/// Both halves, the value, and what became of it at the promise's end.
pub(crate) struct House {
    promise: RefCell<Option<Promise<Arc<()>>>>,
    pending: RefCell<Option<Pending<Arc<()>>>>,
    value: Arc<()>,
    set: RefCell<Option<Result<(), Arc<()>>>>,
}

impl House {
    fn new() -> House {
        let (promise, pending) = promise();
        House {
            promise: RefCell::new(Some(promise)),
            pending: RefCell::new(Some(pending)),
            value: Arc::default(),
            set: RefCell::default(),
        }
    }

    fn set(&self) {
        let promise = self.promise.take().expect("a promise is kept once");
        let result = promise.set(self.value.clone());
        *self.set.borrow_mut() = Some(result);
    }

    /// Nobody keeps the value.
    fn assert_value_is_gone(&self) {
        self.set.take();
        assert_eq!(Arc::strong_count(&self.value), 1);
    }
}

/// A pending that is awaited by `&mut`: what is dropped is the wait, and the value can be had after it.
pub(crate) struct PendingKept;

impl Leaf for PendingKept {
    type House = House;
    type Output<'a> = Result<Arc<()>, Abandoned>;

    const COMPETITORS: usize = 1;

    fn house() -> House {
        House::new()
    }

    fn start(house: &House, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(poll_fn(|cx| {
            let mut pending = house.pending.borrow_mut();
            Pin::new(pending.as_mut().expect("it is kept")).poll(cx)
        }))
    }

    fn supply(house: &House, _nth: usize) {
        house.set();
    }

    fn absorb(_house: &House, result: Self::Output<'_>) {
        assert!(result.is_ok());
    }

    fn check(house: &House, end: &End) {
        assert_eq!(end.waiting(), 0);
        assert_eq!(*house.set.borrow(), Some(Ok(())));
        let left = house.pending.take().expect("it is kept").try_get();
        assert_eq!(left.is_none(), end.done() == 1, "the value is given once");
        drop(left);
        house.assert_value_is_gone();
    }
}

/// A pending that is dropped with the wait: the value comes back from `set`, or is dropped.
pub(crate) struct PendingDropped;

impl Leaf for PendingDropped {
    type House = House;
    type Output<'a> = Result<Arc<()>, Abandoned>;

    const COMPETITORS: usize = 1;

    fn house() -> House {
        House::new()
    }

    fn start(house: &House, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.pending.take().expect("there is one competitor"))
    }

    fn supply(house: &House, _nth: usize) {
        house.set();
    }

    fn absorb(house: &House, result: Self::Output<'_>) {
        assert!(result.is_ok());
        assert_eq!(*house.set.borrow(), Some(Ok(())));
    }

    fn check(house: &House, end: &End) {
        assert_eq!(end.waiting(), 0);
        let came_back = house.set.borrow().as_ref().is_some_and(Result::is_err);
        assert!(end.dropped[0] || !came_back);
        assert_eq!(Arc::strong_count(&house.value), 1 + usize::from(came_back));
        house.assert_value_is_gone();
    }
}

/// A pending whose promise is dropped: who waits is told.
pub(crate) struct PendingAbandoned;

impl Leaf for PendingAbandoned {
    type House = House;
    type Output<'a> = Result<Arc<()>, Abandoned>;

    const COMPETITORS: usize = 1;

    fn house() -> House {
        House::new()
    }

    fn start(house: &House, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.pending.take().expect("there is one competitor"))
    }

    fn supply(house: &House, _nth: usize) {
        house.promise.take();
    }

    fn absorb(_house: &House, result: Self::Output<'_>) {
        assert_eq!(result, Err(Abandoned));
    }

    fn check(house: &House, end: &End) {
        assert_eq!(end.waiting(), 0);
        house.assert_value_is_gone();
    }
}

/// `Promise::abandoned`: both who wait for it go.
pub(crate) struct PromiseAbandoned;

impl Leaf for PromiseAbandoned {
    type House = (Promise<()>, RefCell<Option<Pending<()>>>);
    type Output<'a> = ();

    fn house() -> Self::House {
        let (promise, pending) = promise();
        (promise, RefCell::new(Some(pending)))
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, ()> {
        Box::pin(house.0.abandoned())
    }

    fn supply(house: &Self::House, _nth: usize) {
        house.1.take();
    }

    fn check(_house: &Self::House, end: &End) {
        assert_eq!(end.waiting(), 0);
    }
}
