//! When a breakpoint counts: data, so that any backend can judge it anywhere.

use core::fmt;

use midstride_frame::Register;

/// How a register is compared, as an unsigned number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Relation {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// Below.
    Below,
    /// Above or equal.
    AtLeast,
}

/// A condition on one register of up to 64 bits: `register & mask` compared with `value`.
///
/// ```
/// use midstride_control::{Condition, Registers, Relation, Valid};
/// use midstride_frame::Register;
///
/// let low_byte = Condition { mask: 0xff, ..Condition::new(Register::RCX, Relation::Equal, 3) };
/// let mut registers = Registers::new(Valid::INTEGER);
/// registers.gpr.rcx = 0x1203;
/// assert!(low_byte.holds(registers.gpr.rcx));
/// assert_eq!(low_byte.to_string(), "rcx & ff == 3");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Condition {
    /// Which register.
    pub register: Register,
    /// Which of its bits count.
    pub mask: u64,
    /// How it is compared.
    pub relation: Relation,
    /// With what.
    pub value: u64,
}

impl Condition {
    /// A condition on all bits of a register.
    #[must_use]
    pub const fn new(register: Register, relation: Relation, value: u64) -> Self {
        Self { register, mask: u64::MAX, relation, value }
    }

    /// Whether it holds while the register is `word`.
    #[must_use]
    pub const fn holds(&self, word: u64) -> bool {
        let word = word & self.mask;
        match self.relation {
            Relation::Equal => word == self.value,
            Relation::NotEqual => word != self.value,
            Relation::Below => word < self.value,
            Relation::AtLeast => word >= self.value,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relation = match self.relation {
            Relation::Equal => "==",
            Relation::NotEqual => "!=",
            Relation::Below => "<",
            Relation::AtLeast => ">=",
        };
        write!(f, "{}", self.register)?;
        if self.mask != u64::MAX {
            write!(f, " & {:x}", self.mask)?;
        }
        write!(f, " {relation} {:x}", self.value)
    }
}
