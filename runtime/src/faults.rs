//! What becomes of a program when its surroundings fail: what is waited out, who is told, and what is not promised.
//!
//! Three rules hold everywhere. An error goes to whoever asked and can do something about it, and names what could not be
//! had. What nobody asked for (a worker, the watchdog, the next connection) is done without, reported once to
//! [`Runner::on_exception`](crate::Runner::on_exception), and tried again. And what works already goes on working.
//!
//! The last column names the test that shows it; most are in `tests/faults`.
//!
//! # No file descriptors, no memory
//!
//! | when | then | test |
//! |---|---|---|
//! | `accept` finds no file descriptor or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM), or epoll does not take the listener | it pauses for 5 ms, twice as long each time up to a second; reported once a minute; clients wait in the backlog, and all are served in the end | `a_listener_neither_spins_nor_dies_and_all_are_served_in_the_end`, `accepting_outlives_every_error_and_does_not_spin` |
//! | so does a [`Server`](crate::Server) | the same | `a_server_neither_spins_nor_dies_and_all_are_served_in_the_end` |
//! | connecting, binding, opening, starting a process | an error that names the address, path or program | `whoever_needs_a_file_is_told_so_and_may_try_again`, `without_file_descriptors_starting_fails_and_leaves_no_process` |
//! | a runtime starts, with fewer than the three that its first worker needs | [`RunError::Io`](crate::RunError::Io) names the missing one; [`run`](crate::run) panics with that text; the runner may be tried again | `a_runtime_says_what_it_cannot_start_without`, `a_runtime_that_cannot_start_says_what_was_missing` |
//! | another worker is wanted | the runtime goes on with fewer; tried again a second later | `a_worker_that_cannot_start_harms_nobody_and_comes_later` |
//! | epoll does not take a socket (ENOSPC, ENOMEM) | the operation that would have waited fails, and may be tried again | `a_socket_that_cannot_be_watched_is_an_error_which_passes` |
//! | there is no memory for another task | the process ends, as with any failed allocation in Rust | `a_program_without_memory_for_tasks_ends_and_says_so` |
//!
//! # No threads
//!
//! | when | then | test |
//! |---|---|---|
//! | a worker cannot start | as above | `without_threads_tasks_run_calls_are_refused_and_workers_come_later` |
//! | the watchdog cannot start | a worker that is stuck in a poll keeps what it has until it is through; tried again 10 ms later, when a task is made | `a_watchdog_that_comes_late_relieves_who_blocks` |
//! | [`to_thread`](crate::to_thread) has no thread at all | it panics, in the task that called it; with at least one, calls queue for it | `without_threads_tasks_run_calls_are_refused_and_workers_come_later` |
//! | [`fs`](crate::fs), a name lookup, [`signal`](mod@crate::signal), [`in_background`](crate::Runner::in_background) have none | an error | the same |
//!
//! # Processes
//!
//! | when | then | test |
//! |---|---|---|
//! | fork or exec fails, pidfds are missing or cannot be had | an error that names the program; no child and no zombie is left | `a_process_that_cannot_start_says_so_and_leaves_nothing` |
//! | a child ignores SIGTERM | [`Child::stop`](crate::Child::stop) kills it when the grace is over | `one_who_ignores_sigterm_is_killed_when_the_grace_is_over` |
//! | the program forks and the child does not exec | the parent goes on as if there was no child; in the child handles and runners panic or return an error that says why, sockets and sleeps likewise; dropping a runner waits for nobody | `a_handle_in_a_child_says_that_its_runtime_is_elsewhere`, `a_runner_in_a_child_runs_nothing_and_is_dropped_at_once`, `a_child_takes_nothing_from_its_parent` |
//! | it forks in a task | the child is no worker; if it returns from that poll, it is aborted | `a_child_of_a_task_is_no_worker`, `a_child_that_returns_into_the_worker_is_ended_before_it_runs_others` |
//! | somebody else has fetched its status | an error that says so | `a_status_that_somebody_else_has_fetched_is_said_to_be_lost` |
//!
//! # Interruptions
//!
//! | when | then | test |
//! |---|---|---|
//! | a signal interrupts a system call (EINTR) | the call is made again; no sleep ends too soon | `what_a_signal_interrupts_is_done_again` |
//! | the process is stopped (SIGSTOP) and goes on | what was sent meanwhile is there | `clients_that_write_meanwhile_are_answered` |
//! | so do its timers | what was due meanwhile fires once; an [`Interval`](crate::Interval) makes up for ticks, or leaves them out, as [`MissedTickBehavior`](crate::MissedTickBehavior) says | `what_was_due_meanwhile_happens_once_and_ticks_are_made_up_for_as_was_asked` |
//! | so does a poll | it is not taken for slow: time in which the watchdog did not run does not count | `a_poll_is_not_slow_because_the_process_stood_still` |
//!
//! # Sockets
//!
//! | when | then | test |
//! |---|---|---|
//! | a connection goes away before it is accepted (ECONNABORTED, EPROTO, errors of the network) | the next one is taken; many in a row, and accepting pauses as above | `accepting_outlives_every_error_and_does_not_spin` |
//! | accepting is forbidden (EPERM) | [`accept`](crate::TcpListener::accept) returns it, and may be called again; a [`Server`](crate::Server) reports it and tries again every 100 ms | the same |
//! | a read or a write fails (ECONNRESET, ETIMEDOUT, EPIPE) | that operation fails, and no other connection notices; SIGPIPE is never raised | `an_error_of_a_connection_ends_that_one_alone`, `writing_to_a_closed_peer_is_an_error_and_no_signal` |
//! | the first read of a connection says that it would block, though it need not | it is asked about again | `a_read_that_would_block_for_no_reason_comes_back` |
//!
//! A socket that would block and does not say when it can be read is never asked again: the kernel is believed. Which it
//! deserves; the error was only ever seen where somebody made it.
//!
//! # The network
//!
//! | when | then | test |
//! |---|---|---|
//! | a fifth of all packets is lost | every byte arrives, in order | `a_fifth_of_all_packets_lost_loses_no_byte` |
//! | a connection is reset in the middle | whoever reads or writes is told at once (`ConnectionReset`, `BrokenPipe`); new connections are refused | `a_reset_is_an_error_at_once` |
//! | the peer falls silent | nothing, unless somebody asked: keepalive of [`TcpSocket`](crate::TcpSocket) where nothing is to be sent, `set_user_timeout` where something is, [`timeout`](crate::timeout()) around anything; the first two give `TimedOut` | `silence_is_an_error_where_somebody_asked` |
//! | a link is down for a while | it takes longer | `a_cable_that_is_pulled_out_for_a_while_costs_time_and_nothing_else` |
//! | data comes late, in pieces, truncated or reset by something in between | what was answered has been done, in order and once; others are served | `a_slow_and_crumbling_network_loses_nothing`, `broken_connections_harm_nobody_else` |
//! | a name server does not answer | lookups have threads of their own, so nothing else waits; whoever asked may leave, and the end of the runtime waits for none | `those_that_hang_stop_neither_blocking_calls_nor_the_end` |
//!
//! Options of a listening [`TcpSocket`](crate::TcpSocket), keepalive among them, hold for the connections that it accepts.
//! A server without them keeps a connection whose client was unplugged until it has something to send, and a quarter of
//! an hour longer.
