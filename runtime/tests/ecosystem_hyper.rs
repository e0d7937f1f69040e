//! What hyper asks a runtime for: timers that keep raddle's time, tasks that are raddle's, and sockets.

mod common;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use common::{Reports, runner, virtual_runner, watch};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::rt::{Executor, Timer};
use hyper::service::service_fn;
use hyper::{Request, Response};
use raddle::{HyperExecutor, HyperTimer, TcpListener, TcpStream, create_task, promise, race};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn timers_keep_the_virtual_clock() {
    let _watch = watch();
    let began = Instant::now();
    virtual_runner().run(async {
        let timer = HyperTimer::new();
        let (start, start_of_ours) = (timer.now(), raddle::Instant::now());
        timer.sleep(HOUR).await;
        assert_eq!(timer.now() - start, HOUR);
        timer.sleep_until(start + 3 * HOUR).await;
        assert_eq!(timer.now() - start, 3 * HOUR);
        assert_eq!(raddle::Instant::now() - start_of_ours, 3 * HOUR);
        timer.sleep_until(start).await;
        assert_eq!(timer.now() - start, 3 * HOUR, "what is past is not waited for");
    });
    assert!(began.elapsed() < HOUR);
}

#[test]
fn a_timer_is_reset_in_both_directions_and_after_it_has_fired() {
    let _watch = watch();
    virtual_runner().run(async {
        let timer = HyperTimer::new();
        let start = timer.now();
        let mut sleep = timer.sleep(HOUR);
        race((sleep.as_mut(), raddle::yield_now())).await;
        timer.reset(&mut sleep, start + 2 * HOUR);
        sleep.as_mut().await;
        assert_eq!(timer.now() - start, 2 * HOUR);
        timer.reset(&mut sleep, start + 5 * HOUR);
        race((sleep.as_mut(), raddle::yield_now())).await;
        timer.reset(&mut sleep, start + 3 * HOUR);
        sleep.await;
        assert_eq!(timer.now() - start, 3 * HOUR);
    });
}

#[test]
fn a_real_timer_is_never_early() {
    let _watch = watch();
    runner(1).run(async {
        let timer = HyperTimer::new();
        let deadline = Instant::now() + Duration::from_millis(5);
        timer.sleep_until(deadline).await;
        assert!(Instant::now() >= deadline);
    });
}

#[test]
fn an_executor_starts_tasks_whose_panics_are_reported() {
    let _watch = watch();
    let reports = Reports::default();
    let mut runner = reports.of(runner(1));
    let elsewhere = HyperExecutor::on(runner.handle());
    let (from_thread, heard) = promise();
    let thread = std::thread::spawn(move || elsewhere.execute(async move { from_thread.set(7) }));
    runner.run(async {
        let (promise, pending) = promise();
        HyperExecutor::new().execute(async move { promise.set(raddle::current_task().unwrap().id).unwrap() });
        assert_ne!(pending.await.unwrap(), raddle::current_task().unwrap().id);
        HyperExecutor::new().execute(async { panic!("of its own") });
        raddle::yield_now().await;
        assert_eq!(heard.await.unwrap(), 7);
    });
    thread.join().unwrap();
    let reports = reports.take();
    assert!(reports.len() == 1 && reports[0].contains("of its own"), "{reports:?}");
}

async fn echo(request: Request<Incoming>) -> Result<Response<Incoming>, Infallible> {
    Ok(Response::new(request.into_body()))
}

/// hyper on both sides: HTTP/2 needs the executor and the timer, and both need the sockets.
#[test]
fn hyper_talks_to_hyper_over_raddles_sockets() {
    let _watch = watch();
    runner(2).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let server = create_task(
            hyper::server::conn::http2::Builder::new(HyperExecutor::new())
                .timer(HyperTimer::new())
                .keep_alive_interval(HOUR)
                .serve_connection(far, service_fn(echo)),
        );
        let (mut sender, connection) = hyper::client::conn::http2::Builder::new(HyperExecutor::new())
            .timer(HyperTimer::new())
            .handshake::<_, String>(near)
            .await
            .unwrap();
        let connection = create_task(connection);
        let body = "x".repeat(300_000);
        let request = Request::post("http://localhost/").body(body.clone()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert!(answer.into_body().collect().await.unwrap().to_bytes() == body.as_bytes());
        drop(sender);
        connection.await.unwrap().unwrap();
        server.await.unwrap().unwrap();
    });
}
