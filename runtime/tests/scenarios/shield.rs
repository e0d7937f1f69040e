//! `shield`: the awaiter is cancelled at once, the inner task goes on, and its result can still be had. To cancel the
//! inner task itself gives `Cancelled` to the awaiter of the shield, although nobody asked it. A timeout around a shield
//! ends the waiting only.

use std::sync::atomic::{AtomicBool, Ordering};

use raddle::{Exit, FinallyExt, Task, TaskError, create_task, promise, shield, sleep, timeout, wait};

use super::support::{Out, truth};

pub(crate) const TEXT: &str = "\
outer: cancelled, inner done: False
one finished
outer cancelled: True | inner result: one
two cancelled
outer: cancelled, inner done: True
outer cancelled: True | outer was asked: 0
three finished
timeout around a shield: three";

async fn inner(out: Out, name: &'static str) -> &'static str {
    let (time, told) = (out.ms(60), out.clone());
    sleep(time)
        .finally(move |exit| async move {
            told.line(format!("{name} {}", if exit == Exit::Done { "finished" } else { "cancelled" }));
        })
        .await;
    name
}

async fn outer(out: Out, t: Task<&'static str>) -> Result<&'static str, TaskError> {
    let seen = t.canceller();
    let told = AtomicBool::new(false);
    let tell = move || {
        if !told.swap(true, Ordering::Relaxed) {
            out.line(format!("outer: cancelled, inner done: {}", truth(seen.is_done())));
        }
    };
    let tell = std::sync::Arc::new(tell);
    let at_end = tell.clone();
    shield(t)
        .finally(move |exit| async move {
            if exit == Exit::Cancelled {
                at_end();
            }
        })
        .await
        .inspect_err(|_| tell())
}

pub(crate) async fn program(out: Out) {
    // The handle goes to the shield; the result comes another way.
    let (told, result) = promise();
    let work = inner(out.clone(), "one");
    let t = create_task(async move {
        let name = work.await;
        let _ = told.set(name);
        name
    });
    let mut o = [create_task(outer(out.clone(), t))];
    sleep(out.ms(20)).await;
    o[0].cancel();
    wait(&mut o).await;
    let cancelled = truth(o[0].is_cancelled());
    out.line(format!("outer cancelled: {cancelled} | inner result: {}", result.await.unwrap()));

    let t = create_task(inner(out.clone(), "two"));
    let canceller = t.canceller();
    let mut o = [create_task(outer(out.clone(), t))];
    sleep(out.ms(20)).await;
    canceller.cancel();
    wait(&mut o).await;
    let asked = u8::from(o[0].is_cancelled());
    let cancelled = truth(matches!(o[0].try_result(), Some(Ok(Err(TaskError::Cancelled)))));
    out.line(format!("outer cancelled: {cancelled} | outer was asked: {asked}"));

    let mut t = shield(create_task(inner(out.clone(), "three")));
    if timeout(out.ms(20), &mut t).await.is_err() {
        let name = t.await.unwrap();
        out.line(format!("timeout around a shield: {name}"));
    }
}
