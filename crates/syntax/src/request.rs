//! An instruction with its values, and whether a form can carry it.

use alloc::vec::Vec;

use iced_x86::{
    Code, EncodingKind, FlowControl, Instruction, MandatoryPrefix, MemorySize, OpCodeInfo, Register,
};

use crate::arg::{Arg, Memory};
use crate::decorator::{Decorator, Prefix};
use crate::error::Error;
use crate::form::{AddressSize, Form, Slot, implied_arg};
use crate::shape::{self, Class, Shape};
use crate::size;
use crate::span::Span;
use crate::statement::{Distance, Written};
use crate::value::Scope;

/// An instruction with the values of its operands.
pub(crate) struct Request<'w> {
    pub(crate) written: &'w Written,
    pub(crate) args: Vec<Arg>,
}

/// How far a form got before something did not fit; what came further is what the user meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Misfit {
    /// The number of operands.
    Count,
    /// An operand.
    Operand(usize),
    /// A word in braces.
    Decorator(usize),
    /// A prefix.
    Prefix(usize),
    /// All of them together.
    Encoding(Code),
}

impl<'w> Request<'w> {
    pub(crate) fn new(written: &'w Written, scope: &Scope<'_>) -> Result<Self, Error> {
        let args = written.operands.iter().map(|operand| Arg::new(operand, scope));
        Ok(Self { written, args: args.collect::<Result<_, _>>()? })
    }

    /// The same with other operands.
    pub(crate) fn with(&self, args: Vec<Arg>) -> Self {
        Self { written: self.written, args }
    }

    /// The place of an operand in the source.
    pub(crate) fn span_of(&self, operand: usize) -> Span {
        self.written.operands.get(operand).map_or(self.written.name, |operand| operand.span)
    }

    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.args.iter().find_map(|arg| match arg {
            Arg::Memory(memory) => Some(memory),
            _ => None,
        })
    }

    /// The instruction in a form, with operands understood as in `args`.
    pub(crate) fn fit(&self, form: &Form, args: &[Arg]) -> Result<Instruction, Misfit> {
        let far = self.written.distance == Some(Distance::Far);
        if form.slots.len() != args.len() || args.is_empty() && form.far != far {
            return Err(Misfit::Count);
        }
        let mut insn = Instruction::default();
        insn.set_code(form.code);
        for (nth, (slot, arg)) in form.slots.iter().zip(args).enumerate() {
            self.put(form, *slot, arg, &mut insn).ok_or(Misfit::Operand(nth))?;
        }
        self.put_implied(form, &mut insn).ok_or(Misfit::Count)?;
        for (nth, (decorator, _)) in self.written.decorators.iter().enumerate() {
            decorate(&mut insn, *decorator).ok_or(Misfit::Decorator(nth))?;
        }
        self.check_mask(&insn)?;
        for (nth, (prefix, _)) in self.written.prefixes.iter().enumerate() {
            apply(&mut insn, *prefix).ok_or(Misfit::Prefix(nth))?;
        }
        Ok(insn)
    }

    /// Some forms need a mask.
    fn check_mask(&self, insn: &Instruction) -> Result<(), Misfit> {
        let needs = insn.code().op_code().require_op_mask_register();
        if needs && insn.op_mask() == Register::None { Err(Misfit::Decorator(0)) } else { Ok(()) }
    }

    fn put(&self, form: &Form, slot: Slot, arg: &Arg, insn: &mut Instruction) -> Option<()> {
        let index = match slot {
            Slot::Only(register) => return (*arg == Arg::Register(register)).then_some(()),
            Slot::Mask => return put_mask(insn, arg),
            Slot::Operand(index) => index,
        };
        let info = form.code.op_code();
        let shape = shape::of(info.op_kind(index));
        let fits = self.distance_fits(form, shape, arg) && self.size_fits(info, shape, arg);
        fits.then(|| arg.put(insn, index, shape)).flatten()
    }

    fn put_implied(&self, form: &Form, insn: &mut Instruction) -> Option<()> {
        let narrow = self.written.prefixes.iter().any(|(prefix, _)| *prefix == Prefix::Address(32));
        let size = if narrow { AddressSize::Bits32 } else { AddressSize::Bits64 };
        for (index, kind) in (0..).zip(form.code.op_code().op_kinds()) {
            if form.slots.contains(&Slot::Operand(index)) {
                continue;
            }
            let shape = shape::of(*kind);
            let number = form.number.map(|number| Arg::Number { value: number.into(), bytes: None });
            number.or_else(|| implied_arg(shape, size))?.put(insn, index, shape)?;
        }
        Some(())
    }

    fn distance_fits(&self, form: &Form, shape: Shape, arg: &Arg) -> bool {
        let far_size = matches!(arg, Arg::Memory(memory) if matches!(memory.bytes, Some(6 | 10)));
        match (self.written.distance, shape) {
            (Some(Distance::Far), _) => form.far,
            (Some(Distance::Short), Shape::Branch(bytes)) => bytes == 1,
            (Some(Distance::Short), _) => false,
            (Some(Distance::Near), Shape::Branch(bytes)) => bytes > 1,
            (Some(Distance::Near), _) => !form.far,
            (None, _) => !form.far || far_size,
        }
    }

    /// Whether the size that is written is one that the operand has in this form.
    fn size_fits(&self, info: &OpCodeInfo, shape: Shape, arg: &Arg) -> bool {
        match arg {
            Arg::Memory(Memory { bytes: Some(bytes), .. }) => {
                let broadcast = info.broadcast_memory_size();
                let is_broadcast = self.has_broadcast();
                let size = if is_broadcast { broadcast } else { info.memory_size() };
                let named = size::is_named(size.size());
                let element = is_broadcast && broadcast.element_size() == *bytes;
                // iced prints both sizes of descriptor tables the same way.
                let table = size == MemorySize::Fword10 && *bytes == 6;
                size.size() == *bytes || element || table || !named
            }
            Arg::Number { bytes: Some(1), .. } => matches!(shape, Shape::Number(number) if number.is_byte()),
            Arg::Number { bytes: Some(2), .. } => info.operand_size() == 16,
            _ => true,
        }
    }

    fn has_broadcast(&self) -> bool {
        self.written.decorators.iter().any(|(decorator, _)| matches!(decorator, Decorator::Broadcast(_)))
    }

    /// Whether a form is of 16 bits and nothing that is written says so.
    pub(crate) fn is_narrow_by_default(&self, form: &Form) -> bool {
        let info = form.code.op_code();
        let says = |shape| {
            matches!(
                shape,
                Shape::Register(Class::R16)
                    | Shape::RegisterOrMemory(_)
                    | Shape::Memory(_)
                    | Shape::Fixed(Register::AX)
            )
        };
        let asked = self.written.prefixes.iter().any(|(prefix, _)| matches!(prefix, Prefix::Operation(_)));
        let named = form.slots.iter().any(|slot| matches!(slot, Slot::Only(_)));
        info.operand_size() == 16
            && !asked
            && !named
            && !info.op_kinds().iter().any(|kind| says(shape::of(*kind)))
    }
}

fn put_mask(insn: &mut Instruction, arg: &Arg) -> Option<()> {
    match arg {
        Arg::Register(register) if register.is_k() => insn.set_op_mask(*register),
        _ => return None,
    }
    Some(())
}

/// Sets what a word in braces asks for, if the form has it.
fn decorate(insn: &mut Instruction, decorator: Decorator) -> Option<()> {
    let info = insn.code().op_code();
    let registers_only = insn.memory_base() == Register::None && !has_memory(insn);
    let can = match decorator {
        Decorator::Mask(_) => info.can_use_op_mask_register(),
        Decorator::Zero => info.can_use_zeroing_masking(),
        Decorator::Broadcast(count) => has_memory(insn) && lanes(info) == Some(count),
        Decorator::Rounding(_) => info.can_use_rounding_control() && registers_only,
        Decorator::Quiet => info.can_suppress_all_exceptions() && registers_only,
        Decorator::Encoding(kind) => info.encoding() == kind,
    };
    match decorator {
        Decorator::Mask(register) => insn.set_op_mask(register),
        Decorator::Zero => insn.set_zeroing_masking(true),
        Decorator::Broadcast(_) => insn.set_is_broadcast(true),
        Decorator::Rounding(rounding) => insn.set_rounding_control(rounding),
        Decorator::Quiet => insn.set_suppress_all_exceptions(true),
        Decorator::Encoding(_) => {}
    }
    can.then_some(())
}

fn has_memory(insn: &Instruction) -> bool {
    insn.op_kinds().any(|kind| kind == iced_x86::OpKind::Memory)
}

/// How many copies a broadcast makes.
fn lanes(info: &OpCodeInfo) -> Option<usize> {
    info.memory_size().size().checked_div(info.broadcast_memory_size().element_size())
}

/// Sets a prefix, if the form takes it.
fn apply(insn: &mut Instruction, prefix: Prefix) -> Option<()> {
    let info = insn.code().op_code();
    let repeats = info.mandatory_prefix() == MandatoryPrefix::PF3;
    let ignores = repeats || insn.flow_control() == FlowControl::Return;
    let can = match prefix {
        Prefix::Lock => info.can_use_lock_prefix() && has_memory(insn),
        // Some instructions are printed with the prefix that is part of them.
        Prefix::Rep => info.can_use_rep_prefix() || ignores,
        // Processors take it for rep where the difference means nothing.
        Prefix::Repne => info.can_use_repne_prefix() || info.can_use_rep_prefix() || ignores,
        Prefix::Xacquire => info.can_use_xacquire_prefix() && has_memory(insn),
        Prefix::Xrelease => info.can_use_xrelease_prefix() && has_memory(insn),
        Prefix::Bnd => info.can_use_bnd_prefix(),
        Prefix::Notrack => info.can_use_notrack_prefix(),
        Prefix::Taken | Prefix::NotTaken => info.can_use_hint_taken_prefix(),
        Prefix::Segment(_) => true,
        Prefix::Operation(bits) => info.operand_size() == bits,
        Prefix::Address(bits) => info.address_size() == bits || address_bits(insn) == Some(bits),
    };
    match prefix {
        Prefix::Rep if repeats => {}
        Prefix::Lock => insn.set_has_lock_prefix(true),
        Prefix::Rep => insn.set_has_rep_prefix(true),
        Prefix::Repne | Prefix::Bnd => insn.set_has_repne_prefix(true),
        Prefix::Xacquire => insn.set_has_xacquire_prefix(true),
        Prefix::Xrelease => insn.set_has_xrelease_prefix(true),
        Prefix::Notrack | Prefix::Taken => insn.set_segment_prefix(Register::DS),
        Prefix::NotTaken => insn.set_segment_prefix(Register::CS),
        Prefix::Segment(register) => insn.set_segment_prefix(register),
        Prefix::Operation(_) | Prefix::Address(_) => {}
    }
    can.then_some(())
}

/// The size of the addresses of an instruction that has any.
fn address_bits(insn: &Instruction) -> Option<u32> {
    use iced_x86::OpKind::{Memory, MemoryESEDI, MemorySegEDI, MemorySegESI};
    let narrow = [MemoryESEDI, MemorySegEDI, MemorySegESI];
    let memory = insn.op_kinds().find(|kind| *kind == Memory || !shape::is_explicit(*kind))?;
    let plain = memory == Memory && insn.memory_displ_size() == 4;
    let register = insn.memory_base().is_gpr32() || insn.memory_index().is_gpr32();
    Some(if narrow.contains(&memory) || plain || register { 32 } else { 64 })
}

/// Whether a form needs what not every processor with AVX has.
pub(crate) fn is_evex(code: Code) -> bool {
    code.op_code().encoding() == EncodingKind::EVEX
}
