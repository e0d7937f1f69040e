//! The pool as the program uses it, on real workers.
#![cfg(not(raddle_loom))]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use raddle::{create_task, yield_now};
use raddle_user_program::Pool;

/// Many tasks share a few connections: each gets one, and no more are out than there are.
#[raddle::test]
async fn many_share_a_few() {
    let pool = Arc::new(Pool::new(vec![1, 2]));
    let out = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (pool, out) = (pool.clone(), out.clone());
            create_task(async move {
                let connection = pool.take().await;
                assert!(out.fetch_add(1, Ordering::Relaxed) < 2);
                yield_now().await;
                out.fetch_sub(1, Ordering::Relaxed);
                pool.give_back(connection).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_ne!(pool.take().await, pool.take().await);
}
