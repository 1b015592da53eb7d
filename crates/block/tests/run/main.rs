//! Blocks do what the program's code does: both are run on the processor, one instruction at a time.
//!
//! Random blocks that lead to each other run natively first. Then they are built, linked and run in the cache, and
//! behind *every* instruction of the cache, what [`CodeCache::find`](midstride_block::CodeCache::find) makes of the
//! registers is compared with the native state that the program has reached. So a translation that is wrong
//! anywhere, even between two instructions of a landing, shows up, and so does a link to the wrong place, a
//! clobbered flag or a fault reported elsewhere. Memory is compared at the end.
//!
//! Compared are general registers, status flags and memory; vector registers are not used.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod compare;
mod generate;
mod machine;
mod memory;
mod rewritten;
mod shapes;

use midstride_asm::Gpr;
use midstride_block::{Care, Landing, Rotate};
use midstride_testkit::Random;

use compare::compare;
use generate::{Program, program, registers};
use machine::Machine;
use memory::Memory;
use rewritten::{Building, Rewriting, Rewritten, Slots};

/// Programs per way of rewriting, and starts of each.
const PROGRAMS: u64 = 40;
const STARTS: u64 = 3;

/// What is common to all runs of a test.
struct Bench {
    machine: Machine,
    memory: Memory,
}

impl Bench {
    fn new() -> Self {
        let machine = Machine::new();
        let memory = Memory::new();
        Self { machine, memory }
    }

    /// Random programs, natively and rewritten; answers how many instructions of the cache were looked at.
    fn try_programs(&mut self, rewriting: &Rewriting) -> usize {
        let mut looked_at = 0;
        for seed in 0..PROGRAMS {
            let mut random = Random::new(seed);
            let program = program(&mut random, &self.memory);
            println!("program {seed}, {rewriting:?}");
            looked_at += self.try_program(rewriting, &program, &mut random);
        }
        looked_at
    }

    fn try_program(&mut self, rewriting: &Rewriting, program: &Program, random: &mut Random) -> usize {
        self.memory.place(program);
        let mut rewritten = Rewritten::new(&self.memory, program, rewriting);
        let mut looked_at = 0;
        for start in 0..STARTS {
            println!("start {start}");
            self.memory.fill(random);
            let regs = registers(random, program, &self.memory);
            looked_at += compare(&mut self.machine, &mut self.memory, &mut rewritten, program, &regs);
        }
        looked_at
    }
}

/// How most tests rewrite.
fn plainly() -> Rewriting {
    Rewriting {
        slots: Slots::Gs,
        rotate: rotate(),
        landing: None,
        care: Care::Trust,
        count: None,
        far: false,
        building: Building::First,
    }
}

fn rotate() -> Rotate {
    if std::arch::is_x86_feature_detected!("bmi2") { Rotate::Rorx } else { Rotate::None }
}

#[test]
fn blocks_do_what_the_program_does() {
    let looked_at = Bench::new().try_programs(&plainly());
    assert!(looked_at > 4_000, "only {looked_at} instructions were run");
}

#[test]
fn blocks_that_run_into_each_other_do_what_the_program_does() {
    let looked_at = Bench::new().try_programs(&Rewriting { building: Building::AsReached, ..plainly() });
    assert!(looked_at > 2_000, "only {looked_at} instructions were run");
}

#[test]
fn blocks_entered_by_landings_do_what_the_program_does() {
    let mut bench = Bench::new();
    for landing in [Landing::Return, Landing::Indirect] {
        for rotate in [rotate(), Rotate::None] {
            bench.try_programs(&Rewriting { landing: Some(landing), rotate, ..plainly() });
        }
    }
}

#[test]
fn slots_at_an_address_serve_as_well() {
    Bench::new().try_programs(&Rewriting { slots: Slots::Absolute, ..plainly() });
}

#[test]
fn blocks_out_of_reach_do_what_the_program_does() {
    let landing = Some(Landing::Indirect);
    Bench::new().try_programs(&Rewriting { far: true, landing, ..plainly() });
}

#[test]
fn blocks_that_look_out_for_changes_do_what_the_program_does() {
    let mut bench = Bench::new();
    bench.try_programs(&Rewriting { care: Care::Check, ..plainly() });
    bench.try_programs(&Rewriting { care: Care::Check, far: true, ..plainly() });
}

#[test]
fn counting_blocks_do_what_the_program_does() {
    Bench::new().try_programs(&Rewriting { count: Some(0), ..plainly() });
    Bench::new().try_programs(&Rewriting { count: Some(2), landing: Some(Landing::Return), ..plainly() });
}

#[test]
fn every_way_to_leave_a_block_is_carried_out() {
    let mut bench = Bench::new();
    for (name, code) in shapes::shapes(&bench.memory) {
        for rewriting in shapes::rewritings() {
            println!("{name}, {rewriting:?}");
            let program = Program::of(&bench.memory, &code);
            let mut random = Random::new(1);
            bench.try_program(&rewriting, &program, &mut random);
        }
    }
}

#[test]
fn a_difference_is_noticed() {
    let mut bench = Bench::new();
    let mut random = Random::new(0);
    let program = Program::of(&bench.memory, &[0x48, 0xff, 0xc0, 0xc3]); // inc rax; ret
    bench.memory.place(&program);
    bench.memory.fill(&mut random);
    let start = registers(&mut random, &program, &bench.memory);
    let native = compare::native(&mut bench.machine, &mut bench.memory, &program, &start);
    let mut other = native.clone();
    other.points[1].regs.gprs[usize::from(Gpr::Rax.number())] ^= 1;
    let mut rewritten = Rewritten::new(&bench.memory, &program, &plainly());
    let mut differs = |native| {
        let Bench { machine, memory } = &mut bench;
        let run = std::panic::AssertUnwindSafe(|| {
            compare::against(machine, memory, &mut rewritten, &program, &native);
        });
        std::panic::catch_unwind(run).is_err()
    };
    assert_eq!([native, other].map(&mut differs), [false, true]);
}
