//! Operators: which kinds they work with, and comparisons that never come out otherwise.

use rhai::{Expr, FnCallExpr, Position, Token};

use super::walk::{Walk, place_of};
use crate::language::explain;
use crate::language::kind::Kind;
use crate::language::suggest::operator_help;

impl Walk<'_> {
    /// Walks over an operator and gives the kind of its result.
    pub(crate) fn operator(&mut self, call: &FnCallExpr, position: Position) -> Kind {
        let kinds: Vec<_> = call.args.iter().map(|argument| self.value(argument)).collect();
        let token = call.op_token.as_ref();
        if token == Some(&Token::Plus) {
            call.args.iter().for_each(|text| self.unbroken_text(text));
        }
        if let ([left, right], [of_left, of_right]) = (call.args.as_slice(), kinds.as_slice())
            && matches!(
                token,
                Some(Token::Plus | Token::Minus | Token::Multiply | Token::Divide | Token::Modulo | Token::PowerOf)
            )
        {
            self.operand_of(&call.name, left, *of_left, *of_right, left.start_position());
            self.operand_of(&call.name, right, *of_right, *of_left, right.start_position());
        }
        if let (Some(Token::Plus), [left, _], [of_left, of_right]) = (token, call.args.as_slice(), kinds.as_slice())
            && self.joined_to_list(left, *of_left, *of_right, position)
        {
            // One mistake is one finding: it goes on as what was meant.
            return Kind::Array;
        }
        match (token, kinds.as_slice()) {
            (Some(Token::Bang), [kind]) => {
                if !matches!(kind, Kind::Unknown | Kind::Bool) {
                    let help = operator_help("!", &kinds, "", None);
                    self.error("condition", position, explain::operator("!", &kinds), help);
                }
                Kind::Bool
            }
            (Some(Token::EqualsTo | Token::NotEqualsTo), [left, right]) => {
                self.compare(*left, *right, token == Some(&Token::EqualsTo), position);
                self.content_type(&call.args);
                Kind::Bool
            }
            (
                Some(Token::LessThan | Token::GreaterThan | Token::LessThanEqualsTo | Token::GreaterThanEqualsTo),
                [left, right],
            ) => {
                if differ(*left, *right) || *left == Kind::Unit || *right == Kind::Unit {
                    let message = format!("{} and {} have no order: this is always false", left.noun(), right.noun());
                    self.warn("comparison", position, message, conversion(*left, *right));
                }
                Kind::Bool
            }
            (Some(Token::Divide), [Kind::Int, Kind::Int]) => {
                if let [Expr::IntegerConstant(left, _), Expr::IntegerConstant(right, _)] = call.args.as_slice() {
                    self.divide(*left, *right, position);
                }
                Kind::Int
            }
            (
                Some(Token::Plus | Token::Minus | Token::Multiply | Token::Divide | Token::Modulo | Token::PowerOf),
                [left, right],
            ) if !self.known.operates(&call.name, *left, *right) => {
                let place = place_of(position);
                let help = operator_help(&call.name, &kinds, &self.file.source.text, place);
                self.error("wrong-type", position, explain::operator(&call.name, &kinds), help);
                Kind::Unknown
            }
            (Some(Token::Plus), [left, right]) if left == &Kind::String || right == &Kind::String => Kind::String,
            (Some(Token::Plus | Token::Minus | Token::Multiply | Token::Modulo), [Kind::Int, Kind::Int]) => Kind::Int,
            _ => Kind::Unknown,
        }
    }

    /// Says that something is added to an array that is none: with a text that makes one text of both. Whether it is so.
    fn joined_to_list(&mut self, left: &Expr, of_left: Kind, of_right: Kind, position: Position) -> bool {
        let list_by_default = match left {
            Expr::Coalesce(operands, _) => matches!(operands.last(), Some(Expr::Array(..))),
            _ => false,
        };
        let is_list = of_left.plain() == Kind::Array || (list_by_default && of_left == Kind::Unknown);
        let is_item = !of_right.may_be_nothing() && !matches!(of_right.plain(), Kind::Unknown | Kind::Array);
        if !is_list || !is_item {
            return false;
        }
        let help = "to append it, write `+ [value]`, or `list.push(value)`".to_owned();
        if of_right == Kind::String {
            let message = "an array and a string make one string, and no array any more";
            self.warn("array-as-text", position, message, Some(help));
        } else {
            self.error("wrong-type", position, explain::operator("+", &[Kind::Array, of_right]), Some(help));
        }
        true
    }

    fn compare(&mut self, left: Kind, right: Kind, equal: bool, position: Position) {
        if left == Kind::Secret || right == Kind::Secret {
            self.compared_secret(position);
            return;
        }
        if differ(left, right) {
            let outcome = if equal { "never equal" } else { "always different" };
            let message = format!("{} and {} are {outcome}", left.noun(), right.noun());
            self.warn("comparison", position, message, conversion(left, right));
        }
    }

    /// Warns of a content type that there is not.
    fn content_type(&mut self, sides: &[Expr]) {
        let ([subject, Expr::StringConstant(name, position)] | [Expr::StringConstant(name, position), subject]) = sides
        else {
            return;
        };
        let upper = name.to_uppercase();
        let meant = if upper == "TEXT" { "NONE" } else { &upper };
        if meant != name.as_str() && self.text_of_type(subject).is_some() {
            let help = if meant == "NONE" {
                "of a text it is \"NONE\"".to_owned()
            } else {
                format!("did you mean \"{meant}\"?")
            };
            self.warn("comparison", *position, format!("there is no content type \"{name}\""), Some(help));
        }
    }

    fn divide(&mut self, left: i64, right: i64, position: Position) {
        if right == 0 {
            self.error("division", position, "a division by zero fails", None);
        } else if left % right != 0 {
            let message = format!("{left} / {right} is {}: integers divide without a fraction", left / right);
            self.warn("division", position, message, Some(format!("write {left}.0 / {right} for the fraction")));
        }
    }
}

/// Whether values of these kinds are certainly never equal.
fn differ(left: Kind, right: Kind) -> bool {
    let class = |kind: Kind| match kind.present().plain() {
        Kind::Bool => Some(1),
        Kind::Int | Kind::Float => Some(2),
        Kind::Char | Kind::String => Some(3),
        Kind::Array => Some(4),
        Kind::Map => Some(5),
        Kind::Message => Some(6),
        Kind::Person => Some(7),
        _ => None,
    };
    matches!((class(left), class(right)), (Some(left), Some(right)) if left != right)
}

fn conversion(left: Kind, right: Kind) -> Option<String> {
    let (left, right) = (left.present(), right.present());
    let number = |kind| matches!(kind, Kind::Int | Kind::Float);
    let text = |kind| kind == Kind::String;
    if (number(left) && text(right)) || (text(left) && number(right)) {
        return Some("make both the same: parse_int(text), or number.to_string()".to_owned());
    }
    if left == Kind::Person || right == Kind::Person {
        return Some("a person's mid is `.mid`, the name `.name`".to_owned());
    }
    if left == Kind::Message || right == Kind::Message {
        return Some("the text of a message is `.text`".to_owned());
    }
    None
}
