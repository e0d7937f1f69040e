//! Cancelling a group's owner cancels the children, and the owner ends, cancelled, once they have.
//!
//! In the second half a child fails while it is being cancelled. asyncio raises the group's error in the parent, and
//! the cancellation a second time at the parent's next await. Here the parent was dropped where it stood, so there is
//! nobody to catch an error: it goes to the exception handler, and the parent ends cancelled, as in the first half.

use std::time::Duration;

use raddle::{BoxError, FinallyExt, TaskError, TaskGroup, create_task, sleep, task_group};

use super::support::{Out, cancelling, truth};

pub(crate) const TEXT: &str = "\
child stops
parent: bare CancelledError, cancelling = 1
parent task cancelled: True
child stops
exception handler: ValueError('child')
parent: bare CancelledError, cancelling = 1
parent task cancelled: True";

pub(crate) async fn program(out: Out) {
    for fail in [false, true] {
        let task = create_task(parent(out.clone(), fail));
        sleep(out.ms(20)).await;
        task.cancel();
        let ended = task.await;
        out.line(format!("parent task cancelled: {}", truth(matches!(ended, Err(TaskError::Cancelled)))));
    }
}

async fn parent(out: Out, fail: bool) {
    let end = out.clone();
    let group = async {
        let children = task_group(async |g: TaskGroup| {
            g.create_task(child(out.clone(), fail));
            Ok::<(), BoxError>(())
        });
        let ended = children.await;
        out.line(format!("parent: went on (wrong) after {ended:?}"));
    };
    let after =
        |exit| async move { end.line(format!("parent: bare CancelledError, cancelling = {}", cancelling(exit))) };
    group.finally(after).await;
}

async fn child(out: Out, fail: bool) {
    let cleanup = |_| async move {
        sleep(out.ms(20)).await;
        out.line("child stops");
        if fail {
            panic!("ValueError('child')");
        }
    };
    sleep(Duration::from_secs(600)).finally(cleanup).await;
}
