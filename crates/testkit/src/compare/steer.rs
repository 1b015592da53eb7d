//! Registers and memory that let an instruction find its operands.

use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpKind, Register, UsedMemory};
use midstride_control::Vector;
use midstride_frame::rflags;

use super::case::{Case, Fs};
use super::machine::{FLAGS, Machine};
use super::shape::aim;
use super::special::care;
use super::world::{Window, World};
use crate::Random;

/// Which registers of a case are spoken for.
pub(crate) struct Steering<'s> {
    pub(crate) world: &'s World,
    pub(crate) random: &'s mut Random,
    pub(crate) case: &'s mut Case,
    taken: u16,
}

const RSP: usize = 4;

/// A number as programs have them: zero often, for instructions that treat it specially.
pub(crate) fn number(random: &mut Random) -> u64 {
    match random.below(6) {
        0 => 0,
        1 => random.below(64),
        2 => random.next_u64() >> 32,
        3 => u64::MAX,
        _ => random.next_u64(),
    }
}

/// Any flags; the direction one less often, alignment checks seldom.
pub(crate) fn flags(random: &mut Random) -> u64 {
    const DF: u64 = 0x400;
    const AC: u64 = 0x4_0000;
    let mut flags = random.next_u64() & FLAGS;
    flags &= if random.below(4) == 0 { u64::MAX } else { !DF };
    flags &= if random.below(12) == 0 { u64::MAX } else { !AC };
    flags | 0x202
}

/// A general register by number.
pub(crate) fn gpr(case: &mut Case, number: usize) -> &mut u64 {
    let register = midstride_frame::Register::gpr(number as u8 & 15).expect("there are 16");
    case.gpr.get_mut(register).expect("it is a general register")
}

impl<'s> Steering<'s> {
    /// Fills the registers of a case that starts at its first instruction.
    pub(crate) fn new(world: &'s World, random: &'s mut Random, case: &'s mut Case) -> Self {
        for register in 0..16 {
            *gpr(case, register) = number(random);
        }
        case.gpr.rflags = flags(random);
        *gpr(case, RSP) = world.window(Window::Stack) + 0x800 + random.below(8) * 8;
        Self { world, random, case, taken: 0 }
    }

    /// Sets registers so that all operands in memory lie in windows; answers where the first one is.
    pub(crate) fn memory(&mut self, insn: &Instruction, factory: &mut InstructionInfoFactory) -> Option<u64> {
        let used: Vec<UsedMemory> = factory.info(insn).used_memory().to_vec();
        let targets: Vec<Option<u64>> = used.iter().map(|memory| self.operand(memory)).collect();
        targets.into_iter().flatten().next()
    }

    fn operand(&mut self, memory: &UsedMemory) -> Option<u64> {
        let displacement = memory.displacement();
        let base = if memory.segment() == Register::FS { Machine::FS_BASE } else { 0 };
        self.case.fs = if base == 0 { self.case.fs } else { Fs::Used };
        // Those relative to rip are told like this, too.
        if memory.base() == Register::None && memory.index() == Register::None {
            return Some(displacement.wrapping_add(base));
        }
        let narrow = [memory.base(), memory.index()].iter().any(|register| register.is_gpr32());
        let window = match narrow {
            true => Window::Low,
            false if memory.base() == Register::RSP => Window::Stack,
            false => Window::Near,
        };
        let target = aim(self.random, self.world, window);
        let wanted = target.wrapping_sub(displacement).wrapping_sub(base);
        self.reach(memory, wanted);
        Some(target)
    }

    /// Lets base and index add up to `wanted`.
    fn reach(&mut self, memory: &UsedMemory, wanted: u64) {
        let scale = u64::from(memory.scale().max(1));
        let index = memory.index();
        if index.is_vector_register() {
            self.small_elements(index);
        } else if index != Register::None && memory.base() != Register::None {
            if index.full_register() == memory.base().full_register() {
                return self.put(index, wanted / (1 + scale));
            }
            let small = self.random.below(16).wrapping_sub(self.random.below(2) * 8);
            self.put(index, small);
            let index = *gpr(self.case, index.number());
            return self.put(memory.base(), wanted.wrapping_sub(index.wrapping_mul(scale)));
        } else if index != Register::None {
            return self.put(index, wanted / scale);
        }
        self.put(memory.base(), wanted);
    }

    /// Gives a register a value, unless it has one for another operand.
    pub(crate) fn put(&mut self, register: Register, value: u64) {
        let number = register.full_register().number();
        if !register.is_gpr() || self.taken >> number & 1 != 0 {
            return;
        }
        self.taken |= 1 << number;
        *gpr(self.case, number) = value;
    }

    /// What an instruction writes to this register is not compared.
    pub(crate) fn hide(&mut self, register: Register) {
        let bits = if register.size() == 2 { 0xffff } else { u64::MAX };
        self.case.unseen.registers.push((register.full_register().number(), bits));
    }

    /// Element by element small numbers.
    fn small_elements(&mut self, index: Register) {
        let mut vector = Vector::default();
        (0..8).for_each(|lane| vector.set_lane(lane, self.random.below(16)));
        self.case.vector = Some((index.number() as u8, vector));
    }

    /// What some instructions need besides: counts, divisors, flags, images of states.
    pub(crate) fn details(&mut self, insn: &Instruction, target: Option<u64>) {
        match insn.mnemonic() {
            Mnemonic::Bt | Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc => self.bit_offset(insn),
            Mnemonic::Div | Mnemonic::Idiv if self.random.below(4) != 0 => {
                self.put(Register::RDX, 0);
                let divisor = self.random.next_u64() | 1;
                if insn.op0_kind() == OpKind::Register {
                    self.put(insn.op0_register(), divisor);
                }
            }
            Mnemonic::Xgetbv | Mnemonic::Loop | Mnemonic::Loope | Mnemonic::Loopne => self.small_count(),
            Mnemonic::Jrcxz | Mnemonic::Jecxz => self.small_count(),
            Mnemonic::Wrfsbase => {
                self.case.fs = Fs::Used;
                let base = self.random.next_u64() >> 18;
                self.put(insn.op0_register(), base);
            }
            Mnemonic::Clzero => {
                let target = aim(self.random, self.world, Window::Near);
                self.put(Register::RAX, target);
            }
            Mnemonic::Rdfsbase => self.case.fs = Fs::Used,
            _ => {}
        }
        if let Some(care) = care(insn) {
            care(self, insn, target);
        }
        if insn.has_rep_prefix() || insn.has_repne_prefix() {
            let count = self.random.below(20);
            self.put(Register::RCX, count);
        }
        if let Some(target) = target {
            self.contents(insn, target);
        }
    }

    fn small_count(&mut self) {
        let count = [0, 1, 2, 1 << 32, u64::MAX][self.random.below(5) as usize];
        self.put(Register::RCX, count);
    }

    fn bit_offset(&mut self, insn: &Instruction) {
        if insn.op0_kind() == OpKind::Memory && insn.op1_kind() == OpKind::Register {
            let offset = self.random.below(256);
            self.put(insn.op1_register(), offset);
        }
    }

    /// What far branches take: an address, a selector, and for `iret` flags, rsp and another selector.
    pub(crate) fn far(&mut self, insn: &Instruction, site: u64, pointer: Option<u64>) {
        const DATA: u64 = 0x2b;
        // That of 64-bit code, or none of code: what 32-bit code does is not compared.
        let code = [0x33, 0x33, 0x33, 0x33, DATA, 0, 0x10][self.random.below(7) as usize];
        let stack = self.world.window(Window::Stack) + 0x900;
        let pointer = pointer.filter(|_| insn.is_jmp_far_indirect() || insn.is_call_far_indirect());
        if let Some(pointer) = pointer {
            let offset = insn.memory_size().size() as u64 - 2;
            self.case.pokes.extend([(pointer, site), (pointer + offset, code)]);
            // Processors disagree about how such a pointer is to be aligned.
            self.case.gpr.rflags &= !rflags::AC;
            return;
        }
        let bytes = u64::from(insn.code().op_code().operand_size() / 8);
        let words = match insn.mnemonic() {
            Mnemonic::Iret | Mnemonic::Iretd | Mnemonic::Iretq => vec![site, code, 0x202, stack, DATA],
            Mnemonic::Retf => vec![site, code],
            _ => return,
        };
        let mut at = self.case.gpr.rsp;
        for word in words {
            self.case.pokes.push((at, word));
            at += bytes.max(2);
        }
    }

    /// What an operand has to hold to be loaded.
    fn contents(&mut self, insn: &Instruction, target: u64) {
        const TRAP_FLAG: u64 = 0x100;
        match insn.mnemonic() {
            Mnemonic::Popf | Mnemonic::Popfd | Mnemonic::Popfq => {
                let flags = flags(self.random) & !TRAP_FLAG;
                let rsp = *gpr(self.case, RSP);
                self.case.pokes.push((rsp, flags));
            }
            Mnemonic::Ldmxcsr | Mnemonic::Vldmxcsr => {
                let mxcsr = self.random.below(1 << 16) | 0x1f80;
                self.case.pokes.push((target, mxcsr));
            }
            Mnemonic::Xrstor | Mnemonic::Xrstor64 => self.xsave_header(target),
            Mnemonic::Fxrstor | Mnemonic::Fxrstor64 => self.case.pokes.push((target + 24, 0x1f80)),
            _ => self.unseen(insn, target),
        }
    }

    /// A header that loads: standard format, some components present.
    fn xsave_header(&mut self, target: u64) {
        let present = self.random.below(8);
        self.case.pokes.extend([(target + 24, 0x1f80), (target + 512, present)]);
        self.case.pokes.extend((1..8).map(|word| (target + 512 + word * 8, 0)));
    }

    /// States that show where the last x87 instruction was, at which offset and in how many bytes.
    fn unseen(&mut self, insn: &Instruction, target: u64) {
        let (offset, bytes) = match insn.mnemonic() {
            Mnemonic::Fnstenv | Mnemonic::Fnsave => (6, 8),
            Mnemonic::Fxsave | Mnemonic::Fxsave64 => (8, 8),
            Mnemonic::Xsave | Mnemonic::Xsave64 | Mnemonic::Xsaveopt | Mnemonic::Xsaveopt64 => (8, 8),
            Mnemonic::Xsavec | Mnemonic::Xsavec64 => (8, 8),
            _ => return,
        };
        self.case.unseen.memory.push((target + offset, bytes));
    }
}
