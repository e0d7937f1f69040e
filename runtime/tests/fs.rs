//! Promises of `fs`: files and directories by way of the threads for blocking calls.

mod common;

use std::future::Future;
use std::io::{self, ErrorKind, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;

use common::{Reports, poll_once, runner, watch};
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use raddle::fs::{self, File, OpenOptions};
use raddle::{create_task, gather, timeout, to_thread};

/// A directory of the test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("raddle-fs-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A pipe with a name: a file whose reads and writes really wait.
fn named_pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The pipe's other end, for reading and writing, so that nobody's `open` waits.
fn other_end(path: &Path) -> std::fs::File {
    std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// Begins an operation and drops it before it can be done: the runtime's only blocking thread is busy meanwhile.
async fn begin_and_drop<F: Future + Unpin>(mut operation: F) {
    let (go, gone) = mpsc::channel::<()>();
    let busy = to_thread(move || gone.recv());
    assert!(poll_once(&mut operation).await.is_pending());
    drop(operation);
    drop(go);
    let _ = busy.await;
    // It stood in the queue behind what was begun.
    let _ = to_thread(|| ()).await;
}

#[test]
fn everything_that_std_does_with_paths() {
    let (_watch, here) = (watch(), Scratch::new("paths"));
    runner(2).run(async {
        let (a, b, link) = (here.path("a"), here.path("b"), here.path("link"));
        fs::write(&a, b"one").await.unwrap();
        assert_eq!(fs::read(&a).await.unwrap(), b"one");
        assert_eq!(fs::copy(&a, &b).await.unwrap(), 3);
        fs::rename(&b, here.path("c")).await.unwrap();
        assert!(!fs::try_exists(&b).await.unwrap() && fs::try_exists(here.path("c")).await.unwrap());
        fs::hard_link(&a, &b).await.unwrap();
        fs::symlink("a", &link).await.unwrap();
        assert_eq!(fs::read_link(&link).await.unwrap(), Path::new("a"));
        assert!(fs::symlink_metadata(&link).await.unwrap().is_symlink());
        assert_eq!(fs::metadata(&link).await.unwrap().len(), 3);
        assert_eq!(fs::canonicalize(&link).await.unwrap(), a.canonicalize().unwrap());
        fs::set_permissions(&a, fs::Permissions::from_mode(0o400)).await.unwrap();
        assert_eq!(fs::metadata(&b).await.unwrap().permissions().mode() & 0o777, 0o400);
        fs::create_dir(here.path("d")).await.unwrap();
        fs::create_dir_all(here.path("d/e/f")).await.unwrap();
        assert_eq!(fs::remove_dir(here.path("d")).await.unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        fs::remove_dir_all(here.path("d")).await.unwrap();
        fs::remove_file(&link).await.unwrap();
        let mut left = Vec::new();
        let mut entries = fs::read_dir(&here.0).await.unwrap();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert_eq!(entry.path(), here.0.join(entry.file_name()));
            assert!(entry.file_type().await.unwrap().is_file());
            assert_eq!(entry.metadata().await.unwrap().len(), 3);
            left.push(entry.file_name().into_string().unwrap());
        }
        left.sort();
        assert_eq!(left, ["a", "b", "c"]);
        assert!(entries.next_entry().await.unwrap().is_none(), "the end stays the end");
    });
}

#[test]
fn a_directory_of_many_batches_is_seen_whole_also_by_those_who_lose_patience() {
    // Each entry is asked for twice: once by a future that is dropped after its first poll.
    let (_watch, here) = (watch(), Scratch::new("many"));
    for n in 0..500 {
        std::fs::write(here.path(&format!("{n:03}")), "").unwrap();
    }
    runner(1).run(async {
        let mut entries = fs::read_dir(&here.0).await.unwrap();
        let mut names = Vec::new();
        loop {
            let found = match poll_once(&mut entries.next_entry()).await {
                std::task::Poll::Ready(found) => found,
                std::task::Poll::Pending => entries.next_entry().await,
            };
            let Some(entry) = found.unwrap() else { break };
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert!(names.into_iter().eq((0..500).map(|n| format!("{n:03}"))));
    });
}

#[test]
fn errors_keep_their_kind_and_name_the_paths() {
    let _watch = watch();
    runner(2).run(async {
        let error = fs::rename("/no/such", "/nowhere").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            r#"cannot rename "/no/such" to "/nowhere": No such file or directory (os error 2)"#
        );
        let source = std::error::Error::source(error.get_ref().unwrap()).unwrap();
        assert_eq!(source.downcast_ref::<io::Error>().unwrap().raw_os_error(), Some(2));
        let error = File::open("/no/such").await.unwrap_err();
        assert_eq!(error.to_string(), r#"cannot open "/no/such": No such file or directory (os error 2)"#);
        // A directory can be opened, and not read.
        let error = File::open("/").await.unwrap().read(&mut [0]).await.unwrap_err();
        assert_eq!(error.to_string(), r#"cannot read "/": Is a directory (os error 21)"#);
        let error = fs::read_to_string("/proc/self/exe").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let error = fs::read("nul\0byte").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_file_is_read_written_sought_and_cut() {
    let (_watch, here) = (watch(), Scratch::new("file"));
    runner(2).run(async {
        let path = here.path("f");
        let mut file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path).await.unwrap();
        let again = File::options().write(true).create_new(true).open(&path).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(file.write(b"").await.unwrap(), 0);
        assert_eq!(file.write(b"0123456789").await.unwrap(), 10);
        assert_eq!(file.stream_position().await.unwrap(), 10);
        assert_eq!(file.read(&mut [0; 4]).await.unwrap(), 0, "the end");
        assert_eq!(file.seek(SeekFrom::End(-4)).await.unwrap(), 6);
        let mut four = [0; 4];
        file.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"6789");
        assert_eq!(file.seek(SeekFrom::Start(2)).await.unwrap(), 2);
        file.write_all(b"xy").await.unwrap();
        let mut rest = String::from("rest ");
        assert_eq!(file.read_to_string(&mut rest).await.unwrap(), 6);
        assert_eq!(rest, "rest 456789");
        file.set_len(3).await.unwrap();
        file.sync_data().await.unwrap();
        file.sync_all().await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 3);
        file.set_permissions(fs::Permissions::from_mode(0o644)).await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"01x");
        let error = file.seek(SeekFrom::Current(-100)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    });
}

#[test]
fn what_is_no_utf8_or_too_short_remains_to_be_read() {
    let (_watch, here) = (watch(), Scratch::new("rest"));
    std::fs::write(here.path("f"), b"abc\xff").unwrap();
    runner(2).run(async {
        let mut file = File::open(here.path("f")).await.unwrap();
        let error = file.read_exact(&mut [0; 9]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(error.to_string().ends_with("the file ended after 4 of 9 bytes"), "{error}");
        assert_eq!(file.read_to_string(&mut String::new()).await.unwrap_err().kind(), ErrorKind::InvalidData);
        let mut bytes = Vec::new();
        assert_eq!(file.read_to_end(&mut bytes).await.unwrap(), 4);
        assert_eq!(bytes, b"abc\xff");
    });
}

#[test]
fn a_file_that_grows_is_read_on() {
    let (_watch, here) = (watch(), Scratch::new("grows"));
    std::fs::write(here.path("log"), "").unwrap();
    runner(2).run(async {
        let mut reader = File::open(here.path("log")).await.unwrap();
        let mut writer = OpenOptions::new().append(true).open(here.path("log")).await.unwrap();
        let mut buffer = [0; 16];
        for line in ["one", "two", "three"] {
            assert_eq!(reader.read(&mut buffer).await.unwrap(), 0);
            writer.write_all(line.as_bytes()).await.unwrap();
            let count = reader.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], line.as_bytes());
        }
    });
}

#[test]
fn a_read_that_is_dropped_on_its_thread_loses_no_byte() {
    // The pipe has nothing yet, so the read waits in its thread, and its future is gone when the bytes come.
    let (_watch, here) = (watch(), Scratch::new("dropped-read"));
    let pipe = here.path("pipe");
    named_pipe(&pipe);
    let mut writer = other_end(&pipe);
    runner(1).run(async {
        let mut reader = File::open(&pipe).await.unwrap();
        assert!(poll_once(&mut reader.read(&mut [0; 64])).await.is_pending());
        assert!(poll_once(&mut reader.read_exact(&mut [0; 3])).await.is_pending());
        io::Write::write_all(&mut writer, b"abcdef").unwrap();
        let mut two = [0; 2];
        assert_eq!(reader.read(&mut two).await.unwrap(), 2);
        let mut four = [0; 4];
        reader.read_exact(&mut four).await.unwrap();
        assert_eq!((&two, &four), (b"ab", b"cdef"));
    });
}

#[test]
fn reads_that_are_dropped_at_their_first_poll_bring_every_byte_once() {
    let (_watch, here) = (watch(), Scratch::new("every-byte"));
    let bytes: Vec<u8> = (0..100_000).map(|n: u32| (n % 251) as u8).collect();
    std::fs::write(here.path("f"), &bytes).unwrap();
    runner(2).run(async {
        let mut file = File::open(here.path("f")).await.unwrap();
        let (mut back, mut buffer, mut dropped) = (Vec::new(), [0; 1500], 0);
        loop {
            let wanted = 1 + back.len() % buffer.len();
            let read = poll_once(&mut file.read(&mut buffer[..wanted])).await;
            match read {
                std::task::Poll::Ready(count) => match count.unwrap() {
                    0 => break,
                    count => back.extend_from_slice(&buffer[..count]),
                },
                std::task::Poll::Pending => {
                    dropped += 1;
                    raddle::yield_now().await;
                }
            }
        }
        assert!(back == bytes, "{} of {} bytes", back.len(), bytes.len());
        assert!(dropped > 0);
    });
}

#[test]
fn after_a_dropped_read_a_file_is_still_where_the_program_knows() {
    // The dropped read has moved the system's position; writing, seeking and handing the file out know of it.
    let (_watch, here) = (watch(), Scratch::new("position"));
    runner(1).blocking_threads(1).run(async {
        let path = here.path("f");
        let open = || async { File::options().read(true).write(true).open(&path).await.unwrap() };
        fs::write(&path, "0123456789").await.unwrap();
        let drop_a_read = async |file: &mut File| begin_and_drop(file.read(&mut [0; 8])).await;
        let mut file = open().await;
        drop_a_read(&mut file).await;
        file.read_exact(&mut [0; 2]).await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 2);
        drop_a_read(&mut file).await;
        assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 3);
        drop_a_read(&mut file).await;
        file.write_all(b"x").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"012x456789");
        drop_a_read(&mut file).await;
        let mut plain = file.into_std().await.unwrap();
        let mut rest = String::new();
        io::Read::read_to_string(&mut plain, &mut rest).unwrap();
        assert_eq!(rest, "456789");
    });
}

#[test]
fn a_write_that_is_dropped_on_its_thread_is_finished_and_nothing_overtakes_it() {
    // One thread, which is kept busy: each write is still in the queue when its future is dropped.
    let (_watch, here) = (watch(), Scratch::new("dropped-write"));
    runner(2).blocking_threads(1).run(async {
        let path = here.path("f");
        let mut file = File::create(&path).await.unwrap();
        for line in [&b"one "[..], b"two ", b"three"] {
            begin_and_drop(file.write_all(line)).await;
        }
        file.sync_all().await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"one two three");
        // The last one is finished also if the file is gone.
        let mut file = File::create(here.path("last")).await.unwrap();
        begin_and_drop(file.write_all(b"last words")).await;
    });
    assert_eq!(std::fs::read(here.path("last")).unwrap(), b"last words");
}

#[test]
fn the_error_of_a_dropped_write_is_told_to_the_next_or_reported() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(runner(1).blocking_threads(1)).run(async {
        // A device whose disk is always full.
        let mut full = OpenOptions::new().write(true).open("/dev/full").await.unwrap();
        assert_eq!(full.write_all(b"x").await.unwrap_err().kind(), ErrorKind::StorageFull, "told to who waits");
        full.flush().await.unwrap();
        begin_and_drop(full.write_all(b"x")).await;
        let error = full.flush().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.to_string().starts_with(r#"cannot write to "/dev/full": "#), "{error}");
        full.flush().await.unwrap();
        // Nobody is left who could be told.
        begin_and_drop(full.write_all(b"x")).await;
    });
    let reported = reports.take();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0].starts_with("a write that nobody waited for has failed"), "{reported:?}");
}

#[test]
fn the_traits_of_futures_io_write_behind_and_flush_waits() {
    let (_watch, here) = (watch(), Scratch::new("traits"));
    runner(1).blocking_threads(1).run(async {
        let path = here.path("f");
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).await.unwrap();
        for n in 0..100u8 {
            let written = std::future::poll_fn(|cx| Pin::new(&mut file).poll_write(cx, &[n; 100])).await.unwrap();
            assert_eq!(written, 100);
        }
        std::future::poll_fn(|cx| Pin::new(&mut file).poll_flush(cx)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().len(), 10_000);
        let place = std::future::poll_fn(|cx| Pin::new(&mut file).poll_seek(cx, SeekFrom::End(-100))).await;
        assert_eq!(place.unwrap(), 9_900);
        let mut buffer = [0; 200];
        let count = std::future::poll_fn(|cx| Pin::new(&mut file).poll_read(cx, &mut buffer)).await.unwrap();
        assert_eq!(&buffer[..count], &[99; 100]);
        let count = std::future::poll_fn(|cx| Pin::new(&mut file).poll_read(cx, &mut buffer)).await.unwrap();
        assert_eq!(count, 0);
        // A seek that nobody waits for, then something else, then the same seek.
        let seek = |file: &mut File, cx: &mut std::task::Context<'_>| Pin::new(file).poll_seek(cx, SeekFrom::Start(5));
        begin_and_drop(std::future::poll_fn(|cx| seek(&mut file, cx))).await;
        assert_eq!(file.read(&mut buffer).await.unwrap(), 200);
        assert_eq!(std::future::poll_fn(|cx| seek(&mut file, cx)).await.unwrap(), 5);
        std::future::poll_fn(|cx| Pin::new(&mut file).poll_close(cx)).await.unwrap();
    });
}

#[test]
fn large_buffers_go_in_pieces_and_come_back_whole() {
    let (_watch, here) = (watch(), Scratch::new("large"));
    let bytes: Vec<u8> = (0..5 << 20).map(|n: u32| (n % 251) as u8).collect();
    runner(2).run(async {
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(here.path("f")).await;
        let file = file.as_mut().unwrap();
        file.write_all(&bytes).await.unwrap();
        file.seek(SeekFrom::Start(0)).await.unwrap();
        let mut back = vec![0; bytes.len()];
        assert!(file.read(&mut back).await.unwrap() <= 2 << 20);
        file.seek(SeekFrom::Start(0)).await.unwrap();
        file.read_exact(&mut back).await.unwrap();
        assert!(back == bytes);
    });
}

#[test]
fn a_worker_serves_others_while_a_file_waits() {
    let (_watch, here) = (watch(), Scratch::new("waits"));
    let pipe = here.path("pipe");
    named_pipe(&pipe);
    let writer = other_end(&pipe);
    runner(1).run(async {
        let mut reader = File::open(&pipe).await.unwrap();
        let mut writer = File::from(writer);
        let read = create_task(async move {
            let mut word = [0; 5];
            reader.read_exact(&mut word).await.map(|()| word)
        });
        let (timed_out, _) = gather((timeout(Duration::from_millis(5), std::future::pending::<()>()), async {})).await;
        assert!(timed_out.is_err());
        writer.write_all(b"hello").await.unwrap();
        assert_eq!(&read.await.unwrap().unwrap(), b"hello");
    });
}

#[test]
fn threads_that_wait_for_a_runtime_may_use_files_and_others_are_told_why_not() {
    let _watch = watch();
    let mut runner = runner(1);
    runner.run(async {
        let handle = raddle::Handle::current();
        let manifest = to_thread(move || handle.block_on(fs::read_to_string("Cargo.toml"))).await.unwrap();
        assert!(manifest.unwrap().contains("name = \"raddle\""));
    });
    let mut outside = Box::pin(fs::read("Cargo.toml"));
    let polled = outside.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    let std::task::Poll::Ready(Err(error)) = polled else { panic!("{polled:?}") };
    assert!(error.to_string().contains(": no raddle runtime on this thread"), "{error}");
}

#[test]
fn a_call_that_is_never_polled_does_nothing() {
    let (_watch, here) = (watch(), Scratch::new("unpolled"));
    runner(1).run(async {
        let call = fs::write(here.path("f"), "x");
        assert!(format!("{call:?}").starts_with("<Blocking to write at runtime/tests/fs.rs:"), "{call:?}");
        drop(call);
    });
    assert!(!here.path("f").exists());
}

#[test]
fn futures_and_files_go_from_thread_to_thread() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>() {}
    is_sync::<File>();
    is_sync::<fs::ReadDir>();
    is_sync::<fs::DirEntry>();
    is_send(&fs::read("x"));
    is_send(&File::open("x"));
}
