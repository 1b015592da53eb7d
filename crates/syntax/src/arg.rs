//! Operands with their values, and how they get into an instruction.

use iced_x86::{Instruction, OpKind, Register};

use crate::error::{Error, ErrorKind, Unencodable};
use crate::operand::{Operand, OperandKind};
use crate::shape::{Class, Shape};
use crate::span::Span;
use crate::value::{Linear, Scope, Term};

/// An operand with its value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Arg {
    Register(Register),
    Number { value: i128, bytes: Option<usize> },
    Memory(Memory),
}

/// A memory operand.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Memory {
    pub(crate) bytes: Option<usize>,
    segment: Option<Register>,
    base: Register,
    index: Register,
    scale: u32,
    displacement: i64,
    /// Whether the displacement may change while sizes are found.
    symbolic: bool,
    place: Place,
}

/// How an address without a base or index is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// By a 64-bit address, mostly of 32 bits with a sign.
    Absolute,
    /// By a 32-bit address without a sign.
    Low,
    /// Relative to rip, for this address.
    Target,
    /// Relative to rip: for this address and the length of the instruction.
    Ahead,
}

impl Arg {
    pub(crate) fn new(operand: &Operand, scope: &Scope<'_>) -> Result<Self, Error> {
        Ok(match &operand.kind {
            OperandKind::Register(register) => Self::Register(*register),
            OperandKind::Number(expr) => {
                Self::Number { value: Linear::number_of(expr, scope)?, bytes: operand.bytes }
            }
            OperandKind::Memory { segment, relative, address } => {
                let value = Linear::evaluate(address, scope)?;
                let memory = Memory::new(&value, scope.here, address.span)?;
                let place = if *relative { Place::Target } else { memory.place };
                Self::Memory(Memory { segment: *segment, bytes: operand.bytes, place, ..memory })
            }
        })
    }

    /// The ways in which the operand can be understood, the usual one first.
    pub(crate) fn readings(self) -> impl Iterator<Item = Self> {
        let places: &[Place] = match &self {
            Self::Memory(memory) => memory.places(),
            _ => &[Place::Absolute],
        };
        places.iter().map(move |place| match self {
            Self::Memory(memory) => Self::Memory(Memory { place: *place, ..memory }),
            other => other,
        })
    }

    /// Makes it operand `index` of `insn`, where `shape` is wanted; `None` when it does not fit.
    pub(crate) fn put(&self, insn: &mut Instruction, index: u32, shape: Shape) -> Option<()> {
        match (self, shape) {
            (Self::Register(register), shape) => put_register(insn, index, *register, shape),
            (Self::Number { value, .. }, shape) => put_number(insn, index, *value, shape),
            (Self::Memory(memory), shape) => memory.put(insn, index, shape),
        }
    }
}

fn put_register(insn: &mut Instruction, index: u32, register: Register, shape: Shape) -> Option<()> {
    let fits = match shape {
        Shape::Register(class) | Shape::RegisterOrMemory(class) => class.contains(register),
        Shape::Fixed(fixed) => fixed == register,
        _ => false,
    };
    insn.try_set_op_kind(index, OpKind::Register).ok()?;
    fits.then(|| insn.set_op_register(index, register))
}

fn put_number(insn: &mut Instruction, index: u32, value: i128, shape: Shape) -> Option<()> {
    let kind = match shape {
        Shape::Number(number) if number.fits(value) => number.kind,
        Shape::One if value == 1 => OpKind::Immediate8,
        Shape::Nibble if (0..16).contains(&value) => OpKind::Immediate8,
        Shape::Branch(_) => {
            insn.try_set_op_kind(index, OpKind::NearBranch64).ok()?;
            insn.set_near_branch64(value as u64);
            return Some(());
        }
        _ => return None,
    };
    // `enter` and `extrq` have a second number.
    let has_number = (0..index).any(|before| is_number(insn.op_kind(before)));
    let kind = if has_number { OpKind::Immediate8_2nd } else { kind };
    insn.try_set_op_kind(index, kind).ok()?;
    insn.try_set_immediate_i64(index, value as i64).ok()
}

fn is_number(kind: OpKind) -> bool {
    matches!(kind, OpKind::Immediate8 | OpKind::Immediate16)
}

impl Memory {
    /// `[rcx + index + 40h]`, with an index for vector addressing only.
    pub(crate) fn sample(class: Class) -> Self {
        let index = if class == Class::R64 { Register::None } else { class.sample() };
        Self { base: Register::RCX, index, displacement: 0x40, ..Self::at(0) }
    }

    /// `[base]`
    pub(crate) fn based(base: Register) -> Self {
        Self { base, ..Self::at(0) }
    }

    pub(crate) fn at(displacement: i64) -> Self {
        Self {
            bytes: None,
            segment: None,
            base: Register::None,
            index: Register::None,
            scale: 1,
            displacement,
            symbolic: false,
            place: Place::Absolute,
        }
    }

    fn new(value: &Linear, here: u64, span: Span) -> Result<Self, Error> {
        let no_address = Error::new(span, ErrorKind::NotAnAddress);
        let unsigned = u64::try_from(value.number).ok().map(u64::cast_signed);
        let displacement = i64::try_from(value.number).ok().or(unsigned).ok_or(no_address)?;
        let mut memory = Self { symbolic: value.symbolic, ..Self::at(displacement) };
        memory.place = if value.symbolic { Place::Target } else { Place::Absolute };
        let (base, index) = roles(value.terms()).ok_or(no_address)?;
        memory.base = base.map_or(Register::None, |term| term.register);
        if let Some(index) = index {
            memory.index = index.register;
            memory.scale = u32::try_from(index.factor).map_err(|_| no_address)?;
        }
        if memory.is_relative() && !value.symbolic {
            memory.place = Place::Ahead;
            memory.displacement = memory.displacement.wrapping_add_unsigned(here);
        }
        if [1, 2, 4, 8].contains(&memory.scale) { Ok(memory) } else { Err(no_address) }
    }

    fn is_relative(&self) -> bool {
        [Register::RIP, Register::EIP].contains(&self.base)
    }

    fn is_plain(&self) -> bool {
        self.base == Register::None && self.index == Register::None
    }

    fn places(&self) -> &'static [Place] {
        match self.place {
            Place::Ahead => &[Place::Ahead],
            _ if !self.is_plain() => &[Place::Target],
            Place::Target => &[Place::Target, Place::Absolute],
            // Above 2 GiB, 32 bits have to be without a sign. Below, only operands that are addresses
            // themselves ask for that.
            _ => match (u32::try_from(self.displacement), i32::try_from(self.displacement)) {
                (Ok(_), Ok(_)) => &[Place::Absolute, Place::Low],
                (Ok(_), Err(_)) => &[Place::Low, Place::Target, Place::Absolute],
                _ => &[Place::Absolute, Place::Target],
            },
        }
    }

    /// Why no form encodes it, as far as that is its own fault.
    pub(crate) fn fault(&self) -> Option<Unencodable> {
        let stack = [Register::RSP, Register::ESP].contains(&self.index);
        let far = !self.is_plain() && !self.is_relative() && i32::try_from(self.displacement).is_err();
        let fault = [(stack, Unencodable::StackIndex), (far, Unencodable::OutOfReach)];
        fault.into_iter().find(|(applies, _)| *applies).map(|(_, reason)| reason)
    }

    fn put(&self, insn: &mut Instruction, index: u32, shape: Shape) -> Option<()> {
        match shape {
            Shape::Memory(class) if self.has_index_of(class) => self.put_address(insn, index),
            Shape::RegisterOrMemory(_) if self.has_index_of(Class::R64) => self.put_address(insn, index),
            Shape::Offset if self.is_plain() && self.place != Place::Target => self.put_address(insn, index),
            Shape::String(bases) => self.put_string(insn, index, bases),
            Shape::Table if self.is_table() => Self { index: Register::AL, ..*self }.put_address(insn, index),
            _ => None,
        }
    }

    fn is_table(&self) -> bool {
        let base = [Register::RBX, Register::EBX].contains(&self.base);
        base && self.displacement == 0 && [Register::None, Register::AL].contains(&self.index)
    }

    fn has_index_of(&self, class: Class) -> bool {
        match class {
            Class::R64 => !self.index.is_vector_register() && self.index != Register::AL,
            class => class.contains(self.index),
        }
    }

    fn put_address(&self, insn: &mut Instruction, index: u32) -> Option<()> {
        insn.try_set_op_kind(index, OpKind::Memory).ok()?;
        insn.set_memory_index(self.index);
        insn.set_memory_index_scale(self.scale);
        insn.set_memory_displacement64(self.address(0));
        let relative = self.is_plain() && self.place == Place::Target;
        insn.set_memory_base(if relative { Register::RIP } else { self.base });
        insn.set_memory_displ_size(self.displacement_bytes());
        self.put_segment(insn);
        Some(())
    }

    /// As iced wants to have it: 0 for none, 1 for what is as short as possible, else the size of addresses.
    fn displacement_bytes(&self) -> u32 {
        let narrow = self.base.is_gpr32() || self.index.is_gpr32() || self.base == Register::EIP;
        let low = self.is_plain() && self.place == Place::Low;
        match (self.is_plain() || self.is_relative(), self.symbolic) {
            (false, false) if self.displacement == 0 => 0,
            (false, false) => 1,
            _ if narrow || low => 4,
            _ => 8,
        }
    }

    /// Sets the segment, unless it is the one that is used anyway.
    fn put_segment(&self, insn: &mut Instruction) {
        let Some(segment) = self.segment else { return };
        insn.set_segment_prefix(Register::None);
        if insn.memory_segment() != segment {
            insn.set_segment_prefix(segment);
        }
    }

    fn put_string(&self, insn: &mut Instruction, index: u32, bases: &[(Register, OpKind)]) -> Option<()> {
        let (_, kind) = bases.iter().find(|(base, _)| *base == self.base)?;
        if self.index != Register::None || self.displacement != 0 {
            return None;
        }
        insn.try_set_op_kind(index, *kind).ok()?;
        let fixed = matches!(kind, OpKind::MemoryESRDI | OpKind::MemoryESEDI);
        match self.segment {
            Some(Register::ES) | None if fixed => {}
            _ if fixed => return None,
            _ => self.put_segment(insn),
        }
        Some(())
    }

    /// The displacement or target, with `len` bytes of an instruction that it lies ahead of.
    fn address(&self, len: u64) -> u64 {
        let address = self.displacement.cast_unsigned().wrapping_add(len);
        if self.base == Register::EIP { address & u64::from(u32::MAX) } else { address }
    }

    /// Corrects the target of an instruction that is known now to be `len` bytes long; says whether there was
    /// something to correct.
    pub(crate) fn settle(&self, insn: &mut Instruction, len: u64) -> bool {
        let ahead = self.place == Place::Ahead;
        if ahead {
            insn.set_memory_displacement64(self.address(len));
        }
        ahead
    }
}

/// Base and index among the registers of a sum. What has an explicit factor is an index; so is a vector
/// register; so is the second one, unless it is rsp.
fn roles(terms: &[Term]) -> Option<(Option<Term>, Option<Term>)> {
    let can_be_base = |term: &Term| !term.explicit && term.factor == 1 && !term.register.is_vector_register();
    let is_stack = |term: &Term| [Register::RSP, Register::ESP].contains(&term.register);
    match terms {
        [] => Some((None, None)),
        [one] if can_be_base(one) => Some((Some(*one), None)),
        [one] => Some((None, Some(*one))),
        [one, two] if can_be_base(two) && (is_stack(two) || !can_be_base(one)) => {
            Some((Some(*two), Some(*one)))
        }
        [one, two] if can_be_base(one) => Some((Some(*one), Some(*two))),
        _ => None,
    }
}
