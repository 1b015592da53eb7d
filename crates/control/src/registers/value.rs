//! Values of registers of any kind.

use core::fmt;

use midstride_frame::Register;

use super::vector::Vector;
use super::x87::F80;
use super::{Registers, Valid, changed_flags};

/// The value of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// Up to 64 bits: general registers, rip, rflags, bases, masks, control and status words.
    Word(u64),
    /// A vector register.
    Vector(Vector),
    /// An x87 register.
    Float(F80),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) if *word < 10 => write!(f, "{word}"),
            Self::Word(word) if word.cast_signed() < 0 && word.cast_signed() > i64::from(i32::MIN) => {
                write!(f, "{word:x} ({})", word.cast_signed())
            }
            Self::Word(word) if *word <= u64::from(u32::MAX) => write!(f, "{word:x} ({word})"),
            Self::Word(word) => write!(f, "{word:x}"),
            Self::Vector(vector) => write!(f, "{vector}"),
            Self::Float(float) => write!(f, "{float}"),
        }
    }
}

impl From<u64> for Value {
    fn from(word: u64) -> Self {
        Self::Word(word)
    }
}

impl From<Vector> for Value {
    fn from(vector: Vector) -> Self {
        Self::Vector(vector)
    }
}

impl From<F80> for Value {
    fn from(float: F80) -> Self {
        Self::Float(float)
    }
}

/// A register was not set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoSuchValue {
    /// The processor does not have it, or it is not enabled.
    Invalid {
        /// Which.
        register: Register,
    },
    /// It cannot hold this value.
    Unfit {
        /// Which.
        register: Register,
    },
}

impl fmt::Display for NoSuchValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { register } => write!(f, "there is no {register} here"),
            Self::Unfit { register } => write!(f, "{register} cannot hold this value"),
        }
    }
}

impl core::error::Error for NoSuchValue {}

/// Bits of MXCSR that every processor in 64-bit mode has.
const MXCSR_BITS: u64 = 0xffff;

/// Whether an address has its upper 17 bits all alike.
pub(crate) const fn is_canonical(address: u64) -> bool {
    let high = address.cast_signed() >> 47;
    high == 0 || high == -1
}

impl Registers {
    /// The value of a register; `None` for one that is not [valid](Self::valid).
    #[must_use]
    pub fn get(&self, register: Register) -> Option<Value> {
        if !self.valid.contains(register) {
            return None;
        }
        if let Some(word) = self.word(register) {
            return Some(Value::Word(word));
        }
        let vector = register.vector_number().map(|n| Value::Vector(self.vector[usize::from(n)]));
        let float = register.x87_number().map(|n| Value::Float(self.x87.st[usize::from(n)]));
        vector.or(float)
    }

    /// Changes a register. Of rflags, ID and the bits that user mode cannot change stay as they are.
    ///
    /// # Errors
    /// [`NoSuchValue`], with nothing changed: the register is not there, or the value is not of its kind, too
    /// wide, or one that the processor would not load.
    pub fn set(&mut self, register: Register, value: Value) -> Result<(), NoSuchValue> {
        if !self.valid.contains(register) {
            return Err(NoSuchValue::Invalid { register });
        }
        let set = match value {
            Value::Word(word) => self.set_word(register, word),
            Value::Vector(vector) => self.set_vector(register, vector),
            Value::Float(float) => {
                register.x87_number().map(|number| self.x87.st[usize::from(number)] = float)
            }
        };
        set.ok_or(NoSuchValue::Unfit { register })
    }

    fn word(&self, register: Register) -> Option<u64> {
        match register {
            Register::FS_BASE => Some(self.fs_base),
            Register::GS_BASE => Some(self.gs_base),
            Register::MXCSR => Some(self.mxcsr.into()),
            Register::FCW => Some(self.x87.control.into()),
            Register::FSW => Some(self.x87.status.into()),
            _ => match register.mask_number() {
                Some(number) => Some(self.mask[usize::from(number)]),
                None => self.gpr.get(register),
            },
        }
    }

    fn set_word(&mut self, register: Register, word: u64) -> Option<()> {
        match register {
            Register::FS_BASE => self.fs_base = Some(word).filter(|base| is_canonical(*base))?,
            Register::GS_BASE => self.gs_base = Some(word).filter(|base| is_canonical(*base))?,
            Register::MXCSR => self.mxcsr = Some(word).filter(|bits| bits & !MXCSR_BITS == 0)? as u32,
            Register::FCW => self.x87.control = u16::try_from(word).ok()?,
            Register::FSW => self.x87.status = u16::try_from(word).ok()?,
            Register::RFLAGS => self.gpr.rflags = changed_flags(self.gpr.rflags, word),
            _ => match register.mask_number() {
                Some(number) => self.mask[usize::from(number)] = word,
                None => *self.gpr.get_mut(register)? = word,
            },
        }
        Some(())
    }

    fn set_vector(&mut self, register: Register, vector: Vector) -> Option<()> {
        let number = usize::from(register.vector_number()?);
        let room = if number < 16 { self.valid.vector_bytes() } else { 64 };
        let fits = vector.0[room..].iter().all(|byte| *byte == 0);
        fits.then(|| self.vector[number] = vector)
    }
}

impl Registers {
    /// Whether a processor that has the registers `valid` loads these without a fault: the bases are addresses,
    /// MXCSR has no reserved bit, and there is nothing that the processor lacks.
    #[must_use]
    pub fn is_loadable(&self, valid: Valid) -> bool {
        let bases = is_canonical(self.fs_base) && is_canonical(self.gs_base);
        let there = self.valid.components() & !valid.components() == 0;
        bases && there && u64::from(self.mxcsr) & !MXCSR_BITS == 0
    }
}
