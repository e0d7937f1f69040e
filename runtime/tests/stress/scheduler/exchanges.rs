//! What tasks do together: promises, queues, timeouts and callbacks, given up half-way.

use std::sync::Arc;
use std::thread;

use raddle::{Queue, call_later, call_soon, gather, promise, timeout, to_thread};

use super::super::stress_support::{Count, Rng, Token, fail, same};
use super::jobs::{Fate, Spawner, only_at_the_end, settle};
use super::tasks::yields;
use super::{CALLBACKS, CALLED, EXCHANGE, FUTURES, ITEMS, KEPT_AT_MOST, OUTPUTS};

/// Offers promises to all runtimes of the program and keeps those of others.
pub(super) async fn trades(mut rng: Rng) -> Token {
    for _ in 0..rng.below(4) {
        let (offer, pending) = promise();
        let (old, many) = {
            let mut exchange = EXCHANGE.lock();
            exchange.push(offer);
            let index = rng.below(exchange.len() as u64) as usize;
            (exchange.swap_remove(index), exchange.len())
        };
        drop(old.set(OUTPUTS.token()));
        if many > KEPT_AT_MOST {
            let abandoned = std::mem::take(&mut *EXCHANGE.lock());
            drop(abandoned);
        }
        if let Ok(Ok(token)) = timeout(rng.micros(500), pending).await {
            token.look();
        }
    }
    OUTPUTS.token()
}

/// Inner futures with tasks in them, given up half-way.
pub(super) async fn times_out(mut rng: Rng) -> Token {
    for _ in 0..rng.below(4) {
        let body = FUTURES.token();
        let inner = async move {
            let child = Spawner::Here.create(yields(20, 1));
            let ended = child.await;
            body.look();
            settle(Fate::Returns, false, ended);
        };
        drop(timeout(rng.micros(200), inner).await);
    }
    OUTPUTS.token()
}

pub(super) async fn gathers(mut rng: Rng) -> Token {
    let many = rng.below(40);
    let all = gather((0..many).map(|index| {
        let task = Spawner::Here.create(yields(index % 3, 0));
        async move {
            settle(Fate::Returns, false, task.await);
            index
        }
    }));
    same(all.await, (0..many).collect(), "what gather gives");
    let (queue, put) = (Queue::bounded(1 + rng.below(4) as usize), Arc::new(Count::new()));
    conserves(&mut rng, queue, put).await;
    OUTPUTS.token()
}

/// Puts and gets that are given up at random: what was put is got, once.
pub(super) async fn conserves(rng: &mut Rng, queue: Queue<Token>, put: Arc<Count>) {
    let got = Arc::new(Count::new());
    let (mut putters, mut getters) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (queue, put, mut rng) = (queue.clone(), put.clone(), rng.fork());
        putters.push(Spawner::Here.create(async move {
            for _ in 0..20 {
                match timeout(rng.micros(100), queue.put(ITEMS.token())).await {
                    Ok(Ok(())) => put.add(1),
                    Ok(Err(_)) => fail("the queue is open and refused an item"),
                    Err(_) => {}
                }
            }
            OUTPUTS.token()
        }));
    }
    for _ in 0..2 {
        let (queue, got, mut rng) = (queue.clone(), got.clone(), rng.fork());
        getters.push(Spawner::Here.create(async move {
            loop {
                match timeout(rng.micros(100), queue.get()).await {
                    Ok(Ok(item)) => {
                        item.look();
                        got.add(1);
                    }
                    Ok(Err(_)) => return OUTPUTS.token(),
                    Err(_) => {}
                }
            }
        }));
    }
    for task in putters {
        settle(Fate::Returns, false, task.await);
    }
    queue.shutdown();
    for task in getters {
        settle(Fate::Returns, false, task.await);
    }
    if put.get() != got.get() {
        only_at_the_end(&format!("{} items were put and {} got", put.get(), got.get()));
    }
}

pub(super) async fn calls(mut rng: Rng) -> Token {
    for _ in 0..rng.below(4) {
        let (called, pending) = promise();
        let callback = CALLBACKS.token();
        let call = move || {
            callback.look();
            CALLED.add(1);
            let _ = called.set(());
        };
        let asked = if rng.one_in(2) { call_soon(call) } else { call_later(rng.micros(500), call) };
        if rng.one_in(3) && asked.cancel() {
            // It may have been called in this moment, or not.
            let _ = pending.await;
        } else if pending.await.is_err() {
            only_at_the_end("a callback was neither called nor taken back");
        }
    }
    OUTPUTS.token()
}

pub(super) async fn asks_threads(mut rng: Rng) -> Token {
    let pause = rng.micros(200);
    let asked = to_thread(move || {
        thread::sleep(pause);
        OUTPUTS.token()
    });
    asked.await.unwrap_or_else(|_| {
        only_at_the_end("to_thread gave no value");
        OUTPUTS.token()
    })
}
