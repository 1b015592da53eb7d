//! Every way to leave a block.

use midstride_addr::CachePc;
use midstride_asm::{Cond, Gpr, Mem, Scale, Width, Writer};

use super::bench::Bench;
use super::case::{Case, Piece};
use super::graph::SLOT_BYTES;
use super::machine::Machine;
use super::rewriting::Rewriting;
use super::steer::{gpr, number};
use super::stepping::Steps;
use super::world::Window;
use crate::Random;

/// Where code leads.
struct Places {
    start: u64,
    site: CachePc,
    /// Data that holds the site's address, in reach and out of the cache's.
    near: u64,
    far: u64,
    /// Data that cannot be executed.
    data: CachePc,
}

type Shape = fn(&mut Writer<'_>, &Places);

const SHAPES: [(&str, Shape); 32] = [
    ("jmp to itself", |w, p| w.jmp_to(CachePc::new(p.start))),
    ("jmp", |w, p| w.jmp_to(p.site)),
    ("jmp to data", |w, p| w.jmp_to(p.data)),
    ("jcc", |w, p| w.jcc_to(Cond::B, p.site)),
    ("call", |w, p| w.call_to(p.site)),
    ("call next", |w, p| w.call_to(CachePc::new(p.start + 5))),
    ("ret", |w, _| w.ret()),
    ("ret imm", |w, _| w.ret_i(24)),
    ("rep ret", |w, _| w.bytes(&[0xf3, 0xc3])),
    ("jmp rax", |w, _| w.jmp_r(Gpr::Rax)),
    ("jmp rcx", |w, _| w.jmp_r(Gpr::Rcx)),
    ("jmp r11", |w, _| w.jmp_r(Gpr::R11)),
    ("jmp rsp", |w, _| w.jmp_r(Gpr::Rsp)),
    ("jmp near memory", |w, p| w.jmp_m(Mem::rip(p.near))),
    ("jmp far memory", |w, p| w.jmp_m(Mem::rip(p.far))),
    ("call rsp", |w, _| w.call_r(Gpr::Rsp)),
    ("call rcx", |w, _| w.call_r(Gpr::Rcx)),
    ("call [rsp]", |w, _| w.call_m(Mem::base(Gpr::Rsp, 0))),
    ("call [rcx]", |w, _| w.call_m(Mem::base(Gpr::Rcx, 0))),
    ("call [rsp+r13*8]", |w, _| w.call_m(Mem::base_index(Gpr::Rsp, Gpr::R13, Scale::X8, 0))),
    ("call far memory", |w, p| w.call_m(Mem::rip(p.far))),
    ("loop", |w, _| w.bytes(&[0xe2, 0xfe])),
    ("loope ecx", |w, _| w.bytes(&[0x67, 0xe1, 0x02])),
    ("loopne", |w, _| w.bytes(&[0xe0, 0x02])),
    ("jecxz", |w, _| w.bytes(&[0x67, 0xe3, 0x02])),
    ("int3", |w, _| w.int3()),
    ("ud2", |w, _| w.ud2()),
    ("int 81h", |w, _| w.bytes(&[0xcd, 0x81])),
    ("syscall", |w, _| {
        w.inc_r(Width::W64, Gpr::Rbx);
        w.syscall();
    }),
    ("syscall at once", |w, _| w.syscall()),
    ("store to nowhere", |w, _| {
        w.mov_ri(Gpr::Rax, 0);
        w.mov_mr(Width::W64, Mem::base(Gpr::Rax, 8), Gpr::Rcx);
        w.ret();
    }),
    ("push to nowhere", |w, p| {
        w.mov_ri(Gpr::Rsp, 0x10);
        w.call_to(p.site);
    }),
];

/// Starts of each shape.
const STARTS: u64 = 3;

/// Steps through code of each shape, rewritten in all of these ways.
#[must_use]
pub fn step_through_shapes(seed: u64, rewritings: &[Rewriting]) -> Steps {
    let mut random = Random::new(seed);
    let mut bench = Bench::new(&mut random, rewritings);
    let slots: Vec<u64> = bench.machine.slots(SLOT_BYTES).collect();
    let mut steps = Steps::default();
    for (n, (name, shape)) in SHAPES.iter().enumerate() {
        let case = shaped(*shape, &bench.machine, slots[n]);
        bench.place(&case, slots[n], SLOT_BYTES);
        for rewriter in 0..bench.rewriters.len() {
            for _ in 0..STARTS {
                let case = start(case.clone(), &mut random, &bench.machine);
                bench.step_through(&case, rewriter, &mut steps);
            }
        }
        steps.differences.iter_mut().for_each(|report| report.name(name));
    }
    steps
}

fn shaped(shape: Shape, machine: &Machine, slot: u64) -> Case {
    let mut buffer = [0; 64];
    let mut w = Writer::new(&mut buffer, CachePc::new(slot));
    let sites = [slot + 0x100, slot + 0x110];
    let world = &machine.world;
    let (near, far) = (world.window(Window::Near) + 0x40, world.window(Window::Far) + 0x40);
    let data = CachePc::new(world.window(Window::Near));
    shape(&mut w, &Places { start: slot, site: CachePc::new(sites[0]), near, far, data });
    let bytes = w.finish().expect("shapes are short").bytes().to_vec();
    let behind = slot + bytes.len() as u64;
    let mut case = Case { sites: vec![sites[0], sites[1], behind], ..Case::default() };
    case.pieces.push(Piece { start: slot, bytes });
    case.gpr.rip = slot;
    case.pokes.extend([(near, sites[0]), (far, sites[1])]);
    case
}

/// Random registers: many lead to a site, or to where its address stands.
fn start(mut case: Case, random: &mut Random, machine: &Machine) -> Case {
    let stack = machine.world.window(Window::Stack) + 0x800;
    let cell = machine.world.window(Window::Near) + 0x40;
    for register in 0..16 {
        let site = case.sites[random.below(2) as usize];
        *gpr(&mut case, register) = match random.below(4) {
            0 => site,
            1 => cell,
            2 => random.below(16),
            _ => number(random),
        };
    }
    (case.gpr.rsp, case.gpr.r13) = (stack, random.below(8));
    case.gpr.rflags = 0x202 | random.next_u64() & 0x8d5;
    case.pokes.extend((0..8).map(|word| (stack + word * 8, case.sites[word as usize % 2])));
    case.vectors = random.below(machine.states() as u64) as usize;
    case
}
