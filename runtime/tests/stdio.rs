//! Promises of the process's own standard input and output. The process is this test, started once more with pipes.

mod common;

use std::env;
use std::io::{Read, Write};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};

use common::{poll_once, runner, watch};
use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use raddle::{create_task, stderr, stdin, stdout};

const PART: &str = "RADDLE_TEST_STDIO";

/// Runs `part` in a process of its own, where it is called a second time; here, gives that process.
fn in_a_process(test: &str, part: impl FnOnce()) -> Option<Child> {
    if env::var_os(PART).is_some() {
        part();
        // Past what the test harness says at its end.
        std::process::exit(0);
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(PART, "1");
    Some(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// What the process says after its marks, when all of `input` has been said to it.
fn talk(mut child: Child, input: &[u8]) -> String {
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let begin = text.find("BEGIN").unwrap_or_else(|| panic!("no mark in {text:?}"));
    text[begin + 5..].to_owned()
}

/// Reads what the process says, up to that text.
fn hear(child: &mut Child, text: &str) {
    let mut heard = String::new();
    while !heard.ends_with(text) {
        let mut byte = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        heard.push(byte[0].into());
    }
}

fn begin() {
    print!("BEGIN");
}

#[test]
fn lines_come_one_after_the_other_and_the_last_needs_no_end() {
    let _watch = watch();
    let child = in_a_process("lines_come_one_after_the_other_and_the_last_needs_no_end", || {
        begin();
        runner(1).run(async {
            let mut stdin = stdin();
            println!("{:?}", stdin.read_line().await.unwrap());
            while let Some(line) = stdin.next_line().await.unwrap() {
                println!("{line:?}");
            }
            println!("{:?}", stdin.read_line().await.unwrap());
        });
    });
    let Some(child) = child else { return };
    assert_eq!(talk(child, b"one\ntwo\r\n\nfour"), "\"one\\n\"\n\"two\"\n\"\"\n\"four\"\n\"\"\n");
}

#[test]
fn a_dropped_read_loses_no_byte_nor_does_a_dropped_handle() {
    // The parent says its second half only when the child's first read was given up.
    let _watch = watch();
    let child = in_a_process("a_dropped_read_loses_no_byte_nor_does_a_dropped_handle", || {
        begin();
        runner(2).run(async {
            let mut first = stdin();
            assert!(poll_once(&mut first.read_line()).await.is_pending());
            assert!(poll_once(&mut first.read(&mut [0; 8])).await.is_pending());
            stdout().write_all(b"go\n").await.unwrap();
            let mut two = [0; 2];
            assert_eq!(first.read(&mut two).await.unwrap(), 2);
            drop(first);
            let mut rest = Vec::new();
            let count = stdin().read_to_end(&mut rest).await.unwrap();
            println!("{} {count} {}", String::from_utf8_lossy(&two), String::from_utf8_lossy(&rest));
        });
    });
    let Some(mut child) = child else { return };
    hear(&mut child, "BEGINgo\n");
    child.stdin.take().unwrap().write_all(b"abcdef\n").unwrap();
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(rest, "ab 5 cdef\n\n");
}

#[test]
fn neither_the_run_nor_the_process_waits_for_input_that_never_comes() {
    // The parent keeps the pipe open and says nothing; the child ends all the same.
    let _watch = watch();
    let child = in_a_process("neither_the_run_nor_the_process_waits_for_input_that_never_comes", || {
        begin();
        runner(2).run(async {
            let reader = create_task(async { stdin().read_line().await });
            raddle::sleep(std::time::Duration::from_millis(5)).await;
            reader.detach();
        });
        print!("over");
        std::io::stdout().flush().unwrap();
    });
    let Some(mut child) = child else { return };
    let open = child.stdin.take().unwrap();
    let output = child.wait_with_output().unwrap();
    drop(open);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("BEGINover"));
}

#[test]
fn what_is_no_utf8_is_still_there_for_read() {
    let _watch = watch();
    let child = in_a_process("what_is_no_utf8_is_still_there_for_read", || {
        begin();
        runner(1).run(async {
            let mut stdin = stdin();
            println!("{:?}", stdin.read_line().await.unwrap_err().kind());
            let mut buffer = [0; 3];
            let count = stdin.read(&mut buffer).await.unwrap();
            println!("{:?}", &buffer[..count]);
            println!("{:?}", stdin.next_line().await.unwrap());
        });
    });
    let Some(child) = child else { return };
    assert_eq!(talk(child, b"a\xff\nb\n"), "InvalidData\n[97, 255, 10]\nSome(\"b\")\n");
}

#[test]
fn the_traits_of_futures_io_and_more_than_a_pipe_holds() {
    // A megabyte goes through the child and comes back whole.
    let _watch = watch();
    let child = in_a_process("the_traits_of_futures_io_and_more_than_a_pipe_holds", || {
        begin();
        runner(2).run(async {
            let (mut stdin, mut stdout) = (stdin(), stdout());
            let mut buffer = vec![0; 10_000];
            let count = std::future::poll_fn(|cx| Pin::new(&mut stdin).poll_read(cx, &mut buffer)).await.unwrap();
            stdout.write_all(&buffer[..count]).await.unwrap();
            loop {
                let bytes = std::future::poll_fn(|cx| match Pin::new(&mut stdin).poll_fill_buf(cx) {
                    std::task::Poll::Ready(bytes) => std::task::Poll::Ready(bytes.map(<[u8]>::to_vec)),
                    std::task::Poll::Pending => std::task::Poll::Pending,
                });
                let bytes = bytes.await.unwrap();
                if bytes.is_empty() {
                    break;
                }
                let write = std::future::poll_fn(|cx| Pin::new(&mut stdout).poll_write(cx, &bytes));
                let count = write.await.unwrap();
                Pin::new(&mut stdin).consume(count);
            }
            std::future::poll_fn(|cx| Pin::new(&mut stdout).poll_flush(cx)).await.unwrap();
            stderr().write_all(b"all of it\n").await.unwrap();
        });
    });
    let Some(mut child) = child else { return };
    let text: String = (0..150_000).map(|n| format!("{n:06}\n")).collect();
    let mut input = child.stdin.take().unwrap();
    let said = text.clone();
    let feeder = std::thread::spawn(move || input.write_all(said.as_bytes()));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success());
    let back = String::from_utf8(output.stdout).unwrap();
    assert!(back.ends_with(&text), "{} of {} bytes came back", back.len(), text.len());
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().last(), Some("all of it"));
}

#[test]
fn a_write_that_is_dropped_is_finished_and_comes_in_its_place() {
    let _watch = watch();
    let child = in_a_process("a_write_that_is_dropped_is_finished_and_comes_in_its_place", || {
        begin();
        runner(1).run(async {
            let mut stdout = stdout();
            let _ = poll_once(&mut stdout.write_all(b"one ")).await;
            assert_eq!(stdout.write(b"two ").await.unwrap(), 4);
            let _ = poll_once(&mut stdout.flush()).await;
            stdout.write_all(b"three\n").await.unwrap();
        });
    });
    let Some(child) = child else { return };
    assert_eq!(talk(child, b""), "one two three\n");
}

#[test]
fn a_reader_that_is_gone_is_told() {
    let _watch = watch();
    let child = in_a_process("a_reader_that_is_gone_is_told", || {
        begin();
        std::io::stdout().flush().unwrap();
        runner(1).run(async {
            stdin().read_line().await.unwrap();
            // A process that another test is about to start may hold the pipe for a moment, too.
            let error = loop {
                if let Err(error) = stdout().write_all(b"anybody there?\n").await {
                    break error;
                }
            };
            stderr().write_all(format!("told: {:?}\n", error.kind()).as_bytes()).await.unwrap();
        });
    });
    let Some(mut child) = child else { return };
    hear(&mut child, "BEGIN");
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(b"gone\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.lines().last(), Some("told: BrokenPipe"), "{told}");
}
