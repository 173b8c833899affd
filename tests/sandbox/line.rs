//! LINE's Messaging API as a bot meets it: over HTTP, with a webhook of its own.

mod bot;
mod messages;
mod operations;
mod sdk;
mod strangers;
mod webhooks;
