//! What pipes promise.

mod common;

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::task::Poll;

use common::{Scratch, poll_once, run, spawn, yield_now};
use futures_io::{AsyncRead, AsyncWrite};
use raddle_io::net::{PipeReader, PipeWriter, pipe};
use rustix::fs::OFlags;
use rustix::io::FdFlags;

#[test]
fn bytes_come_through_in_order_and_then_the_end() {
    const SIZE: usize = 1 << 20;
    run(async {
        let (mut reader, mut writer) = pipe().unwrap();
        let sent: Vec<u8> = (0..SIZE).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        // Far more than a pipe holds, so that both wait for each other.
        let writing = spawn(async move { writer.write_all(&sent).await });
        let mut got = vec![0; SIZE];
        reader.read_exact(&mut got).await.unwrap();
        writing.await.unwrap();
        assert!(got == expected);
        assert_eq!(reader.read(&mut got).await.unwrap(), 0);
        let error = reader.read_exact(&mut got).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn a_new_pipe_does_not_block_and_is_not_inherited() {
    let (reader, writer) = pipe().unwrap();
    for fd in [reader.as_fd(), writer.as_fd()] {
        assert!(rustix::fs::fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK));
        assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(FdFlags::CLOEXEC));
    }
}

#[test]
fn the_end_wakes_a_reader_and_a_writer_that_wait() {
    run(async {
        let (reader, writer) = pipe().unwrap();
        let mut buffer = [0; 8];
        let mut read = reader.read(&mut buffer);
        assert!(poll_once(&mut read).await.is_pending());
        drop(writer);
        assert_eq!(read.await.unwrap(), 0);

        let (reader, mut writer) = pipe().unwrap();
        let block = vec![0; 1 << 20];
        let writing = spawn(async move { writer.write_all(&block).await });
        yield_now().await;
        drop(reader);
        assert_eq!(writing.await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    });
}

/// A pipe may give less than was asked for and have more: only would-block says that it is empty.
#[test]
fn a_short_read_is_no_reason_to_wait() {
    run(async {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::DIRECT).unwrap();
        let reader = PipeReader::try_from(reader).unwrap();
        let mut buffer = [0; 64];
        assert!(poll_once(&mut reader.read(&mut buffer)).await.is_pending());
        // Packets: each read takes one, however large its buffer is.
        rustix::io::write(&writer, b"one").unwrap();
        rustix::io::write(&writer, b"two").unwrap();
        assert_eq!(reader.read(&mut buffer).await.unwrap(), 3);
        assert!(matches!(poll_once(&mut reader.read(&mut buffer)).await, Poll::Ready(Ok(3))));
        assert!(poll_once(&mut reader.read(&mut buffer)).await.is_pending());
    });
}

#[test]
fn several_readers_each_get_their_turn() {
    run(async {
        let (reader, writer) = pipe().unwrap();
        let reader = Rc::new(reader);
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let reader = reader.clone();
                spawn(async move {
                    let mut byte = [0];
                    reader.read(&mut byte).await.unwrap();
                    byte[0]
                })
            })
            .collect();
        yield_now().await;
        assert_eq!(writer.write(b"abcd").await.unwrap(), 4);
        let mut got = Vec::new();
        for reader in readers {
            got.push(reader.await);
        }
        got.sort();
        assert_eq!(got, b"abcd");
    });
}

#[test]
fn the_pipes_of_a_child_process_are_taken() {
    run(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = PipeWriter::try_from(child.stdin.take().unwrap()).unwrap();
        let mut stdout = PipeReader::try_from(child.stdout.take().unwrap()).unwrap();
        stdin.write_all(b"meow").await.unwrap();
        let mut got = [0; 4];
        stdout.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"meow");
        drop(stdin);
        assert_eq!(stdout.read(&mut got).await.unwrap(), 0);
        assert!(child.wait().unwrap().success());

        let mut child = Command::new("sh").args(["-c", "echo no >&2"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = PipeReader::try_from(child.stderr.take().unwrap()).unwrap();
        let mut got = [0; 3];
        stderr.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"no\n");
        child.wait().unwrap();
    });
}

#[test]
fn ends_of_the_standard_library_go_in_and_fds_come_out() {
    run(async {
        let (std_reader, mut std_writer) = io::pipe().unwrap();
        let reader = PipeReader::try_from(std_reader).unwrap();
        std_writer.write_all(b"in").unwrap();
        assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 2);

        let (mut std_reader, std_writer) = io::pipe().unwrap();
        let writer = PipeWriter::try_from(std_writer).unwrap();
        assert_eq!(writer.write(b"out").await.unwrap(), 3);
        drop(OwnedFd::from(writer));
        let mut text = String::new();
        std_reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "out");
        drop(reader.into_fd());
    });
}

/// A FIFO outlives its writers: when one follows another, a read waits again.
#[test]
fn a_fifo_goes_on_with_its_next_writer() {
    let scratch = Scratch::new();
    let path = scratch.path("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    run(async {
        let open = |how| rustix::fs::open(&path, how | OFlags::NONBLOCK, rustix::fs::Mode::empty()).unwrap();
        let reader = PipeReader::try_from(open(OFlags::RDONLY)).unwrap();
        let mut buffer = [0; 8];
        for _ in 0..2 {
            let writer = PipeWriter::try_from(open(OFlags::WRONLY)).unwrap();
            let mut read = reader.read(&mut buffer);
            assert!(poll_once(&mut read).await.is_pending());
            assert_eq!(writer.write(b"abc").await.unwrap(), 3);
            assert_eq!(read.await.unwrap(), 3);
            drop(writer);
            assert_eq!(reader.read(&mut buffer).await.unwrap(), 0);
        }
    });
}

/// What does not know the flag that keeps SIGPIPE away is written to without it.
#[test]
fn an_fd_without_flagged_writes_is_written_all_the_same() {
    run(async {
        let eventfd = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap();
        let writer = PipeWriter::try_from(eventfd.try_clone().unwrap()).unwrap();
        for _ in 0..2 {
            assert_eq!(writer.write(&3u64.to_ne_bytes()).await.unwrap(), 8);
        }
        let reader = PipeReader::try_from(eventfd).unwrap();
        let mut count = [0; 8];
        assert_eq!(reader.read(&mut count).await.unwrap(), 8);
        assert_eq!(u64::from_ne_bytes(count), 6);
    });
}

#[test]
fn files_are_refused_by_name_of_their_kind() {
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let error = PipeReader::try_from(OwnedFd::from(file)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("RegularFile"), "{error}");
}

#[test]
fn vectored_operations_and_attempts_without_waiting() {
    run(async {
        let (reader, writer) = pipe().unwrap();
        assert_eq!(reader.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(writer.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")]).await.unwrap(), 4);
        let (mut one, mut two) = ([0; 1], [0; 8]);
        let mut buffers = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        assert_eq!(reader.read_vectored(&mut buffers).await.unwrap(), 4);
        assert_eq!((&one, &two[..3]), (b"a", &b"bcd"[..]));
        while writer.try_write(&[0; 4096]).is_ok() {}
        assert_eq!(writer.try_write(&[0; 4096]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(reader.try_read(&mut two).unwrap(), 8);
    });
}

#[test]
fn the_traits_of_futures_io_work() {
    run(async {
        let (mut reader, mut writer) = pipe().unwrap();
        let written = std::future::poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, b"abc")).await.unwrap();
        assert_eq!(written, 3);
        std::future::poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await.unwrap();
        let mut buffer = [0; 8];
        let read = std::future::poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, &mut buffer)).await.unwrap();
        assert_eq!(&buffer[..read], b"abc");
        std::future::poll_fn(|cx| Pin::new(&mut &writer).poll_close(cx)).await.unwrap();
    });
}
