//! From places to values: a frame of the canonical state, read from a stopped machine.

use alloc::vec::Vec;
use core::fmt;

use midstride_frame::Register;

use crate::canonical::Frame;
use crate::compact::read::CompactMap;
use crate::compact::site::{Place, Site, SiteState, Slot};
use crate::value::{ValType, Value};

/// A stopped machine, and where the compiler's frames have their homes.
pub trait MachineValues {
    /// The bits in the home of a local or operand of this type, zero-extended; `None` when that memory
    /// cannot be read.
    fn home(&self, slot: Slot, ty: ValType) -> Option<u128>;

    /// The bits of a register: 64 of a general register, 128 of a vector register.
    fn register(&self, register: Register) -> Option<u128>;

    /// rflags.
    fn flags(&self) -> Option<u64>;

    /// What these bits mean as a reference: machines hold pointers, the canonical state holds numbers.
    /// `None` when they mean nothing.
    fn reference(&self, ty: ValType, bits: u64) -> Option<Value> {
        Value::from_bits(ty, u128::from(bits))
    }
}

/// A value that the machine does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ResolveError {
    /// Its place cannot be read.
    Unreadable {
        /// Whose value.
        slot: Slot,
        /// Where it should be.
        place: Place,
    },
    /// Bits that are no reference.
    BadReference {
        /// Whose value.
        slot: Slot,
        /// The bits.
        bits: u64,
    },
    /// It is a copy of a copy, or of a local that does not exist.
    BadCopy {
        /// Whose value.
        slot: Slot,
        /// The local it should be a copy of.
        local: u32,
    },
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { slot, place } => write!(f, "{slot} cannot be read from {place:?}"),
            Self::BadReference { slot, bits } => write!(f, "{slot} holds {bits:#x}, which is no reference"),
            Self::BadCopy { slot, local } => write!(f, "{slot} cannot be a copy of local {local}"),
        }
    }
}

impl core::error::Error for ResolveError {}

impl CompactMap<'_> {
    /// The frame that stands at a site, as the canonical state has it.
    ///
    /// # Errors
    /// [`ResolveError`]: a value cannot be read.
    pub fn read_frame(
        &self,
        function: u32,
        site: &Site,
        state: &SiteState,
        machine: &impl MachineValues,
    ) -> Result<Frame, ResolveError> {
        let reader = Reader { map: self, state, machine };
        Ok(Frame {
            function,
            wasm_offset: site.wasm_offset,
            phase: site.phase,
            locals: reader.locals()?,
            operands: reader.operands()?,
        })
    }
}

struct Reader<'r, 'a, M> {
    map: &'r CompactMap<'a>,
    state: &'r SiteState,
    machine: &'r M,
}

impl<M: MachineValues> Reader<'_, '_, M> {
    fn locals(&self) -> Result<Vec<Value>, ResolveError> {
        let mut values = Vec::with_capacity(self.map.locals() as usize);
        let mut elsewhere = self.state.locals().iter().peekable();
        for (count, ty) in self.map.local_groups() {
            for _ in 0..count {
                let index = values.len() as u32;
                let place =
                    elsewhere.next_if(|(local, _)| *local == index).map_or(Place::Home, |(_, place)| *place);
                values.push(self.value(Slot::Local(index), ty, place)?);
            }
        }
        Ok(values)
    }

    fn operands(&self) -> Result<Vec<Value>, ResolveError> {
        let mut values = Vec::with_capacity(self.state.operands().len());
        for (index, operand) in (0..).zip(self.state.operands()) {
            values.push(self.value(Slot::Operand(index), operand.ty, operand.place)?);
        }
        Ok(values)
    }

    fn value(&self, slot: Slot, ty: ValType, place: Place) -> Result<Value, ResolveError> {
        let bits = match place {
            Place::Local(local) => return self.copy(slot, ty, local),
            Place::Home => self.machine.home(slot, ty),
            Place::Register(register) => self.machine.register(register),
            Place::Constant(bits) => return self.constant(slot, ty, bits),
            Place::Flags(condition) => self.machine.flags().map(|flags| u128::from(condition.holds(flags))),
        };
        let bits = bits.ok_or(ResolveError::Unreadable { slot, place })?;
        let value = match ty.is_reference() {
            true => self.machine.reference(ty, bits as u64),
            false => Value::from_bits(ty, bits),
        };
        value.ok_or(ResolveError::BadReference { slot, bits: bits as u64 })
    }

    /// Constants are canonical bits, never a machine's pointers.
    fn constant(&self, slot: Slot, ty: ValType, bits: u64) -> Result<Value, ResolveError> {
        Value::from_bits(ty, u128::from(bits)).ok_or(ResolveError::BadReference { slot, bits })
    }

    fn copy(&self, slot: Slot, ty: ValType, local: u32) -> Result<Value, ResolveError> {
        let place = self.state.local(local);
        let known = self.map.local_type(local) == Some(ty);
        if !known || matches!(place, Place::Local(_)) {
            return Err(ResolveError::BadCopy { slot, local });
        }
        self.value(Slot::Local(local), ty, place)
    }
}
