//! Programs that work for a program: a pipeline, a long job with its progress, and jobs that take too long.
//!
//! ```text
//! cargo run -p raddle --example pipeline
//! ```

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use raddle::process::{Child, Command, create_subprocess_exec, create_subprocess_shell};
use raddle::{BoxError, Task, create_task, timeout};

/// Carries everything from one program to the next, and says how much that was. The next sees the end of its input when
/// the writer is dropped.
fn connect(from: &mut Child, to: &mut Child) -> Task<io::Result<usize>> {
    let (from, mut to) = (from.stdout.take().expect("it has a pipe"), to.stdin.take().expect("it has a pipe"));
    create_task(async move {
        let (mut buffer, mut carried) = (vec![0; 64 << 10], 0);
        loop {
            match from.read(&mut buffer).await? {
                0 => return Ok(carried),
                count => {
                    to.write_all(&buffer[..count]).await?;
                    carried += count;
                }
            }
        }
    })
}

/// `printf … | tr a-z A-Z | wc -w`, with this program between the programs.
async fn count_words() -> Result<(), BoxError> {
    let piped = |program: &str, args: &[&str]| {
        create_subprocess_exec(program, args).stdin(Stdio::piped()).stdout(Stdio::piped())
    };
    let mut printf = piped("printf", &["hello, %s\n", "pipes", "tasks", "and all the others"]).await?;
    let mut tr = piped("tr", &["a-z", "A-Z"]).await?;
    let mut wc = piped("wc", &["-w"]).await?;
    let first = connect(&mut printf, &mut tr);
    let second = connect(&mut tr, &mut wc);
    let counted = wc.communicate(None).await?;
    println!("printf | tr | wc -w: {} words", String::from_utf8_lossy(&counted.stdout).trim());
    for (carried, way) in [(first.await?, "printf to tr"), (second.await?, "tr to wc")] {
        println!("  {} bytes went from {way}", carried?);
    }
    println!("  printf {}, tr {}", ended(printf.wait().await?), ended(tr.wait().await?));
    Ok(())
}

/// Calls `see` with each line that the child prints, when it prints it.
async fn each_line(child: &mut Child, mut see: impl FnMut(&str)) -> io::Result<()> {
    let Some(output) = child.stdout.take() else { return Ok(()) };
    let (mut line, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        let count = output.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        for byte in &buffer[..count] {
            if *byte == b'\n' {
                see(&String::from_utf8_lossy(&line));
                line.clear();
            } else {
                line.push(*byte);
            }
        }
    }
}

/// A job that says how far it is.
async fn watch_a_long_job() -> io::Result<()> {
    let script = "for step in 1 2 3 4 5; do sleep 0.1; echo $step; done; echo a word of warning >&2";
    let mut job = create_subprocess_shell(script).stdout(Stdio::piped()).stderr(Stdio::piped()).await?;
    println!("a job of five steps, process {}:", job.id());
    each_line(&mut job, |step| {
        let done = step.parse().unwrap_or(0);
        println!("  [{}{}] {step}/5", "#".repeat(done), ".".repeat(5usize.saturating_sub(done)));
    })
    .await?;
    // What it said elsewhere meanwhile is in its pipe.
    let rest = job.communicate(None).await?;
    println!("  {}, and left {:?}", ended(rest.status), String::from_utf8_lossy(&rest.stderr).trim());
    Ok(())
}

/// Jobs that take too long: one that listens, one that does not, and one that nobody holds.
async fn lose_patience() -> io::Result<()> {
    let polite = "trap 'echo \"  putting my things away\"; exit 0' TERM; echo; while :; do sleep 0.02; done";
    let deaf = "trap '' TERM; echo; while :; do sleep 0.02; done";
    for (name, script) in [("polite", polite), ("deaf", deaf)] {
        let mut job = create_subprocess_shell(script).stdout(Stdio::piped()).await?;
        // The first line says that it has set its trap.
        job.stdout.as_mut().expect("piped").read_exact(&mut [0]).await?;
        let grace = Duration::from_millis(300);
        if timeout(Duration::from_millis(50), job.wait()).await.is_err() {
            println!("the {name} job takes too long; it has {grace:?} to end by itself");
        }
        let status = job.stop(grace).await?;
        each_line(&mut job, |line| println!("{line}")).await?;
        println!("  the {name} job {}", ended(status));
    }
    let mut forgotten = Command::new("sleep");
    match timeout(Duration::from_millis(50), forgotten.arg("1000").output()).await {
        Ok(output) => println!("sleep {}", ended(output?.status)),
        Err(late) => println!("sleep 1000: {late}; it was ended with its future"),
    }
    Ok(())
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "went well".to_owned(),
        (Some(code), _) => format!("failed with {code}"),
        (None, Some(9)) => "was killed".to_owned(),
        (None, signal) => format!("was ended by signal {}", signal.unwrap_or(0)),
    }
}

fn main() -> Result<(), BoxError> {
    raddle::run(async {
        count_words().await?;
        watch_a_long_job().await?;
        lose_patience().await?;
        let missing = Command::new("no-such-program").spawn().expect_err("there is no such program");
        println!("and what is not there says so: {missing}");
        Ok(())
    })
}
