//! Bots on LINE's Messaging API: the real binary against the sandbox's official account.

mod answers;
mod files;
mod judges;
mod relay;
mod scene;
mod webhooks;
