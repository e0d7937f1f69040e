//! What a stream is cut at.

/// One separator or several, of which the first to be complete counts: `b'\n'`, `b"\r\n"`, `"||"`, a slice or an array
/// of slices, or a tuple of separators of different lengths.
///
/// # Examples
/// ```
/// use raddle::StreamReader;
///
/// raddle::run(async {
///     let (feeder, mut reader) = StreamReader::pair();
///     feeder.feed_data(b"xx\r\nyy||zz\n");
///     assert_eq!(reader.read_until((b"\r\n", b"||")).await?, "xx\r\n");
///     assert_eq!(reader.read_until(["\r\n", "||"]).await?, "yy||");
///     assert_eq!(reader.read_until(b'\n').await?, "zz\n");
///     Ok::<_, raddle::ReadError>(())
/// })
/// .unwrap();
/// ```
pub trait Separators: private::Sealed {}

impl<S: private::Sealed> Separators for S {}

/// Where a separator was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The separator that is complete first in `bytes`, looking for beginnings from `from` on.
pub(super) fn find<S: Separators + ?Sized>(separators: &S, bytes: &[u8], from: usize) -> Option<Found> {
    let mut found: Option<Found> = None;
    separators.each(&mut |separator| {
        let Some(at) = find_one(separator, &bytes[from..]) else { return };
        let this = Found { start: from + at, end: from + at + separator.len() };
        if found.is_none_or(|found| this.end < found.end) {
            found = Some(this);
        }
    });
    found
}

/// The length of the longest one.
pub(super) fn longest<S: Separators + ?Sized>(separators: &S) -> usize {
    let mut longest = 0;
    separators.each(&mut |separator| longest = longest.max(separator.len()));
    longest
}

/// # Panics
/// When there is none, or an empty one.
#[track_caller]
pub(super) fn check<S: Separators + ?Sized>(separators: &S) {
    let mut number = 0;
    separators.each(&mut |separator| {
        number += 1;
        assert!(!separator.is_empty(), "read_until: separator {number} is empty; it must have at least one byte");
    });
    assert!(number > 0, "read_until: no separator given; at least one is needed");
}

fn find_one(separator: &[u8], bytes: &[u8]) -> Option<usize> {
    match separator {
        [byte] => memchr::memchr(*byte, bytes),
        _ => memchr::memmem::find(bytes, separator),
    }
}

mod private {
    /// What hands its separators out, one after the other.
    pub trait Sealed {
        fn each(&self, look: &mut dyn FnMut(&[u8]));
    }

    impl Sealed for u8 {
        fn each(&self, look: &mut dyn FnMut(&[u8])) {
            look(&[*self]);
        }
    }

    impl Sealed for [u8] {
        fn each(&self, look: &mut dyn FnMut(&[u8])) {
            look(self);
        }
    }

    impl Sealed for str {
        fn each(&self, look: &mut dyn FnMut(&[u8])) {
            look(self.as_bytes());
        }
    }

    impl<const N: usize> Sealed for [u8; N] {
        fn each(&self, look: &mut dyn FnMut(&[u8])) {
            look(self);
        }
    }

    impl<S: Sealed + ?Sized> Sealed for &S {
        fn each(&self, look: &mut dyn FnMut(&[u8])) {
            (**self).each(look);
        }
    }

    impl<S: Sealed + ?Sized, const N: usize> Sealed for [&S; N] {
        fn each(&self, look: &mut dyn FnMut(&[u8])) {
            self.iter().for_each(|one| one.each(look));
        }
    }

    impl<S: Sealed + ?Sized> Sealed for [&S] {
        fn each(&self, look: &mut dyn FnMut(&[u8])) {
            self.iter().for_each(|one| one.each(look));
        }
    }

    macro_rules! tuples {
        ($($($name:ident)+;)+) => {$(
            #[allow(non_snake_case, reason = "the type's letter names the value")]
            impl<$($name: Sealed),+> Sealed for ($($name,)+) {
                fn each(&self, look: &mut dyn FnMut(&[u8])) {
                    let ($($name,)+) = self;
                    $($name.each(look);)+
                }
            }
        )+};
    }

    tuples! {
        A B;
        A B C;
        A B C D;
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, find, longest};

    #[test]
    fn the_first_to_be_complete_counts() {
        let both = (b"|", b"\r\n");
        assert_eq!(find(&both, b"a\r\nb|", 0), Some(Found { start: 1, end: 3 }));
        assert_eq!(find(&both, b"a|b\r\n", 0), Some(Found { start: 1, end: 2 }));
        assert_eq!(find(&(b"abc", b"b"), b"abc", 0), Some(Found { start: 1, end: 2 }));
        assert_eq!(find(&both, b"a|b\r\n", 2), Some(Found { start: 3, end: 5 }));
        assert_eq!(find(&b'x', b"none", 0), None);
        assert_eq!(longest(&both), 2);
    }
}
