//! What little JSON is written here.

use std::fmt::{Display, Write};

pub(super) fn list<T>(items: &[T], to_json: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(to_json).collect::<Vec<_>>().join(","))
}

pub(super) fn or_null(value: Option<impl Display>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

/// A string of JSON.
pub(super) fn quote(text: impl Display) -> String {
    let mut quoted = String::from('"');
    for c in text.to_string().chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => _ = write!(quoted, "\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_json() {
        let text = "a \"name\" with \\ and \n and \u{1} and ü";
        assert_eq!(serde_json::from_str::<String>(&quote(text)).unwrap(), text);
    }
}
