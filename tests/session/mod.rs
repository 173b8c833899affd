//! A session against a gateway that does what each test says, over real connections.

mod faults;
mod life;
mod pace;
mod transfers;
mod ways;
