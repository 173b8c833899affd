//! Which calls in a function's body nobody waits for: those whose value is not used, outside of every `try`.
//!
//! A call that does not stand in the body itself (in a function that it calls, in a closure) is none of these.

use foldhash::{HashMap, HashMapExt as _};
use rhai::{Expr, Position, Stmt};

/// What becomes of the value of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueUse {
    /// Nothing.
    Dropped,
    /// It is what the function gives, and the last that it does.
    Given,
    /// The function goes on with it, and keeps no stack until then.
    Kept,
}

/// The calls in a body whose value nothing in the body uses, by their places.
pub(crate) fn unused_calls(body: &[Stmt]) -> HashMap<Position, ValueUse> {
    let mut found = HashMap::new();
    block(body, ValueUse::Given, &mut found);
    found
}

fn block(statements: &[Stmt], last: ValueUse, found: &mut HashMap<Position, ValueUse>) {
    for (index, statement) in statements.iter().enumerate() {
        let value = if index + 1 == statements.len() { last } else { ValueUse::Dropped };
        look(statement, value, found);
    }
}

fn look(statement: &Stmt, value: ValueUse, found: &mut HashMap<Position, ValueUse>) {
    match statement {
        Stmt::FnCall(_, place) => drop(found.insert(*place, value)),
        Stmt::Expr(expression) => look_in(expression, value, found),
        Stmt::Block(inner) => block(inner.statements(), value, found),
        Stmt::If(choice, _) => {
            block(choice.body.statements(), value, found);
            block(choice.branch.statements(), value, found);
        }
        Stmt::Switch(choice, _) => choice.1.expressions.iter().for_each(|case| look_in(&case.rhs, value, found)),
        Stmt::While(looped, _) | Stmt::Do(looped, ..) => block(looped.body.statements(), ValueUse::Dropped, found),
        Stmt::For(looped, _) => block(looped.2.body.statements(), ValueUse::Dropped, found),
        // Whatever fails inside of it is caught.
        Stmt::TryCatch(..) => {}
        _ => {}
    }
}

fn look_in(expression: &Expr, value: ValueUse, found: &mut HashMap<Position, ValueUse>) {
    match expression {
        Expr::FnCall(_, place) | Expr::MethodCall(_, place) => drop(found.insert(*place, value)),
        // The last link of a chain; what stands before it is used by it.
        Expr::Dot(chain, ..) => look_in(&chain.rhs, value, found),
        Expr::Stmt(inner) => block(inner.statements(), value, found),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use rhai::{Dynamic, Engine, NativeCallContext};

    use super::*;
    use crate::language::dialect;

    /// A value that has the method `say`, as a message has.
    #[derive(Clone)]
    struct Speaker;

    /// The words that a function says where it need not wait for an answer, in order, and those where its value is given with a `!`.
    fn unused(text: &str) -> Vec<String> {
        let mut engine = Engine::new();
        engine.set_optimization_level(rhai::OptimizationLevel::Simple);
        let said = Rc::new(RefCell::new(Vec::new()));
        let (by_method, by_name) = (Rc::clone(&said), Rc::clone(&said));
        engine.register_type_with_name::<Speaker>("Speaker");
        engine.register_fn("say", move |context: NativeCallContext, _: &mut Speaker, text: &str| {
            by_method.borrow_mut().push((context.call_position(), context.call_level(), text.to_owned()));
            1_i64
        });
        engine.register_fn("say", move |context: NativeCallContext, text: &str| {
            by_name.borrow_mut().push((context.call_position(), context.call_level(), text.to_owned()));
            1_i64
        });
        let ast = engine.compile(text).expect("it is a script");
        let body = ast.iter_fn_def().find(|function| function.name == "hook").expect("there is a hook");
        let found = unused_calls(&dialect::statements_of(body));
        let mut scope = rhai::Scope::new();
        let _: Dynamic = engine.call_fn(&mut scope, &ast, "hook", (Speaker,)).expect("it runs");
        // A hook's body runs at level 0; here a call leads to it.
        let said = said.borrow();
        let in_body = said.iter().filter(|(_, level, _)| *level == 1);
        in_body
            .filter_map(|(place, _, text)| {
                Some(format!("{text}{}", if *found.get(place)? == ValueUse::Given { "!" } else { "" }))
            })
            .collect()
    }

    #[test]
    fn a_call_whose_value_nothing_uses_is_found_wherever_it_stands() {
        let text = r#"
            fn hook(m) {
                m.say("a");
                say("b");
                if true { m.say("c"); } else { m.say("x"); }
                for word in ["d"] { m.say(word) }
                let n = 0;
                while n < 1 { n += 1; say("e"); }
                switch n { 1 => m.say("f"), _ => () }
                { say("g"); }
                if n == 1 { m.say("h") }
            }
        "#;
        assert_eq!(unused(text), ["a", "b", "c", "d", "e", "f", "g", "h!"]);
    }

    #[test]
    fn a_call_whose_value_is_used_or_whose_failure_is_caught_is_not() {
        let text = r#"
            fn helper(m) { m.say("in a helper"); }
            fn hook(m) {
                let n = m.say("let");
                n += say("sum");
                if m.say("condition") == 1 { }
                [1].for_each(|| m.say("closure"));
                try { m.say("try"); } catch (e) { m.say("catch"); }
                helper(m);
                let t = `${say("text")}`;
                let block = { say("block") };
                say(`${say("argument")}`);
                return m.say("return");
            }
        "#;
        // A `return` at the end is what the function gives anyway, and goes away when it is compiled.
        assert_eq!(unused(text), ["1", "return!"]);
    }
}
