//! How fast does the writer write? A block's worth of typical instructions, and branches to labels.
//!
//! Expected: a few nanoseconds an instruction, hundreds of megabytes a second. The sets that take their
//! operands from a table show what is left when nothing is known at compile time, as in a translator.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use midstride_addr::CachePc;
use midstride_asm::{Alu, Cond, Gpr, Mem, Scale, Shift, Width, Writer};

/// Where the code is meant to run.
const ORIGIN: CachePc = CachePc::new(0x7000_0000_0000);
/// Rounds of a set in one piece of code.
const ROUNDS: usize = 64;

/// Some instructions, and how many they are.
struct Set {
    name: &'static str,
    instructions: usize,
    emit: fn(&mut Writer<'_>, Gpr),
}

const SETS: [Set; 5] = [
    Set { name: "register forms", instructions: 8, emit: register_forms },
    Set { name: "memory forms", instructions: 8, emit: memory_forms },
    Set { name: "immediate forms", instructions: 6, emit: immediate_forms },
    Set { name: "branches to addresses", instructions: 3, emit: branches },
    Set { name: "patchable branches", instructions: 3, emit: patchable },
];

fn register_forms(w: &mut Writer<'_>, r: Gpr) {
    w.mov_rr(Width::W64, r, Gpr::Rdi);
    w.alu_rr(Width::W64, Alu::Add, r, Gpr::R9);
    w.imul_rr(Width::W32, Gpr::Rax, r);
    w.test_rr(Width::W32, r, r);
    w.cmov_rr(Width::W64, Cond::E, Gpr::Rcx, r);
    w.push_r(r);
    w.movzx_rr8(Gpr::Rdx, r);
    w.pop_r(r);
}

fn memory_forms(w: &mut Writer<'_>, r: Gpr) {
    w.mov_rm(Width::W64, r, Mem::base(Gpr::Rsp, 0x40));
    w.mov_mr(Width::W64, Mem::base(r, -8), Gpr::Rax);
    w.mov_rm(Width::W32, Gpr::Rcx, Mem::base_index(Gpr::Rdi, r, Scale::X4, 0));
    w.alu_rm(Width::W64, Alu::Cmp, r, Mem::rip(0x7000_0001_0000));
    w.lea(Width::W64, r, Mem::index(r, Scale::X8, 0x1000));
    w.mov_mr(Width::W64, Mem::rip(0x7000_0001_0008), r);
    w.inc_m(Width::W64, Mem::base(Gpr::R15, 0x180));
    w.push_m(Mem::rip(0x7000_0001_0010));
}

fn immediate_forms(w: &mut Writer<'_>, r: Gpr) {
    w.mov_ri(r, 7);
    w.mov_ri(r, 0x1234_5678_9abc_def0);
    w.alu_ri(Width::W64, Alu::And, r, 0xff);
    w.alu_ri(Width::W64, Alu::Sub, Gpr::Rsp, 0x1000);
    w.shift_ri(Width::W64, Shift::Shl, r, 3);
    w.mov_mi(Width::W32, Mem::base(r, 4), -1);
}

fn branches(w: &mut Writer<'_>, _: Gpr) {
    w.jmp_to(ORIGIN);
    w.jcc_to(Cond::Ne, ORIGIN);
    w.call_to(ORIGIN);
}

fn patchable(w: &mut Writer<'_>, _: Gpr) {
    black_box(w.jmp_patchable(ORIGIN));
    black_box(w.jcc_patchable(Cond::Ne, ORIGIN));
    black_box(w.jmp_nop_patchable(ORIGIN));
}

/// Writes the set again and again, each time with another register; answers the code's size.
fn write(buffer: &mut [u8], emit: fn(&mut Writer<'_>, Gpr)) -> usize {
    let mut w = Writer::new(buffer, ORIGIN);
    for round in 0..ROUNDS {
        // rsp is no index register.
        let r = Gpr::ALL[round % 16];
        emit(&mut w, if r == Gpr::Rsp { Gpr::Rbx } else { r });
    }
    w.finish().expect("the buffer is large and everything is near").bytes().len()
}

fn sets(c: &mut Criterion) {
    let mut buffer = vec![0; 0x10000];
    for set in SETS {
        let mut group = c.benchmark_group(format!("asm/{}", set.name));
        group.throughput(Throughput::Elements((set.instructions * ROUNDS) as u64));
        group.bench_function("instructions", |b| b.iter(|| write(black_box(&mut buffer), set.emit)));
        group.throughput(Throughput::Bytes(write(&mut buffer, set.emit) as u64));
        group.bench_function("bytes", |b| b.iter(|| write(black_box(&mut buffer), set.emit)));
        group.finish();
    }
}

/// A loop and a forward branch, resolved.
fn write_labels(buffer: &mut [u8]) -> usize {
    let mut w = Writer::new(buffer, ORIGIN);
    for _ in 0..ROUNDS / 2 {
        let (again, out) = (w.new_label(), w.new_label());
        w.bind(again);
        w.jcc(Cond::E, out);
        w.dec_r(Width::W32, Gpr::Rcx);
        w.jcc_short(Cond::Ne, again);
        w.bind(out);
    }
    w.finish().expect("all labels are bound").bytes().len()
}

fn labels(c: &mut Criterion) {
    let mut buffer = vec![0; 0x10000];
    let mut group = c.benchmark_group("asm/labels");
    group.throughput(Throughput::Elements((ROUNDS / 2 * 3) as u64));
    group.bench_function("instructions", |b| b.iter(|| write_labels(black_box(&mut buffer))));
    group.finish();
}

/// What one writer costs that writes a single jump, as a stub does.
fn smallest(c: &mut Criterion) {
    let mut buffer = vec![0; 32];
    c.bench_function("asm/one jump", |b| {
        b.iter(|| {
            let mut w = Writer::new(black_box(&mut buffer), ORIGIN);
            w.jmp_to(ORIGIN);
            w.finish().expect("there is room").bytes().len()
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for group in [sets, labels, smallest] {
        group(&mut criterion);
    }
    criterion.final_summary();
}
