//! A full queue blocks putters in the order in which they came. A putter that is cancelled never puts; a getter that
//! is cancelled after it was woken hands its turn on, so that no item is lost and no getter sleeps beside one.
//!
//! With several workers an item is logged by who puts it and by who takes it in any order, and the getter that is
//! cancelled may have been faster: then it has the item, and the other one waits.

use raddle::{Exit, FinallyExt, Queue, create_task, sleep};

use super::support::{Out, assert_order, has, truth};

pub(crate) const TEXT: &str = "\
put p1
gave up p2
main takes p1
put p3
main takes p3
put p4
main takes p4
left: 0
g2 got item
g1 cancelled: True | g2 done: True | left: 0";

pub(crate) async fn program(out: Out) {
    let queue = Queue::bounded(1);
    let mut putters = Vec::new();
    for item in ["p1", "p2", "p3", "p4"] {
        putters.push(create_task(put(out.clone(), queue.clone(), item)));
        sleep(out.ms(5)).await;
    }
    putters[1].cancel();
    sleep(out.ms(5)).await;
    for _ in 0..3 {
        out.line(format!("main takes {}", queue.get().await.unwrap()));
        sleep(out.ms(5)).await;
    }
    out.line(format!("left: {}", queue.len()));

    let queue = Queue::unbounded();
    let g1 = create_task(get(out.clone(), queue.clone(), "g1"));
    let g2 = create_task(get(out.clone(), queue.clone(), "g2"));
    sleep(out.ms(5)).await;
    queue.try_put("item").unwrap(); // wakes g1
    g1.cancel(); // before it could take the item
    sleep(out.ms(5)).await;
    let (cancelled, done) = (truth(g1.is_cancelled()), truth(g2.is_done()));
    out.line(format!("g1 cancelled: {cancelled} | g2 done: {done} | left: {}", queue.len()));
}

async fn put(out: Out, queue: Queue<&'static str>, item: &'static str) {
    let leave = out.clone();
    let left = move |exit| async move {
        if exit == Exit::Cancelled {
            leave.line(format!("gave up {item}"));
        }
    };
    let work = async {
        queue.put(item).await.unwrap();
        out.line(format!("put {item}"));
    };
    work.finally(left).await;
}

async fn get(out: Out, queue: Queue<&'static str>, name: &str) {
    let item = queue.get().await.unwrap();
    out.line(format!("{name} got {item}"));
}

pub(crate) fn nothing_is_lost(printed: &[String]) {
    assert_order(printed, &["put p1", "gave up p2", "main takes p1", "main takes p3", "main takes p4", "left: 0"]);
    assert_order(printed, &["put p1", "put p3", "put p4", "left: 0"]);
    let g1 = has(printed, "g1 got item");
    assert!(g1 != has(printed, "g2 got item"), "one of the two: {printed:#?}");
    let (g1, g2) = (truth(!g1), truth(!g1));
    assert_eq!(printed.last().unwrap(), &format!("g1 cancelled: {g1} | g2 done: {g2} | left: 0"));
    assert_eq!(printed.len(), 10, "{printed:#?}");
}
