//! What does a site cost while code is compiled, and when somebody asks for it?
//!
//! Expected: some tens of nanoseconds to record a site, so 2 ms for a megabyte of wasm with a site every ten bytes;
//! a look-up reads half of sixteen records: some hundred nanoseconds. An image is written and checked at the
//! speed of memory.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use midstride_frame::Register;
use midstride_statemap::{
    CompactMap, CompactMapBuilder, Image, LinearMemory, Memory, MemoryPages, Operand, Phase, Place,
    SiteState, SiteView, State, ValType, write_image,
};

/// Sites of the function.
const SITES: u32 = 4096;

/// Like a compiler's: a stack of which the top changes, a few locals in registers.
#[derive(Clone, Default)]
struct Cache {
    operands: Vec<Operand>,
    unchanged: u32,
    locals: Vec<(u32, Place)>,
}

impl SiteView for Cache {
    fn operand_count(&self) -> u32 {
        self.operands.len() as u32
    }

    fn unchanged_operands(&self) -> u32 {
        self.unchanged
    }

    fn operand(&self, index: u32) -> Operand {
        self.operands[index as usize]
    }

    fn locals(&self) -> &[(u32, Place)] {
        &self.locals
    }
}

/// Caches as they follow each other: loads and stores, a call now and then.
fn caches() -> Vec<(Phase, Cache)> {
    let mut seed = 1_u32;
    let mut random = move |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    let register = |number: u32| Place::Register(Register::gpr(number as u8).expect("below 16"));
    let mut cache = Cache::default();
    let mut all = Vec::new();
    for _ in 0..SITES {
        let call = random(8) == 0;
        let keep = cache.operands.len().saturating_sub(random(3) as usize);
        cache.operands.truncate(keep);
        cache.unchanged = keep as u32;
        if call {
            cache.operands.iter_mut().for_each(|operand| operand.place = Place::Home);
            (cache.unchanged, cache.locals) = (0, Vec::new());
        } else if cache.operands.len() < 6 {
            let place = if random(3) == 0 { Place::Local(random(12)) } else { register(random(4)) };
            cache.operands.push(Operand { ty: ValType::I32, place });
        }
        if !call && random(4) == 0 {
            let local = random(12);
            cache.locals.retain(|(other, _)| *other != local);
            let at = cache.locals.partition_point(|(other, _)| *other < local);
            cache.locals.insert(at, (local, register(8 + local % 8)));
        }
        all.push((if call { Phase::Call } else { Phase::Trap }, cache.clone()));
    }
    all
}

fn record(builder: &mut CompactMapBuilder, caches: &[(Phase, Cache)], out: &mut Vec<u8>) {
    builder.start(0, &[(16, ValType::I32)]);
    for (site, (phase, cache)) in (0..).zip(caches) {
        builder.site(site * 14, site * 7, *phase, cache).expect("in order");
    }
    builder.finish(0, out);
}

fn maps(c: &mut Criterion) {
    let caches = caches();
    let mut builder = CompactMapBuilder::new();
    let mut bytes = Vec::new();
    record(&mut builder, &caches, &mut bytes);
    println!("statemap: {:.2} bytes for each site", bytes.len() as f64 / f64::from(SITES));
    let mut group = c.benchmark_group("statemap/map");
    group.throughput(Throughput::Elements(SITES.into()));
    group.bench_function("record", |b| {
        b.iter_batched_ref(
            || Vec::with_capacity(bytes.len()),
            |out| record(&mut builder, &caches, out),
            BatchSize::LargeInput,
        );
    });
    let map = CompactMap::parse(&bytes).expect("it was just written");
    let mut state = SiteState::default();
    group.bench_function("find by code", |b| {
        b.iter(|| {
            for site in 0..SITES {
                let found = map.find_code(black_box(site * 14), &mut state).expect("it is a map");
                assert_eq!(found.map(|found| found.index), Some(site));
            }
        });
    });
    group.finish();
}

fn images(c: &mut Criterion) {
    const MIB: usize = 1 << 20;
    let mut live = vec![0_u8; 64 * MIB];
    live.iter_mut().step_by(64).for_each(|byte| *byte = 7);
    let contents = LinearMemory::new(&live).expect("whole pages");
    let state = State { memories: vec![Memory::new(1024)], ..State::default() };
    let mut file = Vec::new();
    write_image(&[0; 32], &state, &[&contents as &dyn MemoryPages], &mut file).expect("it is a state");
    let mut group = c.benchmark_group("statemap/image 64 MiB");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(live.len() as u64));
    group.bench_function("find pages", |b| b.iter(|| contents.ranges().len()));
    group.bench_function("write", |b| {
        b.iter_batched_ref(
            || Vec::with_capacity(file.len()),
            |out| write_image(&[0; 32], &state, &[&contents as &dyn MemoryPages], out),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("read and check", |b| b.iter(|| Image::read(&file)));
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    maps(&mut criterion);
    images(&mut criterion);
    criterion.final_summary();
}
