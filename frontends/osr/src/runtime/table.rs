//! Tables.

use std::cell::{RefCell, UnsafeCell};
use std::rc::Rc;

use super::layout::TableDesc;
use crate::func::Func;
use crate::trap::{Trap, TrapKind};
use crate::types::{Limits, TableType, ValType};
use crate::value::Val;

/// A table of references.
///
/// Clones are the same table. It keeps the functions of other instances that were put into it alive.
#[derive(Clone, Debug)]
pub struct Table(Rc<TableInner>);

#[derive(Debug)]
struct TableInner {
    desc: UnsafeCell<TableDesc>,
    elements: RefCell<Vec<u64>>,
    ty: TableType,
    keep: RefCell<Vec<Func>>,
}

/// Most elements a table can have, so that its memory can be had.
const MOST: u32 = 10_000_000;

impl Table {
    /// A table full of `value`.
    ///
    /// # Errors
    /// [`TrapKind::TableOutOfBounds`] when it would be too large, or holds another type.
    pub fn new(ty: TableType, value: &Val) -> Result<Self, Trap> {
        if ty.limits.min > MOST || value.ty() != ty.element {
            return Err(TrapKind::TableOutOfBounds.into());
        }
        let elements = RefCell::default();
        let desc = UnsafeCell::new(TableDesc { elements: 0, len: 0 });
        let table = Self(Rc::new(TableInner { desc, elements, ty, keep: RefCell::default() }));
        table.extend(ty.limits.min, table.adopt(value));
        Ok(table)
    }

    pub(crate) fn desc_address(&self) -> u64 {
        self.0.desc.get().expose_provenance() as u64
    }

    /// Its type, with its present size.
    #[must_use]
    pub fn ty(&self) -> TableType {
        TableType { limits: Limits { min: self.size(), ..self.0.ty.limits }, ..self.0.ty }
    }

    /// Its size in elements.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.0.elements.borrow().len() as u32
    }

    /// Whether both are the same table.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// The bits of a value, whose function is kept alive.
    fn adopt(&self, value: &Val) -> u64 {
        if let Val::FuncRef(Some(func)) = value {
            let mut keep = self.0.keep.borrow_mut();
            if !keep.iter().any(|kept| kept.same_owner(func)) {
                keep.push(func.clone());
            }
        }
        value.to_bits() as u64
    }

    fn extend(&self, by: u32, bits: u64) {
        let mut elements = self.0.elements.borrow_mut();
        let len = elements.len() + by as usize;
        elements.resize(len, bits);
        let address = elements.as_mut_ptr().expose_provenance() as u64;
        // SAFETY: only this thread has it, and nobody keeps a reference to it.
        unsafe { *self.0.desc.get() = TableDesc { elements: address, len: len as u64 } };
    }

    /// An element.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<Val> {
        let bits = *self.0.elements.borrow().get(index as usize)?;
        // SAFETY: what is in a table is kept alive: by it, or by the instance it belongs to.
        Some(unsafe { Val::from_bits(self.0.ty.element, bits.into()) })
    }

    /// Replaces an element.
    ///
    /// # Errors
    /// [`TrapKind::TableOutOfBounds`], also for a value of another type.
    pub fn set(&self, index: u32, value: &Val) -> Result<(), Trap> {
        self.check_type(value)?;
        let bits = self.adopt(value);
        self.set_bits(index, bits)
    }

    fn check_type(&self, value: &Val) -> Result<(), Trap> {
        if value.ty() == self.0.ty.element { Ok(()) } else { Err(TrapKind::TableOutOfBounds.into()) }
    }

    /// Adds elements; the size before, or `None` when it cannot grow so far.
    pub fn grow(&self, by: u32, value: &Val) -> Option<u32> {
        self.check_type(value).ok()?;
        let bits = self.adopt(value);
        self.grow_bits(by, bits)
    }

    // What compiled code does; the references are ones that it holds.

    pub(crate) fn element_type(&self) -> ValType {
        self.0.ty.element
    }

    pub(crate) fn get_bits(&self, index: u32) -> Result<u64, Trap> {
        let element = self.0.elements.borrow().get(index as usize).copied();
        element.ok_or_else(|| TrapKind::TableOutOfBounds.into())
    }

    pub(crate) fn set_bits(&self, index: u32, bits: u64) -> Result<(), Trap> {
        let mut elements = self.0.elements.borrow_mut();
        *elements.get_mut(index as usize).ok_or(TrapKind::TableOutOfBounds)? = bits;
        Ok(())
    }

    pub(crate) fn grow_bits(&self, by: u32, bits: u64) -> Option<u32> {
        let old = self.size();
        let new = old.checked_add(by)?;
        if new > self.0.ty.limits.max.unwrap_or(MOST).min(MOST) {
            return None;
        }
        self.extend(by, bits);
        Some(old)
    }

    pub(crate) fn fill_bits(&self, index: u32, bits: u64, len: u32) -> Result<(), Trap> {
        let mut elements = self.0.elements.borrow_mut();
        range_of(&mut elements, index, len)?.fill(bits);
        Ok(())
    }

    /// Copies elements that belong to someone into this table, who is kept alive.
    pub(crate) fn write_bits(&self, index: u32, bits: &[u64]) -> Result<(), Trap> {
        let mut elements = self.0.elements.borrow_mut();
        range_of(&mut elements, index, bits.len() as u32)?.copy_from_slice(bits);
        Ok(())
    }

    pub(crate) fn read_bits(&self, index: u32, len: u32) -> Result<Vec<u64>, Trap> {
        let mut elements = self.0.elements.borrow_mut();
        Ok(range_of(&mut elements, index, len)?.to_vec())
    }

    /// Keeps a function's owner alive as long as the table.
    pub(crate) fn keep(&self, func: &Func) {
        self.adopt(&Val::FuncRef(Some(func.clone())));
    }
}

fn range_of(elements: &mut [u64], index: u32, len: u32) -> Result<&mut [u64], Trap> {
    let (start, len) = (index as usize, len as usize);
    elements.get_mut(start..start + len).ok_or_else(|| TrapKind::TableOutOfBounds.into())
}
