//! A task gets a copy of the context when it is created: what its parent changes later does not reach it, and what it
//! changes does not come back. What is awaited in place shares. A context given by hand is used as it is. Callbacks,
//! timers, threads and the tasks of groups see the context of the place that asked for them.
//!
//! One line differs: asyncio's `run_in_executor` does not copy the context, so what it calls sees the default. Here
//! there is one way to a thread, and it copies.
//!
//! With several workers a callback may be called while main does the next things.

use raddle::{
    TaskBuilder, TaskGroup, call_later, call_soon, context_var, copy_context, create_task, gather, promise, sleep,
    task_group, to_thread, yield_now,
};

use super::support::{Out, assert_order, list};
use crate::common::tell;

pub(crate) const TEXT: &str = "\
child starts with parent
child ends with child | parent sees parent changed
inline starts with parent changed
after a direct await parent sees inline
explicit starts with given
given context now holds explicit | parent sees inline
call_soon sees at call_soon
call_later sees at call_later
to_thread sees now
run_in_executor sees now
done callback sees at add_done_callback
tg starts with in group
gathered starts with in group
gather child result: ['gathered'] parent: in group";

context_var! {
    static VAR: &'static str = "default";
}

pub(crate) async fn program(out: Out) {
    VAR.set("parent");
    let task = create_task(child(out.clone(), "child"));
    VAR.set("parent changed");
    out.line(format!("child ends with {} | parent sees {}", task.await.unwrap(), VAR.get()));
    child(out.clone(), "inline").await;
    out.line(format!("after a direct await parent sees {}", VAR.get()));

    let context = copy_context();
    context.run(|| VAR.set("given"));
    TaskBuilder::new().context(context.clone()).create(child(out.clone(), "explicit")).await.unwrap();
    out.line(format!("given context now holds {} | parent sees {}", context.run(|| VAR.get()), VAR.get()));

    let (done, is_done) = promise();
    VAR.set("at call_soon");
    let soon = see(&out, "call_soon");
    call_soon(move || {
        soon();
        VAR.set("leak?");
    });
    VAR.set("at call_later");
    let later = see(&out, "call_later");
    call_later(out.ms(5), move || {
        later();
        tell(done, ());
    });
    VAR.set("now");
    is_done.await.unwrap();
    to_thread(see(&out, "to_thread")).await.unwrap();
    to_thread(see(&out, "run_in_executor")).await.unwrap();

    let (result, future) = promise();
    let future = create_task(future);
    let (called, is_called) = promise();
    VAR.set("at add_done_callback");
    let callback = see(&out, "done callback");
    future.on_done(move |_| {
        callback();
        tell(called, ());
    });
    VAR.set("at set_result");
    tell(result, ());
    yield_now().await;
    let group = task_group(async |g: TaskGroup| {
        VAR.set("in group");
        let tg = child(out.clone(), "tg");
        g.create_task(async {
            tg.await;
        });
        Ok(())
    });
    group.await.unwrap();
    let gathered = gather([create_task(child(out.clone(), "gathered"))]).await;
    let gathered = list(gathered.into_iter().map(Result::unwrap));
    is_called.await.unwrap();
    out.line(format!("gather child result: {gathered} parent: {}", VAR.get()));
}

async fn child(out: Out, tag: &'static str) -> &'static str {
    out.line(format!("{tag} starts with {}", VAR.get()));
    VAR.set(tag);
    sleep(std::time::Duration::ZERO).await;
    VAR.get()
}

fn see(out: &Out, what: &'static str) -> impl FnOnce() + Send + 'static + use<> {
    let out = out.clone();
    move || out.line(format!("{what} sees {}", VAR.get()))
}

pub(crate) fn all_but_the_callbacks_in_order(printed: &[String]) {
    let of_main: Vec<_> =
        TEXT.lines().filter(|line| !line.starts_with("call_") && !line.starts_with("done ")).collect();
    assert_order(printed, &of_main);
}
