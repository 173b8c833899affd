//! Events and invitations, as scripts use them.

use std::rc::Rc;

use rhai::{Engine, NativeCallContext};

use super::commands;
use crate::protocol::commands::{AcceptGroupInvitation, RejectGroupInvitation};
use crate::protocol::{self, fields_of};
use crate::runtime::context::services::Services;
use crate::runtime::engine::objects::{Invite, ScriptEvent};
use crate::runtime::run::wait::CallSite;

/// Registers both types and what they can do.
pub(crate) fn register(engine: &mut Engine, services: &Rc<Services>) {
    engine.register_type_with_name::<ScriptEvent>("Event");
    engine.register_indexer_get(|event: &mut ScriptEvent, name: &str| event.get(name));
    engine.register_type_with_name::<Invite>("Invite");
    engine.register_indexer_get(|invite: &mut Invite, name: &str| match name {
        "inviter" => invite.event().get("person"),
        _ => invite.event().get(name),
    });
    let own = Rc::clone(services);
    engine.register_fn("accept", move |context: NativeCallContext, invite: &mut Invite| {
        let request = AcceptGroupInvitation { group_id: invite.event().group()? };
        commands::call(
            &own,
            None,
            <AcceptGroupInvitation as protocol::Call>::COMMAND,
            fields_of(&request),
            CallSite::of(&context),
        )
    });
    let own = Rc::clone(services);
    engine.register_fn("reject", move |context: NativeCallContext, invite: &mut Invite| {
        let request = RejectGroupInvitation { group_id: invite.event().group()? };
        commands::call(
            &own,
            None,
            <RejectGroupInvitation as protocol::Call>::COMMAND,
            fields_of(&request),
            CallSite::of(&context),
        )
    });
}
