//! Globals.

use std::any::Any;
use std::cell::{RefCell, UnsafeCell};
use std::rc::Rc;

use crate::func::Func;
use crate::trap::{Trap, TrapKind};
use crate::types::{GlobalType, Mutability};
use crate::value::Val;

/// A global.
///
/// Clones are the same global.
#[derive(Clone, Debug)]
pub struct Global {
    ty: GlobalType,
    cell: *mut u128,
    /// What the cell is part of.
    owner: Rc<dyn Any>,
    keep: Kept,
}

/// Functions that are kept alive, one of each owner: compiled code assigns globals without counting.
pub(crate) type Kept = Rc<RefCell<Vec<Func>>>;

impl Global {
    /// A global that belongs to nobody.
    ///
    /// # Errors
    /// [`TrapKind::Host`] when the value has another type.
    pub fn new(ty: GlobalType, value: &Val) -> Result<Self, Trap> {
        if value.ty() != ty.content {
            return Err(TrapKind::Host.into());
        }
        let cell = Rc::new(UnsafeCell::new(0u128));
        let global = Self { ty, cell: cell.get(), owner: cell, keep: Rc::default() };
        global.put(value);
        Ok(global)
    }

    /// A global in an instance's context.
    ///
    /// # Safety
    /// `cell` is a valid value of this type as long as `owner` lives, and accessed by its thread only; the
    /// owner has `keep`.
    pub(crate) unsafe fn in_context(ty: GlobalType, cell: *mut u128, owner: Rc<dyn Any>, keep: Kept) -> Self {
        Self { ty, cell, owner, keep }
    }

    /// Its type.
    #[must_use]
    pub fn ty(&self) -> GlobalType {
        self.ty
    }

    /// Whether both are the same global.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.owner, &other.owner) && self.cell == other.cell
    }

    pub(crate) fn address(&self) -> u64 {
        self.cell.expose_provenance() as u64
    }

    pub(crate) fn bits(&self) -> u128 {
        // SAFETY: the owner keeps the cell, and only this thread uses it.
        unsafe { self.cell.read() }
    }

    /// Its value.
    #[must_use]
    pub fn get(&self) -> Val {
        // SAFETY: what is in a global of this type is such a value, and alive.
        unsafe { Val::from_bits(self.ty.content, self.bits()) }
    }

    /// Assigns it.
    ///
    /// # Errors
    /// [`TrapKind::Host`] when it is constant or has another type.
    pub fn set(&self, value: &Val) -> Result<(), Trap> {
        if self.ty.mutability == Mutability::Const || value.ty() != self.ty.content {
            return Err(TrapKind::Host.into());
        }
        self.put(value);
        Ok(())
    }

    fn put(&self, value: &Val) {
        if let Val::FuncRef(Some(func)) = value {
            self.keep(func);
        }
        self.put_bits(value.to_bits());
    }

    /// Keeps a function's owner alive as long as the global, and with it all that the owner can assign.
    pub(crate) fn keep(&self, func: &Func) {
        let mut keep = self.keep.borrow_mut();
        if !keep.iter().any(|kept| kept.same_owner(func)) {
            keep.push(func.clone());
        }
    }

    /// Writes a value of its type, whose function is kept alive by who it belongs to.
    pub(crate) fn put_bits(&self, bits: u128) {
        // SAFETY: as for reading.
        unsafe { self.cell.write(bits) };
    }
}
