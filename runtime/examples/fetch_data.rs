//! A walk through the programming model, part by part, with what each part prints.
//!
//! ```text
//! cargo run --release -p raddle --example fetch_data                       the whole walk, some 15 seconds
//! cargo run --release -p raddle --example fetch_data -- --speed 10         ten times as fast
//! cargo run --release -p raddle --example fetch_data -- --only two-tasks   one part, by name or number, no heading
//! cargo run --release -p raddle --example fetch_data -- --workers 1        the exact order of asyncio
//! cargo run --release -p raddle --example fetch_data -- --net              fetch over a real connection
//! ```

#[path = "fetch_data/options.rs"]
mod options;
#[path = "fetch_data/origin.rs"]
mod origin;

use std::any::type_name_of_val;
use std::env;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use raddle::{Runner, TaskError, TcpStream, create_task, sleep};

/// What every part needs to know: how fast time goes, how many workers there are, and where the data is.
#[derive(Debug, Clone, Copy)]
struct Walk {
    speed: f64,
    workers: Option<usize>,
    /// The server to fetch from; without one, fetching is simulated.
    origin: Option<SocketAddr>,
}

impl Walk {
    fn seconds(self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds / self.speed)
    }

    /// Every part runs under a runtime of its own.
    fn run<F: Future>(self, main: F) -> F::Output {
        let mut runner = Runner::new();
        if let Some(workers) = self.workers {
            runner = runner.workers(workers);
        }
        runner.run(main)
    }
}

/// What is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Data {
    data: i64,
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{'data': {}}}", self.data)
    }
}

async fn fetch_data(walk: Walk) -> Data {
    println!("start fetching");
    let data = match walk.origin {
        None => {
            sleep(walk.seconds(2.0)).await;
            Data { data: 1 }
        }
        Some(origin) => {
            fetch_from(origin, walk.seconds(2.0)).await.unwrap_or_else(|error| panic!("cannot fetch: {error}"))
        }
    };
    println!("done fetching");
    data
}

/// Asks our own server for an answer that takes `delay`.
async fn fetch_from(origin: SocketAddr, delay: Duration) -> io::Result<Data> {
    let mut stream = TcpStream::connect(origin).await?;
    stream.write_all(origin::request(delay).as_bytes()).await?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            length => answer.extend_from_slice(&buffer[..length]),
        }
    }
    let data = origin::data_of(&String::from_utf8_lossy(&answer))?;
    Ok(Data { data })
}

async fn print_numbers(walk: Walk) {
    for i in 0..10 {
        println!("{i}");
        sleep(walk.seconds(0.25)).await;
    }
}

async fn say(text: &str, walk: Walk) {
    println!("{text}");
    sleep(walk.seconds(1.0)).await;
    println!("{text}, one second later");
}

/// A part of the walk.
struct Part {
    name: &'static str,
    heading: &'static str,
    show: fn(Walk),
}

const PARTS: [Part; 9] = [
    Part { name: "coroutine", heading: "A coroutine object does nothing until it is awaited", show: coroutine },
    Part { name: "run", heading: "`run` starts it", show: run_starts_it },
    Part { name: "await", heading: "Awaiting runs it in place: the caller waits", show: awaiting },
    Part { name: "pause", heading: "A task starts when its creator pauses, and ends if there is time", show: pausing },
    Part { name: "two-tasks", heading: "Two tasks side by side", show: two_tasks },
    Part { name: "pending", heading: "A pending task, printed", show: pending },
    Part { name: "value", heading: "The value of an awaited task", show: value },
    Part { name: "leftovers", heading: "What is left over when main ends is cancelled", show: leftovers },
    Part { name: "sequence", heading: "Awaiting one after the other, or as tasks", show: sequence },
];

fn coroutine(walk: Walk) {
    let object = fetch_data(walk);
    println!("fetch_data() made a {}", type_name_of_val(&object).trim_end_matches("::{{closure}}"));
    println!("and fetched nothing: nobody has awaited it");
}

fn run_starts_it(walk: Walk) {
    let data = walk.run(fetch_data(walk));
    println!("run returned {data}");
}

fn awaiting(walk: Walk) {
    walk.run(async {
        println!("main begins");
        say("hello", walk).await;
        println!("main goes on");
    });
}

fn pausing(walk: Walk) {
    for (pause, remark) in [(0.5, "too early for the task to end"), (2.0, "late enough")] {
        walk.run(async {
            let _task = create_task(say("hello from a task", walk));
            println!("main pauses for {pause} s");
            sleep(walk.seconds(pause)).await;
            println!("main ends, {remark}");
        });
    }
}

fn two_tasks(walk: Walk) {
    let outcome: Result<(), TaskError> = walk.run(async {
        let task1 = create_task(fetch_data(walk));
        let task2 = create_task(print_numbers(walk));
        let value = task1.await?;
        println!("{value}");
        task2.await
    });
    outcome.unwrap_or_else(|error| println!("a task failed: {error}"));
}

fn pending(walk: Walk) {
    walk.run(async {
        let task = create_task(fetch_data(walk));
        println!("{task:?}");
        sleep(walk.seconds(0.5)).await;
        println!("{task:?}");
    });
}

fn value(walk: Walk) {
    walk.run(async {
        let task = create_task(fetch_data(walk));
        match task.await {
            Ok(value) => println!("the task returned {value}"),
            Err(error) => println!("the task failed: {error}"),
        }
        let cancelled = create_task(fetch_data(walk));
        cancelled.cancel();
        match cancelled.await {
            Ok(value) => println!("the task returned {value}"),
            Err(error) => println!("the one that was cancelled at once: {error}"),
        }
    });
}

/// Tells when the future that owns it is dropped.
struct Farewell(&'static str);

impl Drop for Farewell {
    fn drop(&mut self) {
        println!("{}", self.0);
    }
}

fn leftovers(walk: Walk) {
    walk.run(async {
        create_task(async move {
            let _farewell = Farewell("the task is cancelled, and cleans up");
            print_numbers(walk).await;
        })
        .detach();
        sleep(walk.seconds(0.6)).await;
        println!("main ends");
    });
    println!("run has returned");
}

fn sequence(walk: Walk) {
    walk.run(async {
        let start = Instant::now();
        say("first", walk).await;
        say("second", walk).await;
        println!("in sequence: {:.1} s", start.elapsed().as_secs_f64() * walk.speed);

        let start = Instant::now();
        let tasks = [create_task(say("first", walk)), create_task(say("second", walk))];
        for task in tasks {
            task.await.unwrap_or_else(|error| println!("a task failed: {error}"));
        }
        println!("as tasks: {:.1} s", start.elapsed().as_secs_f64() * walk.speed);
    });
}

fn main() -> ExitCode {
    let options = match options::parse(env::args().skip(1), &PARTS.each_ref().map(|part| part.name)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("fetch_data: {message}");
            return ExitCode::from(2);
        }
    };
    let origin = match options.net.then(origin::serve).transpose() {
        Ok(origin) => origin,
        Err(error) => {
            eprintln!("fetch_data: cannot serve on the loopback: {error}");
            return ExitCode::FAILURE;
        }
    };
    let walk = Walk { speed: options.speed, workers: options.workers, origin };
    match options.only {
        Some(part) => (PARTS[part].show)(walk),
        None => {
            for (number, part) in PARTS.iter().enumerate() {
                println!("{}== {}. {} ({})", if number > 0 { "\n" } else { "" }, number + 1, part.heading, part.name);
                (part.show)(walk);
            }
        }
    }
    ExitCode::SUCCESS
}
