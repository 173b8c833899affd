//! What may mend an operator that does not work with what stands beside it.

use crate::language::kind::Kind;

/// What can be done with a secret.
pub(crate) const SECRET_HELP: &str =
    "only the web functions, `hmac_sha256` and `secret(a, b)`, which joins, take a secret";

/// What may mend an operator that stands at a place of a text.
pub(crate) fn operator_help(name: &str, kinds: &[Kind], text: &str, place: Option<(usize, usize)>) -> Option<String> {
    let other = |kind: &Kind| *kind != Kind::Unit;
    match kinds {
        kinds if kinds.contains(&Kind::Secret) => Some(SECRET_HELP.to_owned()),
        [_] if name == "!" => Some("compare, as in `text == ()` or `count == 0`".to_owned()),
        [left, right] if kinds.contains(&Kind::Unit) => {
            let default = empty(kinds.iter().copied().find(other).unwrap_or(Kind::Int));
            let line = place.and_then(|(line, _)| text.lines().nth(line.checked_sub(1)?));
            let assigned = line.zip(place).and_then(|(line, (_, column))| assignment(line, column, name));
            Some(match assigned {
                Some((target, value)) if *left == Kind::Unit => {
                    format!("nothing is stored there yet: `{target} = ({target} ?? {default}) {name} {value}`")
                }
                _ if *left == Kind::Unit && *right != Kind::Unit => {
                    format!("the left side is (): nothing is there; give another value, as in `(value ?? {default})`")
                }
                _ => format!("one side is (): nothing is there; give another value, as in `(value ?? {default})`"),
            })
        }
        [left, right] => {
            let number = |kind: &Kind| matches!(kind, Kind::Int | Kind::Float);
            let text = |kind: &Kind| matches!(kind, Kind::String | Kind::MaybeString);
            ((number(left) && text(right)) || (text(left) && number(right)))
                .then(|| "make both numbers: parse_int(text) or parse_float(text)".to_owned())
        }
        _ => None,
    }
}

/// What an assignment such as `state.count += 1` changes, and by what; `column` is where its operator stands.
fn assignment(line: &str, column: usize, operator: &str) -> Option<(String, String)> {
    let letters: Vec<char> = line.chars().collect();
    let (before, after) = letters.split_at_checked(column.checked_sub(1)?)?;
    let after: String = after.iter().collect();
    let value = after.strip_prefix(operator)?.strip_prefix('=')?.split(';').next()?.trim().to_owned();
    let before: String = before.iter().collect();
    let part = |letter: char| letter.is_alphanumeric() || "_.[]\"".contains(letter);
    let target = before.trim_end().rsplit(|letter| !part(letter)).next()?.to_owned();
    (!target.is_empty() && !value.is_empty()).then_some((target, value))
}

/// The empty value of a kind, as it is written.
fn empty(kind: Kind) -> &'static str {
    match kind {
        Kind::Float => "0.0",
        Kind::String | Kind::MaybeString | Kind::Char => "\"\"",
        Kind::Array => "[]",
        Kind::Map => "#{}",
        _ => "0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_with_nothing_is_mended_in_its_own_words() {
        let help = |line: &str, kinds: &[Kind], operator: &str| {
            let column = line.find(operator).map(|at| at + 1).expect("the operator");
            operator_help(operator, kinds, line, Some((1, column)))
        };
        let count = help("    state.count += 1;", &[Kind::Unit, Kind::Int], "+");
        assert_eq!(count.as_deref(), Some("nothing is stored there yet: `state.count = (state.count ?? 0) + 1`"));
        let text = help("if x { m[\"a\"] += word; }", &[Kind::Unit, Kind::String], "+");
        assert_eq!(text.as_deref(), Some("nothing is stored there yet: `m[\"a\"] = (m[\"a\"] ?? \"\") + word`"));
        let sum = help("let y = x + 1;", &[Kind::Unit, Kind::Int], "+");
        assert_eq!(
            sum.as_deref(),
            Some("the left side is (): nothing is there; give another value, as in `(value ?? 0)`")
        );
        assert_eq!(help("let y = x + 1;", &[Kind::Map, Kind::Int], "+"), None);
    }
}
