//! What Rhai's tree spreads over several nodes: chains such as `msg.sender.name[0]`, and closures.

use rhai::{ASTFlags, Expr, FnCallExpr, FnPtr, Position, Stmt};

/// One link of a chain such as `msg.sender.name[0]`.
pub(crate) enum ChainLink<'a> {
    Property(&'a str, Position),
    Method(&'a FnCallExpr, Position),
    Index(&'a Expr),
}

/// A closure as Rhai writes it: the variables that it captures, and its name.
pub(crate) struct Closure<'a> {
    pub(crate) name: String,
    pub(crate) captured: Vec<&'a str>,
    pub(crate) position: Position,
}

/// The closure that an expression makes, if it is one.
pub(crate) fn closure_of(expression: &Expr) -> Option<Closure<'_>> {
    let pointer = |expression: &Expr| match expression {
        Expr::DynamicConstant(value, position) => {
            let pointer = value.read_lock::<FnPtr>()?;
            pointer.is_anonymous().then(|| (pointer.fn_name().to_owned(), *position))
        }
        _ => None,
    };
    if let Some((name, position)) = pointer(expression) {
        return Some(Closure { name, captured: Vec::new(), position });
    }
    // A closure that captures is a block of two: share the variables, then bind them to the function.
    let Expr::Stmt(block) = expression else { return None };
    let [Stmt::Share(shared), Stmt::Expr(bound)] = block.statements() else { return None };
    let Expr::FnCall(call, _) = &**bound else { return None };
    let (name, position) = pointer(call.args.first()?)?;
    let captured = shared.iter().map(|(ident, _)| ident.name.as_str()).collect();
    Some(Closure { name, captured, position })
}

/// The closures that an argument hands out: the one that it is, or those that stand in a map or an array, also where two are added.
pub(crate) fn closures_in(argument: &Expr) -> Vec<Closure<'_>> {
    match argument {
        Expr::Map(map, _) => map.0.iter().flat_map(|(_, value)| closures_in(value)).collect(),
        Expr::Array(items, _) => items.iter().flat_map(closures_in).collect(),
        Expr::FnCall(call, _) if call.name == "+" => call.args.iter().flat_map(closures_in).collect(),
        other => closure_of(other).into_iter().collect(),
    }
}

/// The expression that stands alone between the braces of a text's `${…}`; any other one itself.
pub(crate) fn put_in(expression: &Expr) -> &Expr {
    match expression {
        Expr::Stmt(block) => match block.statements() {
            [Stmt::Expr(inner)] => inner,
            _ => expression,
        },
        _ => expression,
    }
}

/// A chain as its root and its links in the order of the text.
pub(crate) fn links_of(expression: &Expr) -> (&Expr, Vec<ChainLink<'_>>) {
    let (root, links) = guarded_links_of(expression);
    (root, links.into_iter().map(|(link, _)| link).collect())
}

/// The same, with whether each link stands behind `?.` or `?[`: then nothing is done where the value before it is `()`.
pub(crate) fn guarded_links_of(expression: &Expr) -> (&Expr, Vec<(ChainLink<'_>, bool)>) {
    let (mut root, mut links) = (expression, Vec::new());
    // The left side of a chain can be a chain of its own.
    while let Expr::Dot(parts, flags, _) | Expr::Index(parts, flags, _) = root {
        let mut own = Vec::new();
        follow(&parts.rhs, matches!(root, Expr::Dot(..)), *flags, &mut own);
        own.append(&mut links);
        links = own;
        root = &parts.lhs;
    }
    (root, links)
}

fn follow<'a>(right: &'a Expr, dot: bool, flags: ASTFlags, links: &mut Vec<(ChainLink<'a>, bool)>) {
    let (element, rest) = match right {
        Expr::Dot(parts, inner, _) if !flags.contains(ASTFlags::BREAK) => {
            (&parts.lhs, Some((&parts.rhs, true, *inner)))
        }
        Expr::Index(parts, inner, _) if !flags.contains(ASTFlags::BREAK) => {
            (&parts.lhs, Some((&parts.rhs, false, *inner)))
        }
        other => (other, None),
    };
    let link = match element {
        Expr::Property(property, position) if dot => ChainLink::Property(&property.2, *position),
        Expr::MethodCall(call, position) if dot => ChainLink::Method(call, *position),
        other => ChainLink::Index(other),
    };
    links.push((link, flags.contains(ASTFlags::NEGATED)));
    if let Some((right, dot, flags)) = rest {
        follow(right, dot, flags, links);
    }
}
