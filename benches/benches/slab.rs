//! What do placing, patching, forking and looking at memory cost?
//!
//! Expected: tens of nanoseconds to place a block, one to patch a word, under a microsecond to read a
//! program's bytes through the kernel (and a few nanoseconds through a guarded copy), and for a fork
//! half a millisecond for each MiB of code in use.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use midstride_addr::{AppPc, CachePc};
use midstride_os::{LINUX_PAGES, probe};
use midstride_slab::{Place, Region, Sizes};

/// Bytes of a typical block.
const BLOCK: [u8; 64] = [0x90; 64];

fn region() -> Region {
    let here = AppPc::new(region as *const () as u64);
    let sizes = Sizes { hot: 64 << 20, cold: 16 << 20, data: 16 << 20 };
    Region::reserve(&LINUX_PAGES, &Place::near_pc(here), sizes, 1).expect("address space")
}

/// Places one block; starts the unit again when it is full.
fn place(region: &mut Region) -> CachePc {
    let mut unit = region.unit(0).expect("one unit");
    if unit.left(midstride_slab::Slab::Hot) < 128 {
        // SAFETY: nobody runs the code of this bench.
        unsafe { unit.reset() };
    }
    let mut span = unit.alloc_hot(64, 16).expect("room");
    region.write(&mut span, &BLOCK).expect("our own span");
    span.publish().exec().start()
}

fn placing(c: &mut Criterion) {
    let mut group = c.benchmark_group("slab/place");
    let mut region = region();
    let at = place(&mut region);
    group.bench_function("block of 64 bytes", |b| b.iter(|| place(&mut region)));
    group.bench_function("patched word", |b| {
        // SAFETY: nobody runs the code of this bench.
        b.iter(|| unsafe { region.patch_word(black_box(at), black_box(0x9090)) });
    });
    group.finish();
}

fn forking(c: &mut Criterion) {
    let mut group = c.benchmark_group("slab/fork copy");
    for kib in [64usize, 1024, 4096] {
        let mut region = region();
        for _ in 0..kib * 16 {
            place(&mut region);
        }
        group.throughput(Throughput::Bytes((kib << 10) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{kib} KiB")), |b| {
            b.iter(|| region.prepare_fork().expect("memory").discard_in_parent());
        });
    }
    group.finish();
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("os/read");
    let source = vec![1u8; 8192];
    let address = source.as_ptr().expose_provenance() as u64;
    for bytes in [16, 256, 4096] {
        let mut buffer = vec![0; bytes];
        group.bench_function(BenchmarkId::new("through the kernel", bytes), |b| {
            b.iter(|| probe::read_own(black_box(address), &mut buffer));
        });
        group.bench_function(BenchmarkId::new("guarded", bytes), |b| {
            // SAFETY: the memory is readable, so that no fault happens.
            b.iter(|| unsafe { probe::copy_guarded(black_box(address), &mut buffer) });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for group in [placing, forking, reading] {
        group(&mut criterion);
    }
    criterion.final_summary();
}
