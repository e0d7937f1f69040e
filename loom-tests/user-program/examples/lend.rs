//! The rest of the program: tasks that share a pool of two. With `--cfg raddle_loom` it does not compile, and the
//! compiler says why: there are no tasks there.

use std::sync::Arc;

use raddle::create_task;
use raddle_user_program::Pool;

#[raddle::main]
async fn main() {
    let pool = Arc::new(Pool::new(vec!["first", "second"]));
    let tasks: Vec<_> = (1..=4)
        .map(|number| {
            let pool = pool.clone();
            create_task(async move {
                let connection = pool.take().await;
                println!("task {number} has the {connection} connection");
                pool.give_back(connection).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
