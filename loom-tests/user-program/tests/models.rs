//! The pool, in every order of its users' steps.
#![cfg(raddle_loom)]

use raddle::model::{block_on, check, note, poll_once, thread};
// loom's `Arc` orders what std's orders, and tells if it is leaked.
use raddle::model::loom::sync::Arc;
use raddle_user_program::Pool;

/// A task holds the only connection and gives it back, while another one wants it: that one gets it.
fn one_connection_for_two(name: &str, take: impl AsyncFn(&Pool<u32>) -> u32 + Copy + Send + Sync + 'static) {
    check(name, move || {
        let pool = Arc::new(Pool::new(vec![1]));
        let connection = block_on(take(&pool));
        let other = thread({
            let pool = pool.clone();
            move || {
                let connection = block_on(take(&pool));
                note("has taken the connection");
                connection
            }
        });
        block_on(pool.give_back(connection));
        note("has given the connection back");
        assert_eq!(other.join(), 1);
    });
}

#[test]
fn take_gets_what_comes_back() {
    one_connection_for_two("take_gets_what_comes_back", async |pool| pool.take().await);
}

/// It does not: this test fails, and its report is what the guide explains.
#[test]
#[ignore = "fails, as it should: run `check`"]
fn take_hastily_gets_what_comes_back() {
    one_connection_for_two("take_hastily_gets_what_comes_back", async |pool| pool.take_hastily().await);
}

/// Two connections come back, and who brought them takes one of them again: a task that waits gets the other.
#[test]
fn one_that_is_taken_again_hides_no_other() {
    check("one_that_is_taken_again_hides_no_other", || {
        let pool = Arc::new(Pool::new(vec![1, 2]));
        let connections = [block_on(pool.take()), block_on(pool.take())];
        let taker = thread({
            let pool = pool.clone();
            move || block_on(pool.take())
        });
        for connection in connections {
            block_on(pool.give_back(connection));
        }
        let taken_again = block_on(pool.take());
        assert_eq!(taken_again + taker.join(), 3);
    });
}

/// One of two who wait gives up (a timeout, say) while a connection comes back: the other one gets it.
#[test]
fn who_gives_up_takes_nothing_along() {
    check("who_gives_up_takes_nothing_along", || {
        let pool = Arc::new(Pool::new(vec![1]));
        let connection = block_on(pool.take());
        let (pool2, pool3) = (pool.clone(), pool.clone());
        let quitter = thread(move || poll_once(pool2.take()));
        let taker = thread(move || {
            let connection = block_on(pool3.take());
            block_on(pool3.give_back(connection));
        });
        block_on(pool.give_back(connection));
        if let Some(connection) = quitter.join() {
            block_on(pool.give_back(connection));
        }
        taker.join();
        assert_eq!(block_on(pool.take()), 1);
    });
}
