//! What compiled code runs on.

pub(crate) mod builtins;
pub(crate) mod bulk;
pub(crate) mod code;
pub(crate) mod context;
pub(crate) mod enter;
pub(crate) mod fork;
pub(crate) mod frames;
pub(crate) mod global;
pub(crate) mod layout;
pub(crate) mod memory;
pub(crate) mod nesting;
pub(crate) mod pages;
pub(crate) mod signals;
pub(crate) mod stack;
pub(crate) mod stepping;
pub(crate) mod table;
pub(crate) mod thread;
pub(crate) mod walk;
