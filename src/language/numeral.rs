//! Whole numbers at the beginning of a text: in digits, or as Chinese and Japanese write them out.

/// Reads the number that letters begin with; gives it, and of how many letters it is.
pub(crate) fn leading(letters: &[char]) -> Option<(i64, usize)> {
    let digits = letters.iter().take_while(|letter| letter.is_ascii_digit()).count();
    if digits > 0 {
        let text: String = letters[..digits].iter().collect();
        return Some((text.parse().ok()?, digits));
    }
    let length = letters.iter().take_while(|letter| is_numeral(**letter)).count();
    written_out(&letters[..length]).map(|number| (number, length))
}

fn is_numeral(letter: char) -> bool {
    digit(letter).is_some() || unit(letter).is_some()
}

fn digit(letter: char) -> Option<i64> {
    let digits = ["零〇", "一", "二两兩", "三", "四", "五", "六", "七", "八", "九"];
    digits.iter().position(|digit| digit.contains(letter)).and_then(|digit| i64::try_from(digit).ok())
}

fn unit(letter: char) -> Option<i64> {
    [('十', 10), ('百', 100), ('千', 1_000), ('万', 10_000), ('萬', 10_000)]
        .into_iter()
        .find_map(|(name, unit)| (name == letter).then_some(unit))
}

fn written_out(letters: &[char]) -> Option<i64> {
    if letters.is_empty() || letters.len() > 12 {
        return None;
    }
    // Digit by digit, as years are: 二〇二六.
    if letters.len() > 1 && letters.iter().all(|letter| digit(*letter).is_some()) {
        return letters.iter().try_fold(0_i64, |number, letter| Some(number * 10 + digit(*letter)?));
    }
    let (mut total, mut section, mut current) = (0, 0, None);
    for letter in letters {
        match (digit(*letter), unit(*letter)) {
            (Some(digit), _) => current = Some(digit),
            (None, Some(10_000)) => {
                total += (section + current.take().unwrap_or(0)).max(1) * 10_000;
                section = 0;
            }
            (None, Some(unit)) => section += current.take().unwrap_or(1) * unit,
            (None, None) => return None,
        }
    }
    Some(total + section + current.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_digits_and_written_out() {
        let read = |text: &str| leading(&text.chars().collect::<Vec<_>>());
        for (text, expected) in [
            ("12 cups", Some((12, 2))),
            ("三天", Some((3, 1))),
            ("十", Some((10, 1))),
            ("十五分", Some((15, 2))),
            ("二十三点", Some((23, 3))),
            ("两百零五", Some((205, 4))),
            ("一万二千", Some((12_000, 4))),
            ("二〇二六年", Some((2026, 4))),
            ("cups", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
