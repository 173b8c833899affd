//! What a person sees of a run that takes long, on a network that shows it.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio_util::task::AbortOnDropHandle;

use crate::protocol::is_group;
use crate::runtime::run::Run;

/// It is shown when a wait lasts longer than this.
const AFTER: Duration = Duration::from_secs(1);
/// How long it is shown at a time.
const SHOWN: Duration = Duration::from_secs(20);

/// Shows the person whose message a run handles that it is at work, if that lasts, until what it gives is dropped. In a group nobody is
/// shown anything.
pub(crate) fn show(run: &Rc<Run>) -> Option<AbortOnDropHandle<()>> {
    let session = run.session.as_ref()?;
    let show_work = session.handle.network().show_work?;
    let chat = run.tokens.chat().filter(|chat| !is_group(chat))?;
    let (handle, clock) = (session.handle.clone(), session.clock.clone());
    Some(AbortOnDropHandle::new(spawn_local(async move {
        clock.sleep(AFTER).await;
        loop {
            let (operation, fields) = show_work(&chat, SHOWN.as_secs());
            // Where it cannot be shown, nothing is lost.
            let _ = handle.call(operation.name, fields).await;
            clock.sleep(SHOWN).await;
        }
    })))
}
