//! What does it cost to read, rewrite and place a block of this bench's own code?
//!
//! Expected: two microseconds a block, most of it decoding; up to twice that where liveness is asked for (counting) and
//! where the block compares its code. Blocks are as long as a compiler makes them: five instructions or so.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use midstride_addr::AppPc;
use midstride_benches::cache::{Counts, Program, Shape, cache};
use midstride_block::{Care, Landing, Order};

/// Blocks that are built at once.
const BLOCKS: usize = 2000;

fn shapes() -> [(&'static str, Option<u16>, Shape); 5] {
    let plain = Shape::default();
    let order = |order| Shape { order, ..plain };
    [
        ("plain", None, plain),
        ("linked", Some(0), plain),
        ("with a landing", None, order(Order { landing: Some(Landing::Return), ..plain.order })),
        ("that compares its code", None, order(Order { care: Care::Check, ..plain.order })),
        ("that counts", None, Shape { counts: Counts::Yes, ..plain }),
    ]
}

/// Program bytes of the blocks.
fn bytes_of(program: &Program, starts: &[AppPc]) -> u64 {
    let mut cache = cache(None);
    for &start in starts {
        program.build(&mut cache, start, Shape::default());
    }
    cache.stats().app_bytes
}

fn building(c: &mut Criterion) {
    let program = Program::own(main);
    let starts = program.starts(main, BLOCKS);
    let app_bytes = bytes_of(&program, &starts);
    let mut group = c.benchmark_group("block/build");
    for (name, trust, shape) in shapes() {
        let mut cache = cache(trust);
        let mut epoch = 1;
        let mut build = |rounds: u64| {
            let mut time = Duration::ZERO;
            for _ in 0..rounds {
                let begin = Instant::now();
                for &start in &starts {
                    program.build(&mut cache, start, shape);
                }
                time += begin.elapsed();
                cache.retire_all(epoch);
                epoch += 1;
                cache.reclaim(epoch);
            }
            time
        };
        group.throughput(Throughput::Elements(BLOCKS as u64));
        group.bench_function(name, |b| b.iter_custom(&mut build));
        if name == "plain" {
            group.throughput(Throughput::Bytes(app_bytes));
            group.bench_function("plain, program bytes", |b| b.iter_custom(&mut build));
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    building(&mut criterion);
    criterion.final_summary();
}
