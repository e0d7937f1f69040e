//! What a program says of itself, made harmless for a terminal.
//!
//! Names of tasks are whatever the program was told to call them. One who looks, perhaps as root, must not have their
//! terminal steered by them.

/// Without characters that steer a terminal; lines stay.
pub(crate) fn clean(text: &str) -> String {
    // Mostly there is nothing to be done, and it may be megabytes.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return text.to_owned();
    }
    text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}

fn is_harmful(c: char) -> bool {
    // Also those that turn the direction of writing around.
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[2J\u{9b}1mb\r\n\u{202e}ü"), "a\u{fffd}[2J\u{fffd}1mb\u{fffd}\n\u{fffd}ü");
    }
}
