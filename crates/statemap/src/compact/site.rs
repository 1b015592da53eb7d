//! What is known at a site.

use alloc::vec::Vec;
use core::fmt;

use midstride_frame::Register;

use crate::canonical::Phase;
use crate::value::ValType;

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Place {
    /// In the memory slot that belongs to its index. Costs nothing in a map.
    #[default]
    Home,
    /// In a general register (integers, references) or a vector register (floats, vectors).
    Register(Register),
    /// Known when the code was written: bits as in [`Value::bits`](crate::Value::bits), zero-extended.
    Constant(u64),
    /// The same as the value of this local, which is not itself a copy: a `local.get` not yet carried out.
    Local(u32),
    /// 1 if the flags satisfy the condition, else 0: a comparison not yet turned into a number.
    Flags(Condition),
}

/// A condition of x86-64 by its code, 0 to 15: o no b ae e ne be a s ns p np l ge le g.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Condition(u8);

impl Condition {
    /// The condition with this code; `None` above 15.
    #[must_use]
    pub const fn new(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// Its code, as in the low four bits of `jcc` (Intel SDM volume 2, appendix B.1.4.7).
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Whether these flags (rflags) satisfy it.
    #[must_use]
    pub const fn holds(self, rflags: u64) -> bool {
        let [carry, parity, zero] = [rflags & 1 != 0, rflags & 4 != 0, rflags & 0x40 != 0];
        let [sign, overflow] = [rflags & 0x80 != 0, rflags & 0x800 != 0];
        let even = match self.0 >> 1 {
            0 => overflow,
            1 => carry,
            2 => zero,
            3 => carry || zero,
            4 => sign,
            5 => parity,
            6 => sign != overflow,
            _ => zero || sign != overflow,
        };
        even != (self.0 & 1 == 1)
    }
}

/// An element of the operand stack.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Operand {
    /// Its type.
    pub ty: ValType,
    /// Where it is.
    pub place: Place,
}

/// One local or operand, by its index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Slot {
    /// A local; parameters come first.
    Local(u32),
    /// An element of the operand stack; 0 is the bottom.
    Operand(u32),
}

impl Slot {
    /// Its index among locals or operands.
    #[must_use]
    pub const fn index(self) -> u32 {
        match self {
            Self::Local(index) | Self::Operand(index) => index,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(index) => write!(f, "local {index}"),
            Self::Operand(index) => write!(f, "operand {index}"),
        }
    }
}

/// What kind of site it is.
///
/// ```
/// use midstride_statemap::{Phase, SiteKind};
///
/// assert_eq!(SiteKind::from(Phase::Loop), SiteKind { phase: Phase::Loop, note: 0 });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SiteKind {
    /// Where in the operator.
    pub phase: Phase,
    /// The compiler's to define, like the reason of a trap. 0 costs nothing, others two bytes.
    pub note: u8,
}

impl From<Phase> for SiteKind {
    fn from(phase: Phase) -> Self {
        Self { phase, note: 0 }
    }
}

/// A place in the code at which a frame can be described.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Site {
    /// Its number in the function, from 0, in the order of code and wasm offsets.
    pub index: u32,
    /// Bytes from the start of the function's code.
    pub code_offset: u32,
    /// Bytes from the start of the function's body.
    pub wasm_offset: u32,
    /// Where in the operator.
    pub phase: Phase,
    /// What the compiler noted.
    pub note: u8,
}

/// Where everything is at a site. Reused from one look-up to the next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SiteState {
    pub(super) locals: Vec<(u32, Place)>,
    pub(super) operands: Vec<Operand>,
    /// Of the record that was read last.
    pub(super) note: u8,
}

impl SiteState {
    /// Where a local is.
    #[must_use]
    pub fn local(&self, index: u32) -> Place {
        match self.locals.binary_search_by_key(&index, |(local, _)| *local) {
            Ok(at) => self.locals[at].1,
            Err(_) => Place::Home,
        }
    }

    /// Locals that are not at home, by index.
    #[must_use]
    pub fn locals(&self) -> &[(u32, Place)] {
        &self.locals
    }

    /// The operand stack, bottom first.
    #[must_use]
    pub fn operands(&self) -> &[Operand] {
        &self.operands
    }

    pub(super) fn clear(&mut self) {
        self.locals.clear();
        self.operands.clear();
    }

    pub(super) fn set_local(&mut self, index: u32, place: Place) {
        let found = self.locals.binary_search_by_key(&index, |(local, _)| *local);
        match (found, place) {
            (Ok(at), Place::Home) => drop(self.locals.remove(at)),
            (Ok(at), _) => self.locals[at].1 = place,
            (Err(_), Place::Home) => {}
            (Err(at), _) => self.locals.insert(at, (index, place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_those_of_the_processor() {
        let holding = |rflags: u64| -> Vec<u8> {
            (0..16).filter(|code| Condition::new(*code).unwrap().holds(rflags)).collect()
        };
        // Nothing set: no, ae, ne, a, ns, np, ge, g.
        assert_eq!(holding(0), [1, 3, 5, 7, 9, 11, 13, 15]);
        // Carry: b and be instead of ae and a.
        assert_eq!(holding(1), [1, 2, 5, 6, 9, 11, 13, 15]);
        // Zero: e, be, le.
        assert_eq!(holding(0x40), [1, 3, 4, 6, 9, 11, 13, 14]);
        // Sign without overflow: s, l, le.
        assert_eq!(holding(0x80), [1, 3, 5, 7, 8, 11, 12, 14]);
        // Sign and overflow: o, s, ge, g.
        assert_eq!(holding(0x880), [0, 3, 5, 7, 8, 11, 13, 15]);
        assert_eq!(Condition::new(16), None);
    }
}
