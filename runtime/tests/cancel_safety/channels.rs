//! Values on their way through channels, broadcasts and watches: each arrives where it should, once.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use raddle::{
    BroadcastReceiver, BroadcastSender, Receiver, RecvError, SendError, Sender, WatchClosed, WatchReceiver,
    WatchSender, broadcast, channel, watch,
};

use crate::driver::{Boxed, End, Leaf};

/// Its count tells how many there are.
type Item = Arc<usize>;

/// Both ends of a channel, and what it carries.
pub(crate) struct Ends {
    sender: RefCell<Option<Sender<Item>>>,
    receiver: RefCell<Option<Receiver<Item>>>,
    // Of their own, so that futures can borrow them while the others are dropped.
    sending: Sender<Item>,
    receiving: Receiver<Item>,
    item: Item,
    arrived: Cell<usize>,
}

impl Ends {
    fn new(capacity: usize) -> Ends {
        let (sender, receiver) = channel(capacity);
        Ends {
            sending: sender.clone(),
            receiving: receiver.clone(),
            sender: RefCell::new(Some(sender)),
            receiver: RefCell::new(Some(receiver)),
            item: Arc::new(7),
            arrived: Cell::new(0),
        }
    }

    fn send(&self) {
        self.sending.try_send(self.item.clone()).expect("there is room for the supply");
    }

    fn arrive(&self, item: Option<Item>) {
        self.arrived.set(self.arrived.get() + usize::from(item.is_some()));
    }

    fn count_rest(&self) -> usize {
        let mut rest = 0;
        while self.receiving.try_recv().is_ok() {
            rest += 1;
        }
        rest
    }

    fn assert_items_are_gone(&self) {
        assert_eq!(Arc::strong_count(&self.item), 1);
    }
}

/// Two receive, one value comes.
pub(crate) struct RecvOne;

impl Leaf for RecvOne {
    type House = Ends;
    type Output<'a> = Option<Item>;

    fn house() -> Ends {
        Ends::new(2)
    }

    fn start(house: &Ends, _competitor: usize) -> Boxed<'_, Option<Item>> {
        Box::pin(house.receiving.recv())
    }

    fn supply(house: &Ends, _nth: usize) {
        house.send();
    }

    fn absorb(house: &Ends, item: Option<Item>) {
        house.arrive(item);
    }

    fn check(house: &Ends, end: &End) {
        assert_eq!(house.arrived.get(), end.done());
        assert_eq!(house.arrived.get() + house.count_rest(), 1, "{end:?}");
        house.assert_items_are_gone();
    }
}

/// Two send into a channel that is full, and room comes once.
pub(crate) struct SendOne;

impl Leaf for SendOne {
    type House = Ends;
    type Output<'a> = Result<(), SendError<Item>>;

    fn house() -> Ends {
        let house = Ends::new(1);
        house.send();
        house
    }

    fn start(house: &Ends, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(house.sending.send(house.item.clone()))
    }

    fn supply(house: &Ends, _nth: usize) {
        drop(house.receiving.try_recv().expect("it was full"));
    }

    fn absorb(_house: &Ends, sent: Self::Output<'_>) {
        assert!(sent.is_ok());
    }

    fn check(house: &Ends, end: &End) {
        assert_eq!(house.count_rest(), end.done(), "what was sent is there, what was not is not: {end:?}");
        house.assert_items_are_gone();
    }
}

/// Two receive, and the last sender goes.
pub(crate) struct RecvUntilClosed;

impl Leaf for RecvUntilClosed {
    type House = Option<Receiver<Item>>;
    type Output<'a> = Option<Item>;

    fn house() -> Option<Receiver<Item>> {
        let (sender, receiver) = channel(1);
        SENDER.set(Some(sender));
        Some(receiver)
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, Option<Item>> {
        Box::pin(house.as_ref().expect("it is kept").recv())
    }

    fn supply(_house: &Self::House, _nth: usize) {
        drop(SENDER.take());
    }

    fn absorb(_house: &Self::House, item: Option<Item>) {
        assert!(item.is_none());
    }

    fn check(_house: &Self::House, end: &End) {
        assert_eq!(end.waiting(), 0, "{end:?}");
    }
}

thread_local! {
    static SENDER: RefCell<Option<Sender<Item>>> = const { RefCell::new(None) };
}

/// Two wait until nobody receives any more.
pub(crate) struct Closed;

impl Leaf for Closed {
    type House = Ends;
    type Output<'a> = ();

    fn house() -> Ends {
        Ends::new(1)
    }

    fn start(house: &Ends, _competitor: usize) -> Boxed<'_, ()> {
        Box::pin(house.sending.closed())
    }

    fn supply(house: &Ends, _nth: usize) {
        drop(house.receiver.take());
        house.receiving.close();
        drop(house.sender.take());
    }

    fn check(_house: &Ends, end: &End) {
        assert_eq!(end.waiting(), 0, "{end:?}");
    }
}

/// A sender to many, and its receivers.
pub(crate) struct News {
    sender: BroadcastSender<Item>,
    receivers: [RefCell<BroadcastReceiver<Item>>; 2],
    item: Item,
}

/// Two listen, and a value comes: each gets it, once.
pub(crate) struct Broadcast;

impl Leaf for Broadcast {
    type House = News;
    type Output<'a> = Result<Item, RecvError>;

    fn house() -> News {
        let (sender, receiver) = broadcast(2);
        let receivers = [RefCell::new(receiver.clone()), RefCell::new(receiver)];
        News { sender, receivers, item: Arc::new(7) }
    }

    fn start(house: &News, competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        // One at a time has each receiver: the future's borrow ends with it.
        #[expect(clippy::await_holding_refcell_ref, reason = "nobody else borrows it meanwhile")]
        Box::pin(async move { house.receivers[competitor].borrow_mut().recv().await })
    }

    fn supply(house: &News, _nth: usize) {
        assert_eq!(house.sender.send(house.item.clone()).expect("both listen"), 2);
    }

    fn absorb(_house: &News, got: Self::Output<'_>) {
        assert!(got.is_ok());
    }

    fn check(house: &News, end: &End) {
        for (receiver, done) in house.receivers.iter().zip(end.done) {
            let rest = receiver.borrow_mut().try_recv().is_ok();
            assert_ne!(rest, done, "got and still there, or neither: {end:?}");
        }
        assert_eq!(Arc::strong_count(&house.item), 1);
    }
}

/// A value that changes, and those who look at it.
pub(crate) struct Seen {
    sender: WatchSender<usize>,
    receivers: [RefCell<WatchReceiver<usize>>; 2],
}

impl Seen {
    fn new() -> Seen {
        let (sender, receiver) = watch(0);
        Seen { sender, receivers: [RefCell::new(receiver.clone()), RefCell::new(receiver)] }
    }
}

/// Two wait for a change, which comes: each is told, now or when it asks again.
pub(crate) struct Changed;

impl Leaf for Changed {
    type House = Seen;
    type Output<'a> = Result<(), WatchClosed>;

    fn house() -> Seen {
        Seen::new()
    }

    fn start(house: &Seen, competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        #[expect(clippy::await_holding_refcell_ref, reason = "nobody else borrows it meanwhile")]
        Box::pin(async move { house.receivers[competitor].borrow_mut().changed().await })
    }

    fn supply(house: &Seen, _nth: usize) {
        house.sender.send(1).expect("both look");
    }

    fn check(house: &Seen, end: &End) {
        for (receiver, done) in house.receivers.iter().zip(end.done) {
            let changed = receiver.borrow().has_changed();
            assert_ne!(changed, done, "told twice, or never: {end:?}");
        }
    }
}

/// Two wait for a value that comes second.
pub(crate) struct WaitFor;

impl Leaf for WaitFor {
    type House = Seen;
    type Output<'a> = bool;

    const SUPPLIES: usize = 2;

    fn house() -> Seen {
        Seen::new()
    }

    fn start(house: &Seen, competitor: usize) -> Boxed<'_, bool> {
        #[expect(clippy::await_holding_refcell_ref, reason = "nobody else borrows it meanwhile")]
        Box::pin(async move { house.receivers[competitor].borrow_mut().wait_for(|value| *value == 2).await.is_ok() })
    }

    fn supply(house: &Seen, nth: usize) {
        house.sender.send(nth + 1).expect("both look");
    }

    fn absorb(_house: &Seen, came: bool) {
        assert!(came);
    }

    fn check(house: &Seen, end: &End) {
        assert_eq!(end.waiting(), 0, "{end:?}");
        assert!(house.receivers.iter().all(|receiver| *receiver.borrow().borrow() == 2));
    }
}
