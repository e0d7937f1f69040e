//! Of nested timeouts, the one that expires first owns the `TimeoutError`. If it is the outer one, the inner block is
//! only cancelled and stays unexpired; if it is the inner one, the outer block may handle the error and go on.

use std::time::Duration;

use raddle::{Exit, FinallyExt, Instant, TaskStatus, current_task, deadline, sleep};

use super::support::{Out, truth};

pub(crate) const TEXT: &str = "\
inner first
  body: CancelledError
  inner raised TimeoutError; outer expired: False
  outer body goes on
  outer expired: False inner expired: True cancelling: 0
outer first
  body: CancelledError
  inner let CancelledError pass; inner expired: False
  outer raised TimeoutError
  outer expired: True inner expired: False cancelling: 0
outer without limit
  body: CancelledError
  inner raised TimeoutError; outer expired: False
  outer body goes on
  outer expired: False inner expired: True cancelling: 0";

pub(crate) async fn program(out: Out) {
    out.line("inner first");
    nest(&out, Some(1000), 20).await;
    out.line("outer first");
    nest(&out, Some(20), 1000).await;
    out.line("outer without limit");
    nest(&out, None, 20).await;
}

async fn nest(out: &Out, outer_ms: Option<u32>, inner_ms: u32) {
    let (mut outer, mut inner) = (None, None);
    let outer_block = deadline(outer_ms.map(|ms| Instant::now() + out.ms(ms)), async |limit| {
        outer = Some(limit.clone());
        let inner_block = deadline(Instant::now() + out.ms(inner_ms), async |limit| {
            inner = Some(limit.clone());
            let (body, passing) = (out.clone(), out.clone());
            let passed = |exit| async move {
                if exit == Exit::Cancelled && !limit.expired() {
                    let expired = truth(limit.expired());
                    passing.line(format!("  inner let CancelledError pass; inner expired: {expired}"));
                }
            };
            let cancelled = |_| async move { body.line("  body: CancelledError") };
            sleep(Duration::from_secs(600)).finally(cancelled).finally(passed).await;
        });
        if inner_block.await.is_err() {
            out.line(format!("  inner raised TimeoutError; outer expired: {}", truth(limit.expired())));
        }
        sleep(out.ms(10)).await;
        out.line("  outer body goes on");
    });
    if outer_block.await.is_err() {
        out.line("  outer raised TimeoutError");
    }
    let (outer, inner) = (truth(outer.unwrap().expired()), truth(inner.unwrap().expired()));
    let cancelling = u8::from(current_task().unwrap().status == TaskStatus::Cancelling);
    out.line(format!("  outer expired: {outer} inner expired: {inner} cancelling: {cancelling}"));
}
