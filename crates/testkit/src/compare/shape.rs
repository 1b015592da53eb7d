//! Instructions of a form, with operands of every class.

use arbitrary::Unstructured;
use iced_x86::{Code, Decoder, DecoderOptions, Encoder, Instruction, OpCodeOperandKind, OpKind, Register};

use super::machine::Machine;
use super::world::{WINDOW_BYTES, Window, World};
use crate::{Random, instruction_like};

/// Makes instructions.
pub(crate) struct Shaper {
    encoder: Encoder,
}

/// An instruction and its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Shaped {
    pub(crate) insn: Instruction,
    pub(crate) bytes: Vec<u8>,
    /// Its first immediate: where in the bytes, how many.
    immediate: (usize, usize),
}

/// Random bytes that an instruction is made of.
const BYTES: usize = 288;
/// Where an operand in memory may point, from the start of its window: with room for the largest around it.
const AIM: u64 = 0x200;
const AIM_BYTES: u64 = 0x400;

/// How an operand in memory is addressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// As it came.
    AsIs,
    Base,
    BaseIndex,
    Index,
    Absolute,
    RipNear,
    RipFar,
    Narrow,
}

const CLASSES: [Class; 10] = [
    Class::AsIs,
    Class::Base,
    Class::Base,
    Class::BaseIndex,
    Class::BaseIndex,
    Class::Index,
    Class::Absolute,
    Class::RipNear,
    Class::RipFar,
    Class::Narrow,
];

impl Shaper {
    pub(crate) fn new() -> Self {
        Self { encoder: Encoder::new(64) }
    }

    /// An instruction of this form at `pc`; `None` when chance made another of it.
    pub(crate) fn shape(
        &mut self,
        code: Code,
        random: &mut Random,
        world: &World,
        pc: u64,
    ) -> Option<Shaped> {
        let data = random.bytes(BYTES);
        let bytes = instruction_like(code, &mut Unstructured::new(&data)).ok()?;
        let mut shaped = read(bytes, pc).filter(|shaped| shaped.insn.code() == code)?;
        if has_memory(&shaped.insn) {
            let class = CLASSES[random.below(CLASSES.len() as u64) as usize];
            let mut insn = shaped.insn;
            address(&mut insn, class, random, world);
            shaped = self.again(&insn, pc).unwrap_or(shaped);
        }
        immediates(&mut shaped, random);
        read(shaped.bytes, pc).filter(|shaped| shaped.insn.code() == code && !is_astray(&shaped.insn, world))
    }

    /// Encodes an instruction that was changed.
    pub(crate) fn again(&mut self, insn: &Instruction, pc: u64) -> Option<Shaped> {
        let encoded = self.encoder.encode(insn, pc);
        let bytes = self.encoder.take_buffer();
        encoded.ok()?;
        read(bytes, pc).filter(|shaped| shaped.insn.code() == insn.code())
    }
}

fn read(bytes: Vec<u8>, pc: u64) -> Option<Shaped> {
    let mut decoder = Decoder::with_ip(64, &bytes, pc, DecoderOptions::NONE);
    let insn = decoder.decode();
    let offsets = decoder.get_constant_offsets(&insn);
    let immediate = (offsets.immediate_offset(), offsets.immediate_size());
    (!insn.is_invalid() && insn.len() == bytes.len()).then_some(Shaped { insn, bytes, immediate })
}

pub(crate) fn has_memory(insn: &Instruction) -> bool {
    (0..insn.op_count()).any(|n| insn.op_kind(n) == OpKind::Memory)
}

/// A place in a window: mostly aligned, sometimes not, now and then such that an operand crosses its end.
pub(crate) fn aim(random: &mut Random, world: &World, window: Window) -> u64 {
    let start = world.window(window) + AIM;
    match random.below(16) {
        0 => world.window(window) + WINDOW_BYTES - 8,
        1..=2 => start + random.below(AIM_BYTES),
        _ => start + random.below(AIM_BYTES / 64) * 64,
    }
}

fn register(random: &mut Random) -> Register {
    Register::RAX + random.below(16) as u32
}

/// An index: any register but rsp, of as many bits as the base.
fn index(random: &mut Random) -> Register {
    let number = random.below(15) as u32;
    Register::RAX + if number >= 4 { number + 1 } else { number }
}

fn displacement(random: &mut Random) -> i64 {
    match random.below(4) {
        0 => 0,
        1 => random.below(256) as i64 - 128,
        2 => (random.below(8) as i64 - 4) * 64,
        _ => i64::from(random.next_u64() as i32 >> random.below(16)),
    }
}

/// Gives the operand in memory another address.
fn address(insn: &mut Instruction, class: Class, random: &mut Random, world: &World) {
    if is_moffs(insn) {
        return insn.set_memory_displacement64(aim(random, world, Window::Near));
    }
    match class {
        Class::AsIs => aim_what_nothing_steers(insn, random, world),
        _ if insn.memory_index().is_vector_register() => {
            set(insn, (register(random), insn.memory_index()), displacement(random));
        }
        Class::Base => set(insn, (register(random), Register::None), displacement(random)),
        Class::BaseIndex => set(insn, (register(random), index(random)), displacement(random)),
        Class::Index => set(insn, (Register::None, index(random)), displacement(random)),
        Class::Absolute => {
            set(insn, (Register::None, Register::None), 0);
            aim_what_nothing_steers(insn, random, world);
        }
        Class::RipNear => rip(insn, aim(random, world, Window::Near)),
        Class::RipFar => rip(insn, aim(random, world, Window::Far)),
        Class::Narrow => {
            let narrow = |register: Register| Register::EAX + register.number() as u32;
            set(insn, (narrow(register(random)), narrow(index(random))), displacement(random));
        }
    }
    if !insn.memory_index().is_vector_register() && insn.memory_index() != Register::None {
        insn.set_memory_index_scale(1 << random.below(4));
    }
    if insn.memory_base().full_register() == Register::RSP {
        // A stack pointer far from its window might point to a stack of somebody else.
        let near = (random.below(9) as i64 - 4) * 64;
        set(insn, (insn.memory_base(), insn.memory_index()), near);
    }
}

/// Addresses without a register shall not hit what happens to be there.
fn aim_what_nothing_steers(insn: &mut Instruction, random: &mut Random, world: &World) {
    if insn.memory_base() == Register::EIP {
        insn.set_memory_displacement64(aim(random, world, Window::Low));
    } else if insn.is_ip_rel_memory_operand() {
        rip(insn, aim(random, world, Window::Near));
    } else if is_absolute(insn) {
        let segment = if insn.segment_prefix() == Register::FS { Machine::FS_BASE } else { 0 };
        insn.set_memory_displacement64(aim(random, world, Window::Low) - segment);
        insn.set_memory_displ_size(8);
    }
}

/// Whether an operand at a fixed address is outside of all windows, where it may be somebody else's.
fn is_astray(insn: &Instruction, world: &World) -> bool {
    let fixed = is_absolute(insn) || insn.is_ip_rel_memory_operand() || is_moffs(insn);
    let segment = if insn.segment_prefix() == Register::FS { Machine::FS_BASE } else { 0 };
    let address = insn.memory_displacement64().wrapping_add(segment);
    has_memory(insn) && fixed && !world.is_in_window(address)
}

fn is_absolute(insn: &Instruction) -> bool {
    insn.memory_base() == Register::None && insn.memory_index() == Register::None
}

/// Whether the operand is an address of 64 bits.
fn is_moffs(insn: &Instruction) -> bool {
    let info = insn.code().op_code();
    [info.op0_kind(), info.op1_kind()].contains(&OpCodeOperandKind::mem_offs)
}

fn set(insn: &mut Instruction, (base, index): (Register, Register), displacement: i64) {
    insn.set_memory_base(base);
    insn.set_memory_index(index);
    if index == Register::None {
        insn.set_memory_index_scale(1);
    }
    let wide = base == Register::None || base.is_gpr64() || base == Register::RIP;
    let bits = if wide { displacement } else { i64::from(displacement as u32) };
    insn.set_memory_displacement64(bits.cast_unsigned());
    let small = i8::try_from(displacement).is_ok() && base != Register::None;
    insn.set_memory_displ_size(match (displacement, small) {
        (0, true) => 0,
        (_, true) => 1,
        _ if wide => 8,
        _ => 4,
    });
}

fn rip(insn: &mut Instruction, target: u64) {
    set(insn, (Register::RIP, Register::None), 0);
    insn.set_memory_displacement64(target);
    insn.set_memory_displ_size(8);
}

/// Replaces immediates by numbers at the edges, half of the time.
fn immediates(shaped: &mut Shaped, random: &mut Random) {
    const EDGES: [u64; 8] = [0, 1, 0x7f, 0x80, 0x7fff_ffff, 0x8000_0000, u64::MAX, 0x1f];
    let (start, len) = shaped.immediate;
    if len == 0 || random.below(2) == 0 {
        return;
    }
    let edge = EDGES[random.below(EDGES.len() as u64) as usize].to_le_bytes();
    shaped.bytes[start..start + len].copy_from_slice(&edge[..len]);
}
