//! The sandbox as its clients meet it: over real WebSockets, frame by frame.

mod absence;
mod accounts;
mod client;
mod faults;
mod groups;
mod line;
mod media;
mod messages;
mod persistence;
mod rules;
mod strangers;
mod table;
