//! `quota()`: how many messages a month has, on a network that counts them.

use rhai::{Dynamic, Engine, Map, NativeCallContext};

use super::outgoing;
use crate::protocol::line::{quota, quota_of};
use crate::runtime::engine::thrown::{self, ScriptError};
use crate::runtime::engine::values;
use crate::runtime::run::answer::Answer;
use crate::runtime::run::call::{HostCall, Impact};
use crate::runtime::run::host_call;
use crate::runtime::run::wait::CallSite;

/// Registers the function.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("quota", |context: NativeCallContext| {
        host_call::pass(HostCall::new(Impact::Wait, "quota"), CallSite::of(&context), |run| {
            let session =
                run.session.as_ref().ok_or_else(|| thrown::misplaced("no session's event is being handled"))?;
            if session.handle.network().reply_token.is_none() {
                return Ok(Answer::Value(Dynamic::UNIT));
            }
            let asked = |name: &str| {
                let answer = outgoing::ask(session, name, "{}".to_owned())?;
                values::to_value(&answer).map_err(|error| thrown::error(error.to_string()))
            };
            let [limit, used] = quota().map(|row| asked(row.name));
            let answers: Result<_, ScriptError> = (|| Ok((limit?, used?)))();
            let (limit, used) = answers?;
            let counted = quota_of(&limit, &used).map(|(limit, used)| {
                let left = limit.saturating_sub(used).max(0);
                let entries = [("limit", limit), ("used", used), ("left", left)];
                entries.into_iter().map(|(name, count)| (name.into(), count.into())).collect::<Map>()
            });
            Ok(Answer::Value(counted.map_or(Dynamic::UNIT, Dynamic::from)))
        })
    });
}
