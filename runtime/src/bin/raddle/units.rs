//! Numbers as people read them, in few columns.

/// A count: exact where there is room.
pub(crate) fn count(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        1000..1_000_000 => format!("{},{:03}", number / 1000, number % 1000),
        _ => big(number as f64),
    }
}

/// Something for each second.
pub(crate) fn rate(number: f64) -> String {
    match number {
        number if number < 0.05 => "0".to_owned(),
        number if number < 9.95 => format!("{number:.1}"),
        number if number < 9999.5 => format!("{number:.0}"),
        number => big(number),
    }
}

fn big(number: f64) -> String {
    let (number, unit) = match number {
        number if number < 999_500.0 => (number / 1e3, "k"),
        number if number < 999_500_000.0 => (number / 1e6, "M"),
        number => (number / 1e9, "G"),
    };
    if number < 99.95 { format!("{number:.1}{unit}") } else { format!("{number:.0}{unit}") }
}

/// A length of time.
pub(crate) fn time(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..10 => format!("{seconds:.1}s"),
        10..60 => format!("{whole}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        3600..86_400 => format!("{}h{:02}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d{:02}h", whole / 86_400, whole / 3600 % 24),
    }
}

/// A line of a program, in at most so many columns: the end of it says most.
pub(crate) fn place(at: &str, room: usize) -> String {
    // Without the column.
    let parts: Vec<&str> = at.rsplitn(3, ':').collect();
    let whole = if parts.len() == 3 { &at[..at.len() - parts[0].len() - 1] } else { at };
    let len = whole.chars().count();
    if len <= room {
        return whole.to_owned();
    }
    let kept = room.saturating_sub(1);
    let end: String = whole.chars().skip(len - kept).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!(
            [0, 999, 1000, 99_999, 1_234_567, 2_000_000_000].map(count),
            ["0", "999", "1,000", "99,999", "1.2M", "2.0G"]
        );
    }

    #[test]
    fn rates() {
        assert_eq!(
            [0.0, 0.5, 12.0, 9999.0, 12_345.0, 250_000.0, 1_999_999.0].map(rate),
            ["0", "0.5", "12", "9999", "12.3k", "250k", "2.0M"]
        );
    }

    #[test]
    fn times() {
        assert_eq!([0.34, 12.0, 75.0, 3700.0, 100_000.0].map(time), ["0.3s", "12s", "1m15s", "1h01m", "1d03h"]);
    }

    #[test]
    fn places_lose_their_beginning() {
        assert_eq!(place("src/main.rs:10:5", 40), "src/main.rs:10");
        assert_eq!(place("a/long/path/to/main.rs:10:5", 12), "…main.rs:10"[..].to_owned().replace("…", "…/"));
    }
}
