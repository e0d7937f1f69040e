//! A priority queue gives the smallest first, a LIFO queue the newest. A getter that waits takes what is smallest when
//! it gets its turn, and not what woke it. An item whose putter had to wait takes its place in the order, too.
//!
//! With several workers the getter that waits may have its turn between the two puts.

use raddle::{LifoQueue, PriorityQueue, create_task, sleep};

use super::support::{Out, truth};

pub(crate) const TEXT: &str = "\
priority: [(1, 1), (1, 3), (3, 2), (5, 0)]
lifo: ['c', 'b', 'a']
waiting getter got 1 | left 9
full: True | first out: 2
then: 1 4";

pub(crate) async fn program(out: Out) {
    let queue = PriorityQueue::unbounded();
    for (n, item) in [5, 1, 3, 1].into_iter().enumerate() {
        queue.try_put((item, n)).unwrap();
    }
    let taken: Vec<_> = (0..4).map(|_| queue.try_get().unwrap()).collect();
    out.line(format!("priority: {taken:?}"));
    let queue = LifoQueue::unbounded();
    for item in 'a'..='c' {
        queue.try_put(item).unwrap();
    }
    let taken: Vec<_> = (0..3).map(|_| queue.try_get().unwrap()).collect();
    out.line(format!("lifo: {taken:?}"));

    let queue = PriorityQueue::unbounded();
    let waiting = queue.clone();
    let getter = create_task(async move { waiting.get().await.unwrap() });
    sleep(out.ms(5)).await;
    queue.put(9).await.unwrap();
    queue.put(1).await.unwrap(); // does not suspend: there is room
    let got = getter.await.unwrap();
    out.line(format!("waiting getter got {got} | left {}", queue.try_get().unwrap()));

    let queue = PriorityQueue::bounded(2);
    for item in [4, 2] {
        queue.try_put(item).unwrap();
    }
    let waiting = queue.clone();
    let putter = create_task(async move { waiting.put(1).await.unwrap() });
    sleep(out.ms(5)).await;
    out.line(format!("full: {} | first out: {}", truth(queue.is_full()), queue.get().await.unwrap()));
    putter.await.unwrap();
    out.line(format!("then: {} {}", queue.get().await.unwrap(), queue.get().await.unwrap()));
}

pub(crate) fn in_order_but_for_the_waiting_getter(printed: &[String]) {
    let mut text: Vec<_> = TEXT.lines().collect();
    if printed[2] == "waiting getter got 9 | left 1" {
        text[2] = "waiting getter got 9 | left 1";
    }
    assert_eq!(printed, text);
}
