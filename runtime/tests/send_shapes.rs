//! Shapes that must compile inside a task, where the compiler has forgotten lifetimes: groups of boxed errors and queues
//! of `&'static str`, within everything that takes futures.

mod common;

use std::time::Duration;

use common::{virtual_runner, watch};
use raddle::{
    BoxError, CancelScope, FinallyExt, Queue, TaskGroup, create_task, deadline, gather, move_on_after, protect, race,
    run_until_stopped, task_group, timeout,
};

const SECOND: Duration = Duration::from_secs(1);

async fn group() -> Result<u32, BoxError> {
    Ok(task_group(async |g: TaskGroup| Ok(g.create_task(async { Ok::<_, BoxError>(7) }).await?)).await?)
}

#[test]
fn groups_of_boxed_errors_fit_into_everything() {
    let _watch = watch();
    let body = async |g: TaskGroup| Ok(g.create_task(async { Ok(1) }).await?);
    virtual_runner().run(async move {
        let task = create_task(async move {
            let mut sum = task_group(body).finally(|_| async {}).await?;
            sum += timeout(SECOND, task_group(body)).await??;
            sum += move_on_after(SECOND, task_group(body)).await.unwrap()?;
            let (a, b) = gather((task_group(body), task_group(body))).await;
            sum += a? + b?;
            sum += race((task_group(body), task_group(body))).await?;
            for ended in gather([task_group(body), task_group(body)]).await {
                sum += ended?;
            }
            sum += race([task_group(body), task_group(body)]).await?;
            sum += deadline(None, async |_| task_group(body).await).await??;
            sum += CancelScope::new().run(task_group(body)).await.unwrap()?;
            sum += run_until_stopped(task_group(body)).await.unwrap()?;
            sum += protect(task_group(body)).await?;
            Ok::<u32, BoxError>(sum + group().await?)
        });
        assert_eq!(task.flatten().await.unwrap(), 13 + 7);
    });
}

#[test]
fn queues_of_static_strings_fit_into_everything() {
    let _watch = watch();
    virtual_runner().run(async {
        let queue: Queue<&'static str> = Queue::unbounded();
        let task = create_task(async move {
            queue.put("a").finally(|_| async {}).await?;
            timeout(SECOND, queue.put("b")).await??;
            let (c, d) = gather((queue.put("c"), queue.put("d"))).await;
            c?;
            d?;
            let first = queue.get().finally(|_| async {}).await?;
            let second = race((queue.get(), queue.get())).await?;
            Ok::<_, BoxError>((first, second, queue.get().await?))
        });
        let (first, second, third) = task.flatten().await.unwrap();
        assert_eq!((first, second), ("a", "b"));
        assert!(third == "c" || third == "d");
    });
}
