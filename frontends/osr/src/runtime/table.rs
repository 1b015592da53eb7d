//! Tables.

use std::cell::{Cell, RefCell, UnsafeCell};
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
    /// Those of the table, as many as its descriptor says, and behind them some that are prepared.
    elements: RefCell<Vec<u64>>,
    /// What the prepared ones are.
    prepared: Cell<u64>,
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
        let (prepared, keep) = (Cell::new(0), RefCell::default());
        let table = Self(Rc::new(TableInner { desc, elements, prepared, ty, keep }));
        let all = table.grow_bits(ty.limits.min, table.adopt(value));
        all.map(|_| table).ok_or_else(|| TrapKind::TableOutOfBounds.into())
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
        // SAFETY: only this thread has it, and nobody keeps a reference to it.
        unsafe { (*self.0.desc.get()).len as u32 }
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

    /// An element.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<Val> {
        let bits = self.get_bits(index).ok()?;
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
        self.range(index, 1, |elements| elements[0])
    }

    pub(crate) fn set_bits(&self, index: u32, bits: u64) -> Result<(), Trap> {
        self.fill_bits(index, bits, 1)
    }

    /// Adds elements; the size before, or `None` when it cannot grow so far.
    pub(crate) fn grow_bits(&self, by: u32, bits: u64) -> Option<u32> {
        self.prepare(by, bits, by as usize)?;
        Some(self.add_prepared(by))
    }

    /// Puts up to `most` elements behind the last one, of `by` that are to be added; how many are missing
    /// still. `None` when it cannot grow so far.
    pub(crate) fn prepare(&self, by: u32, bits: u64, most: usize) -> Option<usize> {
        let size = self.size();
        let new = size.checked_add(by)?;
        if new > self.0.ty.limits.max.unwrap_or(MOST).min(MOST) {
            return None;
        }
        let mut elements = self.0.elements.borrow_mut();
        if self.0.prepared.replace(bits) != bits {
            elements.truncate(size as usize);
        }
        let missing = (new as usize).saturating_sub(elements.len());
        elements.try_reserve(missing).ok()?;
        let len = elements.len() + missing.min(most);
        elements.resize(len, bits);
        let address = elements.as_mut_ptr().expose_provenance() as u64;
        // SAFETY: only this thread has it, and nobody keeps a reference to it.
        unsafe { (*self.0.desc.get()).elements = address };
        Some(missing.saturating_sub(most))
    }

    /// Makes prepared elements the table's; its size before.
    pub(crate) fn add_prepared(&self, by: u32) -> u32 {
        let size = self.size();
        let there = self.0.elements.borrow().len() - size as usize;
        // SAFETY: only this thread has it, and nobody keeps a reference to it.
        unsafe { (*self.0.desc.get()).len += u64::from(by).min(there as u64) };
        size
    }

    /// Whether `len` elements at `index` are all inside.
    pub(crate) fn check(&self, index: u64, len: u64) -> Result<(), Trap> {
        self.range(index as u32, len as u32, |_| ())
    }

    fn range<R>(&self, index: u32, len: u32, action: impl FnOnce(&mut [u64]) -> R) -> Result<R, Trap> {
        let (size, mut elements) = (self.size() as usize, self.0.elements.borrow_mut());
        let (start, len) = (index as usize, len as usize);
        let part = elements[..size].get_mut(start..start + len).ok_or(TrapKind::TableOutOfBounds)?;
        Ok(action(part))
    }

    pub(crate) fn fill_bits(&self, index: u32, bits: u64, len: u32) -> Result<(), Trap> {
        self.range(index, len, |elements| elements.fill(bits))
    }

    /// Copies elements that belong to someone into this table, who is kept alive.
    pub(crate) fn write_bits(&self, index: u32, bits: &[u64]) -> Result<(), Trap> {
        self.range(index, bits.len() as u32, |elements| elements.copy_from_slice(bits))
    }

    pub(crate) fn read_bits(&self, index: u32, len: u32) -> Result<Vec<u64>, Trap> {
        self.range(index, len, |elements| elements.to_vec())
    }

    /// Keeps a function's owner alive as long as the table.
    pub(crate) fn keep(&self, func: &Func) {
        self.adopt(&Val::FuncRef(Some(func.clone())));
    }
}
