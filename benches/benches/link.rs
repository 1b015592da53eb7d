//! What do linking, unlinking and taking blocks out cost?
//!
//! Expected: a hundred nanoseconds or two to link or unlink an exit (one store into code and four list entries), one or two
//! microseconds to retire a block (its page lists are searched), and twenty nanoseconds for a landing that is entered
//! into its table again.

use std::time::{Duration, Instant};

use allocator_api2::alloc::Global;
use criterion::{Criterion, Throughput};
use midstride_benches::cache::{Program, Shape, cache};
use midstride_block::{BlockId, CodeCache, ExitId, Landing};

const BLOCKS: usize = 2000;

/// Exits whose targets have blocks, with those.
fn links(cache: &CodeCache<Global>) -> Vec<(ExitId, BlockId)> {
    let exits = (0..).map(ExitId::from_number).map_while(|id| Some((id, *cache.exit(id)?)));
    exits.filter_map(|(id, exit)| Some((id, cache.lookup(exit.target)?))).collect()
}

fn linking(c: &mut Criterion) {
    let program = Program::own(main);
    let mut cache = cache(Some(0));
    for start in program.starts(main, BLOCKS) {
        program.build(&mut cache, start, Shape::default());
    }
    let links = links(&cache);
    let mut group = c.benchmark_group("block/link");
    group.throughput(Throughput::Elements(links.len() as u64));
    group.bench_function("link and unlink", |b| {
        b.iter(|| {
            links.iter().for_each(|&(exit, _)| cache.unlink(exit));
            links.iter().for_each(|&(exit, to)| cache.link(exit, to));
        });
    });
    group.finish();
}

fn retiring(c: &mut Criterion) {
    let program = Program::own(main);
    let starts = program.starts(main, BLOCKS);
    let mut cache = cache(Some(0));
    let mut epoch = 1;
    let mut group = c.benchmark_group("block/retire");
    group.throughput(Throughput::Elements(BLOCKS as u64));
    group.bench_function("linked blocks", |b| {
        b.iter_custom(|rounds| {
            let mut time = Duration::ZERO;
            for _ in 0..rounds {
                for &start in &starts {
                    program.build(&mut cache, start, Shape::default());
                }
                let begin = Instant::now();
                cache.retire_all(epoch);
                epoch += 1;
                cache.reclaim(epoch);
                time += begin.elapsed();
            }
            time
        });
    });
    group.finish();
}

fn landing(c: &mut Criterion) {
    let program = Program::own(main);
    let mut cache = cache(Some(0));
    let starts = program.starts(main, BLOCKS);
    let blocks: Vec<BlockId> =
        starts.iter().map(|&start| program.build(&mut cache, start, Shape::default())).collect();
    let mut group = c.benchmark_group("block/landing");
    group.throughput(Throughput::Elements(BLOCKS as u64));
    let land = |cache: &mut CodeCache<Global>| {
        for &block in &blocks {
            cache.ensure_landing(block, Landing::Indirect).expect("there is room");
        }
    };
    land(&mut cache);
    group.bench_function("entered again", |b| {
        b.iter_custom(|rounds| {
            let mut time = Duration::ZERO;
            for _ in 0..rounds {
                cache.disconnect();
                let begin = Instant::now();
                land(&mut cache);
                time += begin.elapsed();
            }
            time
        });
    });
    group.bench_function("there already", |b| b.iter(|| land(&mut cache)));
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for group in [linking, retiring, landing] {
        group(&mut criterion);
    }
    criterion.final_summary();
}
