//! Context variables, builders, local tasks, runners.
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use raddle::{
    BoxError, RunError, Runner, TaskBuilder, all_tasks, call_later, context_var, copy_context, create_local_task,
    create_task, current_task, sleep, yield_now,
};

/// Somebody who asks.
#[derive(Clone, Debug)]
pub struct User {
    name: String,
}

context_var! {
    /// Who asks.
    pub static USER: Option<User> = None;
    static TRACE: Vec<u64> = Vec::new();
}
context_var! { static DEPTH: u32 = 0 }

async fn handle() -> String {
    USER.with(|u| u.as_ref().map(|u| u.name.clone())).unwrap_or_default()
}

async fn main_() -> Result<(), BoxError> {
    let local = String::from("borrowed");
    let name = USER
        .scope(Some(User { name: "ada".into() }), async {
            let inherited = create_task(handle());
            yield_now().await;
            println!("{local}");
            inherited.await
        })
        .await?;
    DEPTH.set(DEPTH.get() + 1);
    TRACE.set(vec![1]);
    let spawned = create_task(async { TRACE.scope(vec![2], handle()).await }).await?;
    let t = TaskBuilder::new().name("named").context(copy_context()).create(handle());
    println!("{name} {spawned} {}", t.await?);

    let shared = Rc::new(RefCell::new(0));
    let task = create_local_task({
        let shared = shared.clone();
        async move {
            sleep(Duration::ZERO).await;
            *shared.borrow_mut() += 1;
            shared
        }
    });
    let rc = task.await?;
    let named = TaskBuilder::new().name("local").create_local(async move { *rc.borrow() });
    println!("{} {:?}", named.await?, current_task().map(|t| t.name));
    println!("{}", all_tasks().len());
    call_later(Duration::from_secs(1), || println!("later")).cancel();
    Ok(())
}

fn main() -> Result<(), BoxError> {
    Runner::new().workers(1).run(main_())?;
    let mut runner = Runner::new()
        .workers(2)
        .name("app")
        .grace(Duration::from_secs(1))
        .slow_poll(Duration::from_millis(50))
        .on_exception(|context| eprintln!("{}", context.message));
    let text = String::from("not 'static");
    let handle_ = runner.handle();
    let task = handle_.create_task(handle());
    let n = runner.run(async { text.len() });
    runner.run(task)?;
    match runner.try_run(async { n }) {
        Ok(n) => println!("{n}"),
        Err(RunError::Interrupted) => println!("interrupted"),
        Err(e) => return Err(e.into()),
    }
    Ok(())
}
