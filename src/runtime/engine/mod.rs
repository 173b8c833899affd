//! What Rhai is to the host: values, errors, what hooks get, bodies of functions. Nothing here acts.

pub(crate) mod body;
pub(crate) mod caught;
pub(crate) mod coverage;
mod cut;
pub(crate) mod objects;
pub(crate) mod secret;
pub(crate) mod stages;
pub(crate) mod thrown;
pub(crate) mod unused;
pub(crate) mod values;
