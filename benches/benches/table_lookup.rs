//! What does it cost to find the block of a program pc, and the meaning of a cache pc?
//!
//! Expected: some eight nanoseconds for a program pc while the table fits the cache, more when it does not; a few hundred
//! for a cache pc, which goes through three binary searches.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use midstride_addr::{AppPc, CachePc};
use midstride_benches::cache::{Program, Shape, cache};

fn finding(c: &mut Criterion) {
    let program = Program::own(main);
    let all = program.starts(main, 8000);
    for count in [500, 8000] {
        let starts = &all[..count];
        let mut cache = cache(Some(0));
        let places: Vec<CachePc> = starts
            .iter()
            .map(|&start| {
                let id = program.build(&mut cache, start, Shape::default());
                cache.block(id).map_or(CachePc::new(0), |block| block.body)
            })
            .collect();
        let absent: Vec<AppPc> = starts.iter().map(|start| start.add(1 << 40)).collect();
        let mut group = c.benchmark_group("block/find");
        group.throughput(Throughput::Elements(count as u64));
        let look_up = |pcs: &[AppPc]| pcs.iter().filter(|&&pc| cache.lookup(black_box(pc)).is_some()).count();
        group.bench_function(BenchmarkId::new("program pc", count), |b| b.iter(|| look_up(starts)));
        group.bench_function(BenchmarkId::new("unknown program pc", count), |b| b.iter(|| look_up(&absent)));
        group.bench_function(BenchmarkId::new("cache pc", count), |b| {
            b.iter(|| places.iter().filter(|&&pc| cache.find(black_box(pc)).is_some()).count());
        });
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    finding(&mut criterion);
    criterion.final_summary();
}
