//! Straight-line code, and blocks that lead to each other.

use iced_x86::Code;
use midstride_addr::CachePc;
use midstride_asm::{Cond, Gpr, Mem, Scale, Width, Writer};

use super::body::Bodies;
use super::case::{Case, Piece};
use super::machine::{Machine, SITE_BYTES};
use super::world::{Window, World};
use crate::Random;

/// Bytes of a place for a case.
pub(crate) const SLOT_BYTES: u64 = 0x800;
/// From one block to the next.
const STRIDE: u64 = 0xc0;
const BLOCKS: u64 = 8;
/// Behind all blocks.
const SITES_AT: u64 = BLOCKS * STRIDE;
const SITES: u64 = 4;
const _: () = assert!(SITES_AT + SITES * 0x10 <= SLOT_BYTES);
/// In the near window: how many more blocks may be entered, and addresses of blocks.
const FUEL_AT: u64 = 0xe00;
const CELLS_AT: u64 = 0xe40;
const CELLS: u64 = 8;
/// Instructions of a block's body, and of straight-line code.
const BODY: u64 = 5;
const STRAIGHT: u64 = 14;

/// Makes cases of many instructions.
pub(crate) struct Graphs {
    bodies: Bodies,
}

/// What a case is made with.
struct Making<'m> {
    random: &'m mut Random,
    world: &'m World,
    slot: u64,
    blocks: u64,
}

impl Graphs {
    /// Of these forms.
    pub(crate) fn new(forms: impl IntoIterator<Item = Code>) -> Self {
        Self { bodies: Bodies::new(forms) }
    }

    /// Instructions in a row.
    pub(crate) fn straight(&mut self, random: &mut Random, machine: &Machine, slot: u64) -> Case {
        let world = &machine.world;
        let count = random.below(STRAIGHT) + 2;
        let bytes = self.bodies.body(count, random, world, slot);
        let sites = vec![slot + bytes.len() as u64];
        let mut case = Case { sites, ..Case::default() };
        start(random, machine, &mut case, slot);
        case.pieces.push(Piece { start: slot, bytes });
        case
    }

    /// Blocks that lead to each other by branches, calls, returns and loops. Bounded: each block takes from what
    /// is left of a number, and leaves when that is used up.
    pub(crate) fn graph(&mut self, random: &mut Random, machine: &Machine, slot: u64) -> Case {
        let world = &machine.world;
        let blocks = random.below(BLOCKS - 1) + 2;
        let sites = (0..SITES).map(|site| slot + SITES_AT + site * 0x10).collect();
        let mut case = Case { sites, ..Case::default() };
        let mut making = Making { random, world, slot, blocks };
        for number in 0..blocks {
            let bytes = self.block(&mut making, number);
            case.pieces.push(Piece { start: making.block(number), bytes });
        }
        making.pokes(&mut case);
        start(making.random, machine, &mut case, slot);
        case
    }

    fn block(&mut self, making: &mut Making<'_>, number: u64) -> Vec<u8> {
        let start = making.block(number);
        let mut buffer = [0; STRIDE as usize];
        let mut w = Writer::new(&mut buffer, CachePc::new(start));
        making.take_fuel(&mut w);
        let pc = w.pc().get();
        let count = making.random.below(BODY);
        let body = self.bodies.body(count, making.random, making.world, pc);
        w.bytes(&body);
        let last = LASTS[making.random.below(LASTS.len() as u64) as usize];
        last(&mut w, making);
        w.finish().expect("blocks are shorter than their stride").bytes().to_vec()
    }
}

fn start(random: &mut Random, machine: &Machine, case: &mut Case, slot: u64) {
    Bodies::registers(random, &machine.world, case);
    case.vectors = random.below(machine.states() as u64) as usize;
    case.gpr.rip = slot;
}

/// An end of a block.
type Last = fn(&mut Writer<'_>, &mut Making<'_>);

const LASTS: [Last; 18] = [
    |w, m| w.jmp_to(m.to()),
    |w, m| {
        w.jcc_to(m.cond(), m.to());
        w.jmp_to(m.to());
    },
    |w, m| {
        w.jcc_to(m.cond(), m.to());
        w.jcc_to(m.cond(), m.to());
        w.jmp_to(m.to());
    },
    |w, m| {
        w.call_to(m.to());
        w.jmp_to(m.to());
    },
    |w, _| w.ret(),
    |w, _| w.ret(),
    |w, _| w.ret_i(16),
    |w, m| w.jmp_m(m.cell()),
    |w, m| {
        w.call_m(m.cell());
        w.jmp_to(m.to());
    },
    |w, m| {
        let to = m.to();
        w.mov_ri(Gpr::Rax, to.get());
        w.jmp_r(Gpr::Rax);
    },
    |w, m| {
        let cell = m.cell();
        w.mov_rm(Width::W64, Gpr::Rcx, cell);
        w.call_r(Gpr::Rcx);
        w.jmp_to(m.to());
    },
    |w, m| w.jmp_m(m.indexed_cell()),
    |w, m| {
        w.call_m(m.indexed_cell());
        w.jmp_to(m.to());
    },
    |w, m| counted(w, m, &[0xe2]),
    |w, m| counted(w, m, &[0xe1]),
    |w, m| counted(w, m, &[0x67, 0xe3]),
    |w, m| w.jmp_to(m.site()),
    |w, m| {
        w.push_m(m.cell());
        w.ret();
    },
];

/// A branch that has only a byte of reach, over a jump to another.
fn counted(w: &mut Writer<'_>, making: &mut Making<'_>, opcode: &[u8]) {
    const JUMP: u8 = 5;
    w.bytes(opcode);
    w.u8(JUMP);
    w.jmp_to(making.to());
    w.jmp_to(making.to());
}

impl Making<'_> {
    fn block(&self, number: u64) -> u64 {
        self.slot + number * STRIDE
    }

    /// A block, or now and then a site.
    fn to(&mut self) -> CachePc {
        if self.random.below(10) == 0 {
            return self.site();
        }
        let number = self.random.below(self.blocks);
        CachePc::new(self.block(number))
    }

    fn site(&mut self) -> CachePc {
        CachePc::new(self.slot + SITES_AT + self.random.below(SITES) * 0x10)
    }

    fn cond(&mut self) -> Cond {
        Cond::ALL[self.random.below(16) as usize]
    }

    fn near(&self, offset: u64) -> u64 {
        self.world.window(Window::Near) + offset
    }

    /// A word that holds an address of a block.
    fn cell(&mut self) -> Mem {
        let number = self.random.below(CELLS);
        match self.random.below(3) {
            0 => Mem::base(Gpr::Rbx, (CELLS_AT - 0x400 + number * 8) as i32),
            1 => Mem::base(Gpr::R12, (CELLS_AT - 0x700 + number * 8) as i32),
            _ => Mem::rip(self.near(CELLS_AT + number * 8)),
        }
    }

    fn indexed_cell(&mut self) -> Mem {
        Mem::base_index(Gpr::R13, Gpr::R14, Scale::X8, (CELLS_AT - 0x480) as i32)
    }

    /// Goes on only if there is fuel. No flag and no register changes, but at the way out.
    fn take_fuel(&mut self, w: &mut Writer<'_>) {
        let fuel = Mem::rip(self.near(FUEL_AT));
        let (out, body) = (w.new_label(), w.new_label());
        w.xchg_rm(Width::W64, Gpr::Rcx, fuel);
        w.lea(Width::W64, Gpr::Rcx, Mem::base(Gpr::Rcx, -1));
        w.jrcxz(out);
        w.xchg_rm(Width::W64, Gpr::Rcx, fuel);
        w.jmp_short(body);
        w.bind(out);
        w.jmp_to(self.site());
        w.bind(body);
    }

    /// Fuel, cells, and return addresses on the stack.
    fn pokes(&mut self, case: &mut Case) {
        let fuel = self.random.below(30) + 2;
        case.pokes.push((self.near(FUEL_AT), fuel));
        for cell in 0..CELLS {
            let to = self.to().get();
            case.pokes.push((self.near(CELLS_AT + cell * 8), to));
        }
        let rsp = self.world.window(Window::Stack) + 0x800;
        for word in 0..24 {
            let to = self.to().get();
            case.pokes.push((rsp + word * 8, to));
        }
    }
}

const _: () = assert!(SITE_BYTES <= 0x10);
