//! Entries into compiled code and calls out of it, of this thread, that have not returned.

use std::cell::{Cell, RefCell};

use super::thread::Inside;
use crate::info::ImportName;
use crate::instance::Instance;
use crate::trap::{Trap, TrapKind};

/// How many times host and compiled code may call each other in turn: each takes some of the host's
/// stack.
const DEEPEST: u32 = 200;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Who calls, and the descriptor of what it calls.
    static CALLS: RefCell<Vec<(Instance, u64)>> = const { RefCell::new(Vec::new()) };
}

/// An entry, while it lasts.
pub(crate) struct Entry {
    _inside: Inside,
}

impl Entry {
    /// Into the code of an instance.
    pub(crate) fn new(instance: &Instance) -> Result<Self, Trap> {
        let depth = DEPTH.get();
        if depth >= DEEPEST {
            return Err(TrapKind::StackOverflow.into());
        }
        DEPTH.set(depth + 1);
        Ok(Self { _inside: Inside::new(instance.context().header()) })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Whether no other entry is under the present one.
pub(crate) fn is_outermost() -> bool {
    DEPTH.get() == 1
}

/// A call out of compiled code, while it lasts.
pub(crate) struct Call;

impl Call {
    pub(crate) fn new(caller: &Instance, desc: u64) -> Self {
        CALLS.with_borrow_mut(|calls| calls.push((caller.clone(), desc)));
        Self
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        CALLS.with_borrow_mut(Vec::pop);
    }
}

/// What was called out of compiled code last and has not returned, if its caller imports it.
pub(crate) fn innermost_import() -> Option<ImportName> {
    CALLS.with_borrow(|calls| calls.last().and_then(|(caller, desc)| caller.import_name(*desc)))
}

/// As [`innermost_import`], out of this instance.
pub(crate) fn import_called_by(instance: &Instance) -> Option<ImportName> {
    CALLS.with_borrow(|calls| {
        let (caller, desc) = calls.iter().rev().find(|(caller, _)| caller.same(instance))?;
        caller.import_name(*desc)
    })
}
