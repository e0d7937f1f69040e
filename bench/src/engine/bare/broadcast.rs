//! Each value to each reader, who must keep up: there is no word of what was missed, but a panic.

use std::cell::{Cell, RefCell};
use std::future;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::here::Here;
use super::waiters::Waiters;

pub struct News<T>(Here<Rc<Ring<T>>>);

pub struct Reader<T> {
    ring: Here<Rc<Ring<T>>>,
    /// How many it has read.
    read: usize,
}

struct Ring<T> {
    /// As many as a power of two, so that a place is found without a division.
    values: RefCell<Vec<T>>,
    places: usize,
    sent: Cell<usize>,
    readers: Waiters,
}

impl<T: Copy> News<T> {
    pub(super) fn new(capacity: usize) -> News<T> {
        let places = capacity.next_power_of_two();
        let (values, sent) = (RefCell::new(Vec::with_capacity(places)), Cell::new(0));
        News(Here::new(Rc::new(Ring { values, places, sent, readers: Waiters::default() })))
    }

    /// One who reads what comes from now on.
    pub(super) fn subscribe(&self) -> Reader<T> {
        Reader { ring: self.0.clone(), read: self.0.sent.get() }
    }

    pub(super) fn publish(&self, value: T) {
        let Ring { values, places, sent, readers } = &**self.0;
        let place = sent.get() & (places - 1);
        let mut values = values.borrow_mut();
        if place == values.len() {
            values.push(value);
        } else {
            values[place] = value;
        }
        drop(values);
        sent.set(sent.get() + 1);
        readers.wake_all();
    }
}

impl<T: Copy> Reader<T> {
    pub(super) async fn next(&mut self) -> T {
        let value = future::poll_fn(|context| self.ring.poll_next(self.read, context)).await;
        self.read += 1;
        value
    }
}

impl<T: Copy> Ring<T> {
    fn poll_next(&self, read: usize, context: &mut Context<'_>) -> Poll<T> {
        let behind = self.sent.get() - read;
        if behind == 0 {
            self.readers.add(context);
            return Poll::Pending;
        }
        assert!(
            behind <= self.places,
            "a reader is {behind} values behind, which is more than the {} kept",
            self.places
        );
        Poll::Ready(self.values.borrow()[read & (self.places - 1)])
    }
}
