use super::{Failure, Next, Outgoing, Phase, Rest, Write};

#[test]
fn bytes_leave_in_the_order_in_which_they_were_written() {
    let mut out = Outgoing::new();
    assert_eq!(out.write(b"a"), Write::AtOnce);
    assert_eq!(out.end_at_once(0, b"a"), Rest::ToSend);
    assert!(matches!(out.next(), Next::Send(bytes) if bytes == b"a"));
    assert_eq!(out.write(b"b"), Write::Kept, "somebody sends");
    assert_eq!((out.len(), out.begin_sending()), (2, false));
    out.sent(1);
    assert!(matches!(out.next(), Next::Send(bytes) if bytes == b"b"));
    out.sent(1);
    assert!(matches!(out.next(), Next::Nothing));
    assert_eq!(out.write(b"c"), Write::AtOnce);
}

#[test]
fn the_marks_pause_and_let_go() {
    let mut out = Outgoing::new();
    out.set_marks(10, 4);
    assert!(out.keep(&[0; 10]) && !out.is_paused());
    assert!(out.keep(&[0; 1]) && out.is_paused() && out.begin_sending());
    assert!(matches!(out.next(), Next::Send(_)));
    assert!(!out.sent(6) && out.is_paused(), "5 are left");
    assert!(out.sent(1) && !out.is_paused());
}

#[test]
fn closing_sends_what_was_written_first() {
    let mut out = Outgoing::new();
    assert!(out.keep(b"last words"));
    out.end_writing();
    out.close();
    assert_eq!(out.write(b"more"), Write::Refused);
    assert!(out.error().is_some() && out.begin_sending());
    assert!(matches!(out.next(), Next::Send(_)));
    out.sent(10);
    assert!(matches!(out.next(), Next::Close));
    assert!(out.closed() && !out.closed());
    assert_eq!(out.phase(), Phase::Closed);
}

#[test]
fn what_is_held_back_leaves_before_what_was_kept() {
    let mut out = Outgoing::new();
    assert_eq!(out.write(b"now"), Write::AtOnce);
    assert_eq!(out.end_at_once(3, b""), Rest::ToSend);
    assert!(!out.is_idle() && out.len() == 3, "not idle before it has left");
    assert_eq!(out.write(b"next"), Write::Kept);
    assert!(!out.begin_sending(), "somebody sends");
    assert!(matches!(out.next(), Next::Flush(3)));
    out.sent(3);
    assert!(matches!(out.next(), Next::Send(bytes) if bytes == b"next"));
    out.sent(4);
    assert!(matches!(out.next(), Next::Nothing) && out.is_idle());
}

/// By another thread, while the kernel takes the bytes.
#[test]
fn a_close_in_the_middle_of_a_write_is_behind_its_rest() {
    let mut out = Outgoing::new();
    assert_eq!(out.write(b"first and rest"), Write::AtOnce);
    out.close();
    assert!(!out.begin_sending(), "the writer sends");
    assert_eq!(out.end_at_once(0, b" and rest"), Rest::ToSend);
    assert!(matches!(out.next(), Next::Send(bytes) if bytes == b" and rest"));
    out.sent(9);
    assert!(matches!(out.next(), Next::Close));

    let mut out = Outgoing::new();
    assert_eq!(out.write(b"all"), Write::AtOnce);
    out.close();
    assert!(!out.begin_sending());
    assert_eq!(out.end_at_once(0, b""), Rest::ToSend, "the close is left to the writer");
    assert!(matches!(out.next(), Next::Close) && out.error().is_none());
}

#[test]
fn an_abort_in_the_middle_of_a_write_is_told_if_it_cuts_it_short() {
    for (rest, kind) in [(&b"rest"[..], Some(std::io::ErrorKind::ConnectionAborted)), (b"", None)] {
        let mut out = Outgoing::new();
        assert_eq!(out.write(b"first and rest"), Write::AtOnce);
        out.abort();
        assert_eq!(out.end_at_once(0, rest), Rest::Nothing);
        assert_eq!((out.len(), out.phase(), out.begin_sending()), (0, Phase::Closed, false));
        assert_eq!(out.error().map(|error| error.kind()), kind);
    }
}

#[test]
fn above_the_limit_the_connection_has_failed() {
    let mut out = Outgoing::new();
    out.set_limit(4);
    assert!(out.keep(b"1234") && !out.keep(b"5"));
    assert_eq!(out.len(), 0);
    assert!(out.error().unwrap().to_string().contains("limit of 4 bytes"));
    out.fail(Failure::new(std::io::ErrorKind::Other, "later".into()));
    assert!(out.error().unwrap().to_string().contains("limit"), "the first one counts");
}
