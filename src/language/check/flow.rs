//! Where code ends for certain: what stands behind it is never reached.

use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt, StmtBlock};

/// What a statement always does, where nothing after it in its block is reached: such as "always returns".
pub(crate) fn end(statement: &Stmt) -> Option<&'static str> {
    match statement {
        Stmt::Return(_, flags, _) if flags.contains(ASTFlags::BREAK) => Some("always throws"),
        Stmt::Return(..) => Some("always returns"),
        Stmt::BreakLoop(_, flags, _) if flags.contains(ASTFlags::BREAK) => Some("always leaves the loop"),
        Stmt::BreakLoop(..) => Some("always goes on with the loop"),
        Stmt::Block(block) => end_of(block),
        Stmt::If(flow, _) if !flow.branch.is_empty() => {
            let (body, branch) = (end_of(&flow.body)?, end_of(&flow.branch)?);
            Some(if body == branch { body } else { "ends on both ways" })
        }
        // A loop without a condition ends only by a break of its own.
        Stmt::While(flow, _) if endless(&flow.expr) && !breaks(flow.body.statements()) => {
            Some("always stays in its loop")
        }
        _ => None,
    }
}

/// Where a loop asks people that has no end of its own and keeps its run on an old version of the script.
pub(crate) fn asks_without_end(condition: &Expr, body: &StmtBlock) -> Option<Position> {
    if !endless(condition) || breaks(body.statements()) {
        return None;
    }
    let (mut asked, mut is_bounded) = (None, false);
    for statement in body.statements() {
        statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
            match nodes.last() {
                // A loop that gives a value asks until it has one.
                Some(ASTNode::Stmt(Stmt::Return(Some(value), ..))) => is_bounded |= !value.is_constant(),
                Some(ASTNode::Expr(Expr::MethodCall(call, position) | Expr::FnCall(call, position)))
                    if call.name == "ask" && call.namespace.is_empty() =>
                {
                    is_bounded |= !is_bound_to_version(call);
                    asked = asked.or(Some(*position));
                }
                _ => {}
            }
            true
        });
    }
    asked.filter(|_| !is_bounded)
}

/// Whether nothing in the options of a question says that its run gives way to a newer version.
fn is_bound_to_version(call: &FnCallExpr) -> bool {
    match call.args.last() {
        Some(Expr::Map(options, _)) => !options.0.iter().any(|(name, _)| name.name == "newest"),
        Some(Expr::StringConstant(..) | Expr::InterpolatedString(..)) | None => true,
        // Nobody knows what is in it, unless it is the text of the question.
        Some(_) => call.args.len() == 1,
    }
}

fn end_of(block: &StmtBlock) -> Option<&'static str> {
    block.iter().find_map(end)
}

fn endless(condition: &Expr) -> bool {
    matches!(condition, Expr::Unit(_) | Expr::BoolConstant(true, _))
}

/// Whether a loop's body breaks out of that loop. Loops inside it keep their breaks for themselves.
fn breaks(statements: &[Stmt]) -> bool {
    let within = |block: &StmtBlock| breaks(block.statements());
    statements.iter().any(|statement| match statement {
        Stmt::BreakLoop(_, flags, _) => flags.contains(ASTFlags::BREAK),
        Stmt::If(flow, _) | Stmt::TryCatch(flow, _) => within(&flow.body) || within(&flow.branch),
        Stmt::Block(block) => within(block),
        Stmt::Switch(parts, _) => parts.1.expressions.iter().any(|case| match &case.rhs {
            Expr::Stmt(block) => within(block),
            _ => false,
        }),
        // A break can also stand inside an expression, such as `let x = if done { break } else { 1 };`.
        Stmt::Var(..) | Stmt::Assignment(..) | Stmt::Expr(..) | Stmt::FnCall(..) | Stmt::Return(..) => {
            let mut found = false;
            statement.walk(&mut Vec::new(), &mut |nodes: &[rhai::ASTNode<'_>]| {
                found |= matches!(nodes.last(), Some(rhai::ASTNode::Stmt(Stmt::BreakLoop(..))));
                true
            });
            found
        }
        _ => false,
    })
}
