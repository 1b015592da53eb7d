//! Random programs of a few blocks that lead to each other.

use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_asm::{Alu, Cond, Gpr, Lock, Mem, Scale, Shift, Width, Writer};
use midstride_block::{AppCode, copy_code};
use midstride_testkit::Random;

use crate::machine::{COMPARED_FLAGS, Regs};
use crate::memory::{DATA, Memory, STACK};

/// Blocks of a program, and bytes from one to the next.
pub(crate) const BLOCKS: u64 = 6;
pub(crate) const STRIDE: u64 = 0x100;
/// Instructions before the last one.
const LENGTH: u64 = 8;

/// A block's code and its place.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) start: u64,
    pub(crate) code: Vec<u8>,
}

/// A program; nothing but its blocks can be executed.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) blocks: Vec<Piece>,
}

impl Program {
    /// A program of one block.
    pub(crate) fn of(memory: &Memory, code: &[u8]) -> Self {
        Self { blocks: vec![Piece { start: memory.code, code: code.to_vec() }] }
    }

    pub(crate) fn contains(&self, pc: u64) -> bool {
        self.ranges().iter().any(|range| range.contains(AppPc::new(pc)))
    }

    pub(crate) fn ranges(&self) -> Vec<AppRange> {
        let range = |piece: &Piece| {
            AppRange::new(AppPc::new(piece.start), AppPc::new(piece.start + piece.code.len() as u64))
        };
        self.blocks.iter().map(range).collect()
    }
}

impl AppCode for Program {
    fn read(&self, pc: AppPc, buffer: &mut [u8]) -> usize {
        copy_code(self.bytes(pc), buffer)
    }
}

impl Program {
    /// The code from `pc` on.
    pub(crate) fn bytes(&self, pc: AppPc) -> &[u8] {
        let inside = |piece: &&Piece| pc.get().wrapping_sub(piece.start) < piece.code.len() as u64;
        let piece = self.blocks.iter().find(inside);
        piece.map_or(&[], |piece| &piece.code[(pc.get() - piece.start) as usize..])
    }
}

/// Where operands come from.
struct Source<'r, 'm> {
    random: &'r mut Random,
    memory: &'m Memory,
}

impl Source<'_, '_> {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Any register but rsp.
    fn reg(&mut self) -> Gpr {
        loop {
            let reg = self.pick(&Gpr::ALL);
            if reg != Gpr::Rsp {
                return reg;
            }
        }
    }

    fn width(&mut self) -> Width {
        self.pick(&[Width::W8, Width::W16, Width::W32, Width::W64, Width::W64])
    }

    fn wide(&mut self) -> Width {
        self.pick(&[Width::W16, Width::W32, Width::W64])
    }

    fn cond(&mut self) -> Cond {
        Cond::ALL[self.below(16) as usize]
    }

    fn alu(&mut self) -> Alu {
        self.pick(&[Alu::Add, Alu::Or, Alu::Adc, Alu::Sbb, Alu::And, Alu::Sub, Alu::Xor, Alu::Cmp])
    }

    fn shift(&mut self) -> Shift {
        self.pick(&[Shift::Rol, Shift::Ror, Shift::Rcl, Shift::Rcr, Shift::Shl, Shift::Shr, Shift::Sar])
    }

    fn imm(&mut self) -> i32 {
        match self.below(3) {
            0 => self.below(256) as i32 - 128,
            _ => self.random.next_u64() as i32,
        }
    }

    /// An operand in memory: near, far, on the stack, or where a register points.
    fn mem(&mut self) -> Mem {
        let offset = self.below(DATA - 8);
        let small = self.below(64) as i32 - 16;
        match self.below(8) {
            0..=1 => Mem::rip(self.memory.near + offset),
            2 => Mem::rip(self.memory.far + offset),
            3..=4 => Mem::base(Gpr::Rsp, small * 2),
            5 => Mem::base_index(self.reg(), Gpr::R13, Scale::X2, small),
            _ => Mem::base(self.reg(), small),
        }
    }
}

/// An instruction that falls through.
type Form = fn(&mut Writer<'_>, &mut Source<'_, '_>);

const FORMS: [Form; 52] = [
    |w, s| w.mov_rr(s.width(), s.reg(), s.reg()),
    |w, s| w.mov_rm(s.width(), s.reg(), s.mem()),
    |w, s| w.mov_mr(s.width(), s.mem(), s.reg()),
    |w, s| w.mov_mi(s.width(), s.mem(), 17),
    |w, s| w.mov_ri(s.reg(), s.random.next_u64() >> 20),
    |w, s| w.movzx_rm8(s.reg(), s.mem()),
    |w, s| w.movzx_rr16(s.reg(), s.reg()),
    |w, s| w.movsxd_rm(s.reg(), s.mem()),
    |w, s| w.lea(Width::W64, s.reg(), s.mem()),
    |w, s| w.lea(Width::W32, s.reg(), s.mem()),
    |w, s| w.push_r(s.reg()),
    |w, s| w.pop_r(s.reg()),
    |w, s| w.push_m(s.mem()),
    |w, s| w.pop_m(s.mem()),
    |w, s| w.push_i(s.imm()),
    |w, _| w.push_r(Gpr::Rsp),
    |w, _| w.pushfq(),
    |w, s| w.xchg_rr(s.width(), s.reg(), s.reg()),
    |w, s| w.xchg_rm(s.width(), s.reg(), s.mem()),
    |w, s| w.xadd_mr(s.width(), Lock::Locked, s.mem(), s.reg()),
    |w, s| w.cmpxchg_mr(s.width(), Lock::Locked, s.mem(), s.reg()),
    |w, s| w.bswap_r(Width::W64, s.reg()),
    |w, s| w.cmov_rr(s.wide(), s.cond(), s.reg(), s.reg()),
    |w, s| w.cmov_rm(s.wide(), s.cond(), s.reg(), s.mem()),
    |w, s| w.setcc_r(s.cond(), s.reg()),
    |w, s| w.setcc_m(s.cond(), s.mem()),
    |w, _| w.cqo(),
    |w, s| w.alu_rr(s.width(), s.alu(), s.reg(), s.reg()),
    |w, s| w.alu_rm(s.width(), s.alu(), s.reg(), s.mem()),
    |w, s| w.alu_mr(s.width(), s.alu(), s.mem(), s.reg()),
    |w, s| w.alu_ri(Width::W64, s.alu(), s.reg(), s.imm()),
    |w, s| w.alu_mi(Width::W32, s.alu(), s.mem(), s.imm()),
    |w, s| w.test_rr(s.width(), s.reg(), s.reg()),
    |w, s| w.inc_r(s.width(), s.reg()),
    |w, s| w.dec_m(s.width(), s.mem()),
    |w, s| w.not_r(s.width(), s.reg()),
    |w, s| w.neg_m(s.width(), s.mem()),
    |w, s| w.mul_r(s.width(), s.reg()),
    |w, s| w.div_m(s.width(), s.mem()),
    |w, s| w.imul_rr(s.wide(), s.reg(), s.reg()),
    |w, s| w.imul_rmi(Width::W32, s.reg(), s.mem(), s.imm()),
    |w, s| w.shift_rcl(s.width(), s.shift(), s.reg()),
    |w, s| w.shift_mi(s.width(), s.shift(), s.mem(), 5),
    |w, s| w.bt_rr(s.wide(), s.reg(), s.reg()),
    |w, s| w.bts_mi(s.wide(), s.mem(), 9),
    |w, s| w.bsf_rm(s.wide(), s.reg(), s.mem()),
    |w, _| w.lahf(),
    |w, _| w.sahf(),
    |w, _| w.stc(),
    |w, _| w.cmc(),
    |w, _| w.rep_movsb(),
    |w, _| w.cld(),
];

/// An instruction that ends a block.
type Last = fn(&mut Writer<'_>, &mut Source<'_, '_>, u64);

const LASTS: [Last; 18] = [
    |w, _, to| w.jmp_to(CachePc::new(to)),
    |w, s, to| w.jcc_to(s.cond(), CachePc::new(to)),
    |w, s, to| w.jcc_to(s.cond(), CachePc::new(to)),
    |w, _, to| w.call_to(CachePc::new(to)),
    |w, _, _| w.ret(),
    |w, _, _| w.ret(),
    |w, _, _| w.ret_i(8),
    |w, s, _| w.jmp_r(s.reg()),
    |w, s, _| w.jmp_m(s.mem()),
    |w, s, _| w.call_r(s.reg()),
    |w, s, _| w.call_m(s.mem()),
    |w, _, _| w.jmp_r(Gpr::Rcx),
    |w, _, _| w.call_m(Mem::base_index(Gpr::Rsp, Gpr::Rcx, Scale::X8, 0)),
    |w, _, _| w.bytes(&[0xe2, 0x10]),       // loop +16
    |w, _, _| w.bytes(&[0x67, 0xe3, 0xf0]), // jecxz -16
    |w, _, _| w.int3(),
    |w, _, _| w.ud2(),
    |w, _, _| w.nop(3),
];

/// A random program.
pub(crate) fn program(random: &mut Random, memory: &Memory) -> Program {
    let mut source = Source { random, memory };
    let blocks = (0..BLOCKS).map(|n| Piece { start: memory.code + n * STRIDE, code: block(&mut source, n) });
    Program { blocks: blocks.collect() }
}

fn block(source: &mut Source<'_, '_>, number: u64) -> Vec<u8> {
    let mut buffer = [0; STRIDE as usize];
    let mut w = Writer::new(&mut buffer, CachePc::new(source.memory.code + number * STRIDE));
    for _ in 0..source.below(LENGTH) {
        source.pick(&FORMS)(&mut w, source);
    }
    let to = source.memory.code + source.below(BLOCKS) * STRIDE;
    source.pick(&LASTS)(&mut w, source, to);
    w.finish().expect("blocks are shorter than their stride").bytes().to_vec()
}

/// Registers to start with: most point to data, some to blocks.
pub(crate) fn registers(random: &mut Random, program: &Program, memory: &Memory) -> Regs {
    let mut regs = Regs { pc: program.blocks[0].start, ..Regs::default() };
    regs.flags = random.next_u64() & COMPARED_FLAGS & !0x400;
    for gpr in &mut regs.gprs {
        *gpr = match random.below(8) {
            0 => random.next_u64(),
            1 => random.below(64),
            2 => program.blocks[random.below(program.blocks.len() as u64) as usize].start,
            3 => memory.stack + random.below(STACK - 64),
            _ => memory.near + 64 + random.below(DATA - 128),
        };
    }
    regs.gprs[usize::from(Gpr::Rsp.number())] = memory.stack + STACK / 2 + random.below(16) * 8;
    regs.gprs[usize::from(Gpr::R13.number())] = random.below(16);
    regs
}
