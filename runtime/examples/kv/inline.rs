//! Commands as a person types them: words between blanks, with quotes.
//!
//! In double quotes `\n`, `\r`, `\t`, `\b`, `\a` and `\xHH` mean what they mean in C, and a backslash before anything
//! else leaves it as it is. In single quotes only `\'` is special. A quote ends where a word ends.

use std::ops::Range;

const UNBALANCED: &str = "unbalanced quotes in request";

/// Appends the words of `line` to `bytes`, and where they lie to `spans`.
pub(crate) fn split(mut line: &[u8], bytes: &mut Vec<u8>, spans: &mut Vec<Range<usize>>) -> Result<(), String> {
    loop {
        line = line.trim_ascii_start();
        if line.is_empty() {
            return Ok(());
        }
        let start = bytes.len();
        line = word(line, bytes)?;
        spans.push(start..bytes.len());
    }
}

/// Takes one word and returns what follows it.
fn word<'a>(mut line: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], String> {
    while let Some((&first, rest)) = line.split_first() {
        line = match first {
            b'"' => double_quoted(rest, bytes)?,
            b'\'' => single_quoted(rest, bytes)?,
            blank if blank.is_ascii_whitespace() => break,
            other => {
                bytes.push(other);
                rest
            }
        };
    }
    Ok(line)
}

fn double_quoted<'a>(mut line: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], String> {
    loop {
        line = match line {
            [b'"', rest @ ..] => return word_end(rest),
            [b'\\', b'x', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex(*high) * 16 + hex(*low));
                rest
            }
            [b'\\', escaped, rest @ ..] => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest
            }
            [other, rest @ ..] => {
                bytes.push(*other);
                rest
            }
            [] => return Err(UNBALANCED.into()),
        };
    }
}

fn single_quoted<'a>(mut line: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], String> {
    loop {
        line = match line {
            [b'\'', rest @ ..] => return word_end(rest),
            [b'\\', b'\'', rest @ ..] => {
                bytes.push(b'\'');
                rest
            }
            [other, rest @ ..] => {
                bytes.push(*other);
                rest
            }
            [] => return Err(UNBALANCED.into()),
        };
    }
}

/// Behind a closing quote comes a blank or nothing.
fn word_end(rest: &[u8]) -> Result<&[u8], String> {
    match rest.first() {
        Some(byte) if !byte.is_ascii_whitespace() => Err(UNBALANCED.into()),
        _ => Ok(rest),
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}
