//! Small asyncio programs, ported as their authors would port them, print here what they print there.
//!
//! Each program has a file with the text. Where asyncio and raddle differ by design, the text does, and the file says
//! where and why. One worker in virtual time prints it 200 times, one worker in real time 5 times. What can be promised
//! with more workers is checked with 2 and 8 of them, as often in virtual and in real time.

mod common;

mod scenarios {
    pub(crate) mod by_completion;
    pub(crate) mod callbacks_and_threads;
    pub(crate) mod cancel_and_timeout;
    pub(crate) mod cancel_is_a_request;
    pub(crate) mod condition_cancel;
    pub(crate) mod context_variables;
    pub(crate) mod event_set_clear;
    pub(crate) mod gather_exceptions;
    pub(crate) mod group_errors;
    pub(crate) mod group_outside_cancel;
    pub(crate) mod queue_backpressure;
    pub(crate) mod queue_order;
    pub(crate) mod server_close_active;
    pub(crate) mod shield;
    pub(crate) mod stream_reader_limits;
    pub(crate) mod support;
    pub(crate) mod task_start_order;
    pub(crate) mod timeout_body_overrides;
    pub(crate) mod timeout_nested;
    pub(crate) mod wait_for_zero;
}

use scenarios::support::{Many, check};
use scenarios::*;

#[test]
fn task_start_order() {
    let many = Many::Sorted(task_start_order::each_goes_its_way_in_order);
    check(task_start_order::program, task_start_order::TEXT, 1, many);
}

#[test]
fn cancel_is_a_request() {
    check(cancel_is_a_request::program, cancel_is_a_request::TEXT, 3, Many::Exact);
}

#[test]
fn cancel_and_timeout() {
    check(cancel_and_timeout::program, cancel_and_timeout::TEXT, 2, Many::Exact);
}

#[test]
fn gather_exceptions() {
    check(gather_exceptions::program, gather_exceptions::TEXT, 1, Many::Exact);
}

#[test]
fn group_errors() {
    check(group_errors::program, group_errors::TEXT, 1, Many::Exact);
}

#[test]
fn group_outside_cancel() {
    check(group_outside_cancel::program, group_outside_cancel::TEXT, 1, Many::Exact);
}

#[test]
fn wait_for_zero() {
    check(wait_for_zero::program, wait_for_zero::TEXT, 1, Many::Holds(wait_for_zero::all_but_the_start));
}

#[test]
fn timeout_nested() {
    check(timeout_nested::program, timeout_nested::TEXT, 1, Many::Exact);
}

#[test]
fn timeout_body_overrides() {
    check(timeout_body_overrides::program, timeout_body_overrides::TEXT, 1, Many::Exact);
}

#[test]
fn queue_backpressure() {
    check(queue_backpressure::program, queue_backpressure::TEXT, 5, Many::Holds(queue_backpressure::nothing_is_lost));
}

#[test]
fn queue_order() {
    let many = Many::Holds(queue_order::in_order_but_for_the_waiting_getter);
    check(queue_order::program, queue_order::TEXT, 5, many);
}

#[test]
fn event_set_clear() {
    check(event_set_clear::program, event_set_clear::TEXT, 5, Many::Holds(event_set_clear::who_waits_is_let_go));
}

#[test]
fn condition_cancel() {
    let many = Many::Holds(condition_cancel::one_notification_one_waiter);
    check(condition_cancel::program, condition_cancel::TEXT, 10, many);
}

#[test]
fn context_variables() {
    let many = Many::Sorted(context_variables::all_but_the_callbacks_in_order);
    check(context_variables::program, context_variables::TEXT, 5, many);
}

#[test]
fn shield() {
    check(scenarios::shield::program, scenarios::shield::TEXT, 1, Many::Exact);
}

#[test]
fn by_completion() {
    check(by_completion::program, by_completion::TEXT, 2, Many::Exact);
}

#[test]
fn callbacks_and_threads() {
    let many = Many::Holds(callbacks_and_threads::threads_come_out);
    check(callbacks_and_threads::program, callbacks_and_threads::TEXT, 2, many);
}

#[test]
fn stream_reader_limits() {
    check(stream_reader_limits::program, stream_reader_limits::TEXT, 5, Many::Exact);
}

#[test]
fn server_close_active() {
    // The report and the end of the stream leave the handler together, for two tasks.
    let many = Many::Sorted(server_close_active::the_rest_in_order);
    check(server_close_active::program, server_close_active::TEXT, 5, many);
}
