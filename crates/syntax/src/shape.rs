//! What the kinds of operands in iced's tables take.

use iced_x86::{OpCodeOperandKind as K, OpKind, Register};

/// What an operand of some kind can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// A register of a class.
    Register(Class),
    /// A register of a class, or memory.
    RegisterOrMemory(Class),
    /// This register only.
    Fixed(Register),
    /// Memory whose index is a register of a class, if there is one.
    Memory(Class),
    /// Memory at an address that is part of the instruction.
    Offset,
    /// A number.
    Number(Number),
    /// The number 1.
    One,
    /// A number of four bits.
    Nibble,
    /// An address to go to, 1, 2 or 4 bytes away.
    Branch(u8),
    /// Memory that a string instruction names by a register.
    String(&'static [(Register, OpKind)]),
    /// `[rbx+al]`
    Table,
    /// What 64-bit mode does not have.
    Nothing,
}

/// Registers that can stand for each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    R8,
    R16,
    R32,
    R64,
    Mm,
    Xmm,
    Ymm,
    Zmm,
    Tmm,
    K,
    Segment,
    Control,
    Debug,
    Test,
    Bound,
    St,
}

impl Class {
    pub(crate) fn contains(self, register: Register) -> bool {
        match self {
            Self::R8 => register.is_gpr8(),
            Self::R16 => register.is_gpr16(),
            Self::R32 => register.is_gpr32(),
            Self::R64 => register.is_gpr64(),
            Self::Mm => register.is_mm(),
            Self::Xmm => register.is_xmm(),
            Self::Ymm => register.is_ymm(),
            Self::Zmm => register.is_zmm(),
            Self::Tmm => register.is_tmm(),
            Self::K => register.is_k(),
            Self::Segment => register.is_segment_register(),
            Self::Control => register.is_cr(),
            Self::Debug => register.is_dr(),
            Self::Test => register.is_tr(),
            Self::Bound => register.is_bnd(),
            Self::St => register.is_st(),
        }
    }

    /// Any of them that is not fixed in some form.
    pub(crate) fn sample(self) -> Register {
        Register::values()
            .filter(|register| self.contains(*register))
            .nth(2)
            .expect("every class has more than two registers")
    }
}

/// An immediate operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Number {
    pub(crate) kind: OpKind,
    /// Bits in the instruction.
    bits: u32,
    /// Bits of the operation, to which the sign is extended.
    wide: u32,
}

impl Number {
    const fn new(kind: OpKind, bits: u32, wide: u32) -> Self {
        Self { kind, bits, wide }
    }

    pub(crate) fn is_byte(self) -> bool {
        self.bits == 8
    }

    /// Whether the operation sees `value`, taken as signed or unsigned.
    pub(crate) fn fits(self, value: i128) -> bool {
        let limit = 1 << (self.bits - 1);
        let unsigned = match self.bits == self.wide {
            true => 0..1 << self.bits,
            false => (1 << self.wide) - limit..1 << self.wide,
        };
        (-limit..limit).contains(&value) || unsigned.contains(&value)
    }
}

const SOURCE: &[(Register, OpKind)] =
    &[(Register::RSI, OpKind::MemorySegRSI), (Register::ESI, OpKind::MemorySegESI)];
const DESTINATION: &[(Register, OpKind)] =
    &[(Register::RDI, OpKind::MemoryESRDI), (Register::EDI, OpKind::MemoryESEDI)];
const MASKED: &[(Register, OpKind)] =
    &[(Register::RDI, OpKind::MemorySegRDI), (Register::EDI, OpKind::MemorySegEDI)];

const fn reg(class: Class) -> Shape {
    Shape::Register(class)
}

const fn rm(class: Class) -> Shape {
    Shape::RegisterOrMemory(class)
}

const fn imm(kind: OpKind, bits: u32, wide: u32) -> Shape {
    Shape::Number(Number::new(kind, bits, wide))
}

/// Every kind, with its name in messages and what it takes.
const SHAPES: [(K, &str, Shape); 104] = [
    (K::mem_offs, "memory at a fixed address", Shape::Offset),
    (K::mem, "memory", Shape::Memory(Class::R64)),
    (K::mem_mpx, "memory", Shape::Memory(Class::R64)),
    (K::mem_mib, "memory", Shape::Memory(Class::R64)),
    (K::sibmem, "memory", Shape::Memory(Class::R64)),
    (K::mem_vsib32x, "memory with an xmm index", Shape::Memory(Class::Xmm)),
    (K::mem_vsib64x, "memory with an xmm index", Shape::Memory(Class::Xmm)),
    (K::mem_vsib32y, "memory with a ymm index", Shape::Memory(Class::Ymm)),
    (K::mem_vsib64y, "memory with a ymm index", Shape::Memory(Class::Ymm)),
    (K::mem_vsib32z, "memory with a zmm index", Shape::Memory(Class::Zmm)),
    (K::mem_vsib64z, "memory with a zmm index", Shape::Memory(Class::Zmm)),
    (K::r8_or_mem, "r/m8", rm(Class::R8)),
    (K::r16_or_mem, "r/m16", rm(Class::R16)),
    (K::r32_or_mem, "r/m32", rm(Class::R32)),
    (K::r32_or_mem_mpx, "r/m32", rm(Class::R32)),
    (K::r64_or_mem, "r/m64", rm(Class::R64)),
    (K::r64_or_mem_mpx, "r/m64", rm(Class::R64)),
    (K::mm_or_mem, "mm or memory", rm(Class::Mm)),
    (K::xmm_or_mem, "xmm or memory", rm(Class::Xmm)),
    (K::ymm_or_mem, "ymm or memory", rm(Class::Ymm)),
    (K::zmm_or_mem, "zmm or memory", rm(Class::Zmm)),
    (K::bnd_or_mem_mpx, "bnd or memory", rm(Class::Bound)),
    (K::k_or_mem, "k or memory", rm(Class::K)),
    (K::r8_reg, "r8", reg(Class::R8)),
    (K::r8_opcode, "r8", reg(Class::R8)),
    (K::r16_reg, "r16", reg(Class::R16)),
    (K::r16_reg_mem, "r16", reg(Class::R16)),
    (K::r16_rm, "r16", reg(Class::R16)),
    (K::r16_opcode, "r16", reg(Class::R16)),
    (K::r32_reg, "r32", reg(Class::R32)),
    (K::r32_reg_mem, "r32", reg(Class::R32)),
    (K::r32_rm, "r32", reg(Class::R32)),
    (K::r32_opcode, "r32", reg(Class::R32)),
    (K::r32_vvvv, "r32", reg(Class::R32)),
    (K::r64_reg, "r64", reg(Class::R64)),
    (K::r64_reg_mem, "r64", reg(Class::R64)),
    (K::r64_rm, "r64", reg(Class::R64)),
    (K::r64_opcode, "r64", reg(Class::R64)),
    (K::r64_vvvv, "r64", reg(Class::R64)),
    (K::seg_reg, "a segment register", reg(Class::Segment)),
    (K::k_reg, "k", reg(Class::K)),
    (K::kp1_reg, "k", reg(Class::K)),
    (K::k_rm, "k", reg(Class::K)),
    (K::k_vvvv, "k", reg(Class::K)),
    (K::mm_reg, "mm", reg(Class::Mm)),
    (K::mm_rm, "mm", reg(Class::Mm)),
    (K::xmm_reg, "xmm", reg(Class::Xmm)),
    (K::xmm_rm, "xmm", reg(Class::Xmm)),
    (K::xmm_vvvv, "xmm", reg(Class::Xmm)),
    (K::xmmp3_vvvv, "xmm", reg(Class::Xmm)),
    (K::xmm_is4, "xmm", reg(Class::Xmm)),
    (K::xmm_is5, "xmm", reg(Class::Xmm)),
    (K::ymm_reg, "ymm", reg(Class::Ymm)),
    (K::ymm_rm, "ymm", reg(Class::Ymm)),
    (K::ymm_vvvv, "ymm", reg(Class::Ymm)),
    (K::ymm_is4, "ymm", reg(Class::Ymm)),
    (K::ymm_is5, "ymm", reg(Class::Ymm)),
    (K::zmm_reg, "zmm", reg(Class::Zmm)),
    (K::zmm_rm, "zmm", reg(Class::Zmm)),
    (K::zmm_vvvv, "zmm", reg(Class::Zmm)),
    (K::zmmp3_vvvv, "zmm", reg(Class::Zmm)),
    (K::cr_reg, "a control register", reg(Class::Control)),
    (K::dr_reg, "a debug register", reg(Class::Debug)),
    (K::tr_reg, "a test register", reg(Class::Test)),
    (K::bnd_reg, "bnd", reg(Class::Bound)),
    (K::tmm_reg, "tmm", reg(Class::Tmm)),
    (K::tmm_rm, "tmm", reg(Class::Tmm)),
    (K::tmm_vvvv, "tmm", reg(Class::Tmm)),
    (K::es, "es", Shape::Fixed(Register::ES)),
    (K::cs, "cs", Shape::Fixed(Register::CS)),
    (K::ss, "ss", Shape::Fixed(Register::SS)),
    (K::ds, "ds", Shape::Fixed(Register::DS)),
    (K::fs, "fs", Shape::Fixed(Register::FS)),
    (K::gs, "gs", Shape::Fixed(Register::GS)),
    (K::al, "al", Shape::Fixed(Register::AL)),
    (K::cl, "cl", Shape::Fixed(Register::CL)),
    (K::ax, "ax", Shape::Fixed(Register::AX)),
    (K::dx, "dx", Shape::Fixed(Register::DX)),
    (K::eax, "eax", Shape::Fixed(Register::EAX)),
    (K::rax, "rax", Shape::Fixed(Register::RAX)),
    (K::st0, "st", Shape::Fixed(Register::ST0)),
    (K::sti_opcode, "st(i)", reg(Class::St)),
    (K::imm4_m2z, "a number up to 15", Shape::Nibble),
    (K::imm8, "imm8", imm(OpKind::Immediate8, 8, 8)),
    (K::imm8_const_1, "1", Shape::One),
    (K::imm8sex16, "imm8", imm(OpKind::Immediate8to16, 8, 16)),
    (K::imm8sex32, "imm8", imm(OpKind::Immediate8to32, 8, 32)),
    (K::imm8sex64, "imm8", imm(OpKind::Immediate8to64, 8, 64)),
    (K::imm16, "imm16", imm(OpKind::Immediate16, 16, 16)),
    (K::imm32, "imm32", imm(OpKind::Immediate32, 32, 32)),
    (K::imm32sex64, "imm32", imm(OpKind::Immediate32to64, 32, 64)),
    (K::imm64, "imm64", imm(OpKind::Immediate64, 64, 64)),
    (K::seg_rSI, "[rsi]", Shape::String(SOURCE)),
    (K::es_rDI, "[rdi]", Shape::String(DESTINATION)),
    (K::seg_rDI, "[rdi]", Shape::String(MASKED)),
    (K::seg_rBX_al, "[rbx]", Shape::Table),
    (K::br64_1, "a label nearby", Shape::Branch(1)),
    (K::br64_4, "a label", Shape::Branch(4)),
    (K::xbegin_2, "a label", Shape::Branch(2)),
    (K::xbegin_4, "a label", Shape::Branch(4)),
    (K::farbr2_2, "a far address", Shape::Nothing),
    (K::farbr4_2, "a far address", Shape::Nothing),
    (K::brdisp_2, "a distance", Shape::Nothing),
    (K::brdisp_4, "a distance", Shape::Nothing),
];

fn row(kind: K) -> Option<&'static (K, &'static str, Shape)> {
    SHAPES.iter().find(|(known, ..)| *known == kind)
}

/// What operands of a kind take.
pub(crate) fn of(kind: K) -> Shape {
    row(kind).map_or(Shape::Nothing, |(.., shape)| *shape)
}

/// What a kind is called in messages.
pub(crate) fn name(kind: K) -> &'static str {
    row(kind).map_or("nothing", |(_, name, _)| *name)
}

/// Whether operands of iced's kind are not memory that a register names without being written.
pub(crate) fn is_explicit(kind: OpKind) -> bool {
    ![SOURCE, DESTINATION, MASKED].iter().any(|bases| bases.iter().any(|(_, known)| *known == kind))
}
