//! Durations as people write them in scripts and configurations, such as `10m` or `1h30m`. Points in time are not here.

use std::time::Duration;

/// The units from large to small, each with its length in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// There is nothing in it.
    #[error("an empty text is no duration: expected one such as \"2s\", \"10m\" or \"1h30m\"")]
    Empty,
    /// A number was expected.
    #[error(
        "\"{text}\" is no duration: found \"{rest}\", expected a whole number such as in \"2s\", \"10m\" or \"1h30m\""
    )]
    NoNumber {
        /// The whole text.
        text: String,
        /// From where it is not understood.
        rest: String,
    },
    /// A number stands without its unit, or with one that nobody knows.
    #[error("\"{text}\" is no duration: found {found} after {number}, expected a unit: w, d, h, m, s or ms")]
    NoUnit {
        /// The whole text.
        text: String,
        /// The number.
        number: String,
        /// What stands after it.
        found: String,
    },
    /// A unit comes twice, or a large one after a small one.
    #[error("\"{text}\" is no duration: its units must go from large to small, found {unit} after {previous}")]
    Order {
        /// The whole text.
        text: String,
        /// The unit that comes too late.
        unit: &'static str,
        /// The unit before it.
        previous: &'static str,
    },
    /// It does not fit.
    #[error("\"{text}\" is too long a duration")]
    TooLong {
        /// The whole text.
        text: String,
    },
}

/// Reads a duration: whole numbers with units from large to small, such as `250ms`, `2s`, `1h30m` or `1d`.
///
/// # Errors
/// When the text is anything else; the message names what was found and what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let too_long = || DurationError::TooLong { text: text.to_owned() };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut total: u64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let (digits, after) = split_where(rest, |letter| !letter.is_ascii_digit());
        if digits.is_empty() {
            return Err(DurationError::NoNumber { text: text.to_owned(), rest: rest.to_owned() });
        }
        let (name, after) = split_where(after.trim_start(), |letter| !letter.is_alphabetic());
        let Some(unit) = UNITS.iter().position(|(known, _)| *known == name) else {
            let found = if name.is_empty() { "nothing".to_owned() } else { format!("\"{name}\"") };
            return Err(DurationError::NoUnit { text: text.to_owned(), number: digits.to_owned(), found });
        };
        if unit < next_unit {
            let previous = UNITS[next_unit - 1].0;
            return Err(DurationError::Order { text: text.to_owned(), unit: UNITS[unit].0, previous });
        }
        let part = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(UNITS[unit].1));
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(too_long)?;
        next_unit = unit + 1;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total))
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_from_large_to_small_add_up() {
        for (text, millis) in [
            ("250ms", 250),
            ("2s", 2_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1d", 86_400_000),
            ("1w2d", 777_600_000),
            ("1m5ms", 60_005),
            (" 0s ", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_what_was_found_and_expected() {
        for (text, message) in [
            ("", "an empty text"),
            ("soon", "found \"soon\", expected a whole number"),
            ("-1s", "found \"-1s\", expected a whole number"),
            ("10", "found nothing after 10, expected a unit"),
            ("10 minutes", "found \"minutes\" after 10, expected a unit"),
            ("1.5s", "found nothing after 1, expected a unit"),
            ("5m1h", "found h after m"),
            ("1s1s", "found s after s"),
            ("99999999999999999999w", "too long"),
            ("9999999999999999w", "too long"),
        ] {
            let error = parse_duration(text).expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
