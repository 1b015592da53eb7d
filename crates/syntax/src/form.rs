//! Forms of instructions, and how each is written.

use alloc::string::String;
use alloc::vec::Vec;

use iced_x86::{
    Code, CodeSize, Decoder, DecoderOptions, EncodingKind, Formatter, Instruction, OpCodeOperandKind as K,
    OpKind, Register,
};

use crate::arg::{Arg, Memory};
use crate::registers;
use crate::shape::{self, Class, Shape};

/// A form of an instruction, written in one of the ways in which it can be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Form {
    pub(crate) code: Code,
    /// What is written.
    pub(crate) slots: Vec<Slot>,
    /// The number that is part of the name, as in `cmpltps`.
    pub(crate) number: Option<u8>,
    /// Whether `far` is written in front of the operands.
    pub(crate) far: bool,
    /// Whether others have a better right to the name.
    pub(crate) foreign: bool,
}

/// Where an operand in the text goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slot {
    /// Into the instruction.
    Operand(u32),
    /// Nowhere: it can only be this register.
    Only(Register),
    /// The mask, which some instructions show as an operand.
    Mask,
}

/// Whether a form is assembled: those that processors decode in 64-bit mode. Knights Corner's are not, nor what
/// was reserved for hints before it became something else.
pub(crate) fn is_known(code: Code) -> bool {
    let info = code.op_code();
    let shapes = info.op_kinds().iter().all(|kind| shape::of(*kind) != Shape::Nothing);
    let common = ![DecoderOptions::KNC, DecoderOptions::FORCE_RESERVED_NOP].contains(&info.decoder_option());
    info.mode64() && info.is_instruction() && info.encoding() != EncodingKind::MVEX && shapes && common
}

/// Any instruction of this form, for the printers to show how it is written.
pub(crate) fn sample(code: Code) -> Option<Instruction> {
    let mut insn = Instruction::default();
    insn.set_code(code);
    insn.set_code_size(CodeSize::Code64);
    if code.op_code().require_op_mask_register() {
        insn.set_op_mask(SAMPLE_MASK);
    }
    for (index, kind) in (0..).zip(code.op_code().op_kinds()) {
        let shape = shape::of(*kind);
        sample_of(shape)?.put(&mut insn, index, shape)?;
    }
    Some(insn)
}

const SAMPLE_MASK: Register = Register::K7;

fn sample_of(shape: Shape) -> Option<Arg> {
    Some(match shape {
        Shape::Register(class) | Shape::RegisterOrMemory(class) => Arg::Register(class.sample()),
        Shape::Memory(class) => Arg::Memory(Memory::sample(class)),
        Shape::Offset => Arg::Memory(Memory::at(0x1234_5678_9abc)),
        Shape::Number(_) | Shape::Nibble | Shape::Branch(_) => Arg::Number { value: 5, bytes: None },
        implied => implied_arg(implied, AddressSize::Bits64)?,
    })
}

/// The size of addresses that are not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AddressSize {
    Bits64,
    Bits32,
}

/// What an operand is when it is not written.
pub(crate) fn implied_arg(shape: Shape, size: AddressSize) -> Option<Arg> {
    Some(match shape {
        Shape::Fixed(register) => Arg::Register(register),
        Shape::One => Arg::Number { value: 1, bytes: None },
        Shape::String(bases) => Arg::Memory(Memory::based(bases[size as usize].0)),
        Shape::Table => Arg::Memory(Memory::based(Register::RBX)),
        Shape::Register(Class::St) => Arg::Register(Register::ST1),
        _ => return None,
    })
}

/// All ways to write the operands of a form.
pub(crate) fn patterns(printers: [&mut dyn Formatter; 3], insn: &Instruction) -> Vec<Vec<Slot>> {
    let full: Vec<Slot> = (0..insn.op_count()).map(Slot::Operand).collect();
    let mut all = Vec::from(printers.map(|printer| printed(printer, insn)));
    all.push(full);
    for nth in 0..all.len() {
        all.push(all[nth].iter().copied().filter(|slot| !is_top_of_stack(insn, *slot)).collect());
    }
    if insn.is_string_instruction() || is_pop_of_two(insn) {
        all.push(Vec::new());
    }
    let mut unique: Vec<Vec<Slot>> = Vec::new();
    for pattern in all {
        if !unique.contains(&pattern) && is_complete(insn, &pattern) {
            unique.push(pattern);
        }
    }
    unique
}

/// Where the operands that a printer shows come from.
fn printed(printer: &mut dyn Formatter, insn: &Instruction) -> Vec<Slot> {
    let count = printer.operand_count(insn);
    let slot = |operand| {
        let mut text = String::new();
        printer.format_operand(insn, &mut text, operand).ok()?;
        match printer.get_instruction_operand(insn, operand).ok()? {
            // iced takes the memory of `lodsb` for its register.
            Some(index) if text.contains('[') && insn.op_kind(index) == OpKind::Register => {
                (0..insn.op_count()).find(|at| insn.op_kind(*at) != OpKind::Register).map(Slot::Operand)
            }
            Some(index) => Some(Slot::Operand(index)),
            None => registers::find(&text).map(|register| match register {
                SAMPLE_MASK => Slot::Mask,
                other => Slot::Only(other),
            }),
        }
    };
    (0..count).filter_map(slot).collect()
}

fn is_top_of_stack(insn: &Instruction, slot: Slot) -> bool {
    match slot {
        Slot::Only(register) => register == Register::ST0,
        Slot::Operand(index) => insn.code().op_code().op_kind(index) == K::st0,
        Slot::Mask => false,
    }
}

/// `faddp`, which is `faddp st(1), st`.
fn is_pop_of_two(insn: &Instruction) -> bool {
    let name = alloc::format!("{:?}", insn.mnemonic());
    let kinds = insn.code().op_code().op_kinds();
    let both = kinds.contains(&K::st0) && kinds.contains(&K::sti_opcode);
    both && !name.starts_with("Fst") && (name.ends_with('p') || ["Fxch", "Fcom", "Fucom"].contains(&&*name))
}

/// Whether everything that is not written is implied.
fn is_complete(insn: &Instruction, pattern: &[Slot]) -> bool {
    let kinds = insn.code().op_code().op_kinds();
    (0..).zip(kinds).all(|(index, kind)| {
        pattern.contains(&Slot::Operand(index))
            || implied_arg(shape::of(*kind), AddressSize::Bits64).is_some()
    })
}

/// Whether `bytes` are read as the form that they were written as. Some forms give way to others where operands
/// are of a certain kind; `wait` pairs are two instructions.
pub(crate) fn is_read_as(code: Code, bytes: &[u8], address: u64) -> bool {
    let info = code.op_code();
    let amd = if info.intel_decoder64() { DecoderOptions::NONE } else { DecoderOptions::AMD };
    let option = info.decoder_option() | amd;
    info.fwait() || Decoder::with_ip(64, bytes, address, option).decode().code() == code
}

/// The last operand, if it is a number of 8 bits that may be part of a name.
pub(crate) fn number_operand(insn: &Instruction) -> Option<u32> {
    let last = insn.op_count().checked_sub(1)?;
    (insn.op_kind(last) == OpKind::Immediate8).then_some(last)
}
