//! What system calls do to code and to what was built from it. The calls are made, in the test's own process.
#![allow(unsafe_code, reason = "writes code into memory that a call under test mapped")]

use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_asm::Gpr;
use midstride_block::{Care, Config, MAX_INSNS, Order, Transform, Unobserved};
use midstride_os::mem::{MapFlags, Prot};
use midstride_os::{Errno, LINUX_PAGES, nr};

use super::{Special, Verdict, special};
use crate::code_map::Writes;
use crate::context::ThreadContext;
use crate::engine::Engine;
use crate::gate::EngineCode;
use crate::heap::{Heap, HeapRef};
use crate::policy::Policy;
use crate::setup::Setup;

static HEAP: Heap = Heap::new();

const PAGE: u64 = 4096;
const RX: u32 = Prot::READ.bits() | Prot::EXEC.bits();
const RWX: u32 = RX | Prot::WRITE.bits();
const PRIVATE: u32 = MapFlags::PRIVATE.bits() | MapFlags::ANONYMOUS.bits();
const SHARED: u32 = MapFlags::SHARED.bits() | MapFlags::ANONYMOUS.bits();
const FIXED: u32 = PRIVATE | MapFlags::FIXED.bits();

const MAYMOVE_FIXED: u64 = 3;

/// A policy without wishes.
struct Quiet;

impl Policy for Quiet {}

/// Changes nothing.
struct Plain;

impl Transform for Plain {
    fn block(&mut self, _: &mut midstride_block::Draft) -> u32 {
        0
    }
}

/// An engine that no thread runs under, and the context of one that might.
struct Bench {
    engine: Engine<Quiet>,
    cx: &'static mut ThreadContext,
}

impl Bench {
    fn new() -> Self {
        let config = Config { hot_bytes: 256 << 10, units: 2, ..Config::default() };
        let heap = HeapRef(&HEAP);
        let setup =
            Setup { source: &LINUX_PAGES, heap, config, code: EngineCode::Integer, observer: &Unobserved };
        let engine = setup.engine(Quiet).expect("there is memory");
        let cx = engine.with_shared(|shared| engine.new_context(shared)).expect("there is memory");
        // SAFETY: just made, and used by this test only.
        Self { engine, cx: unsafe { &mut *cx.0 } }
    }

    /// Serves a call as the engine does, and makes it if the engine leaves that to the gate.
    fn call(&mut self, number: u64, arguments: [u64; 6]) -> i64 {
        self.cx.state.set(Gpr::Rax, number);
        for (reg, value) in super::ARGUMENTS.into_iter().zip(arguments) {
            self.cx.state.set(reg, value);
        }
        let serve: Special<Quiet> = special(number).expect("the engine looks at this call");
        match serve(&self.engine, self.cx) {
            Verdict::Answer(value) => value,
            Verdict::Call => super::make(self.cx),
            other => panic!("{other:?}"),
        }
    }

    fn mmap(&mut self, at: u64, bytes: u64, prot: u32, flags: u32) -> u64 {
        let answer = self.call(nr::MMAP, [at, bytes, prot.into(), flags.into(), u64::MAX, 0]);
        assert!(answer > 0, "mmap: {answer}");
        answer as u64
    }

    fn mprotect(&mut self, at: u64, bytes: u64, prot: u32) {
        assert_eq!(self.call(nr::MPROTECT, [at, bytes, prot.into(), 0, 0, 0]), 0);
    }

    /// Builds the block at `at`.
    fn build(&mut self, at: u64) {
        let order = Order { landing: None, limit: MAX_INSNS, care: Care::Trust, follows: None };
        self.engine.with_shared(|shared| {
            let built = shared.cache.build(AppPc::new(at), order, &shared.code, &mut Plain);
            built.expect("there is room");
        });
    }

    fn has_block(&self, at: u64) -> bool {
        self.engine.with_shared(|shared| shared.cache.lookup(AppPc::new(at)).is_some())
    }

    /// Whether the code there is known, and how it can change.
    fn code(&self, at: u64) -> Option<Writes> {
        self.engine.with_shared(|shared| shared.code.area(AppPc::new(at)).map(|area| area.writes))
    }
}

/// Writes a `ret` to each of some pages.
fn put_rets(at: u64, pages: u64) {
    for page in 0..pages {
        let to = core::ptr::with_exposed_provenance_mut::<u8>((at + page * PAGE) as usize);
        // SAFETY: memory that the test has just mapped writable and that nobody runs.
        unsafe { to.write(0xc3) };
    }
}

/// Two pages of code that was written before it became executable.
fn two_pages(bench: &mut Bench) -> u64 {
    let at = bench.mmap(0, 2 * PAGE, Prot::READ.bits() | Prot::WRITE.bits(), PRIVATE);
    assert_eq!(bench.code(at), None);
    put_rets(at, 2);
    bench.mprotect(at, 2 * PAGE, RX);
    at
}

#[test]
fn what_is_mapped_executable_is_code() {
    let mut bench = Bench::new();
    let at = bench.mmap(0, PAGE + 1, RX, PRIVATE);
    assert_eq!((bench.code(at), bench.code(at + 2 * PAGE - 1)), (Some(Writes::No), Some(Writes::No)));
    let writable = bench.mmap(0, PAGE, RWX, PRIVATE);
    assert_eq!(bench.code(writable), Some(Writes::Here));
    let shared = bench.mmap(0, PAGE, RX, SHARED);
    assert_eq!(bench.code(shared), Some(Writes::Elsewhere));
}

#[test]
fn blocks_go_with_their_mapping() {
    let mut bench = Bench::new();
    let at = two_pages(&mut bench);
    bench.build(at);
    bench.build(at + PAGE);
    assert_eq!(bench.call(nr::MUNMAP, [at, PAGE, 0, 0, 0, 0]), 0);
    assert_eq!((bench.code(at), bench.code(at + PAGE)), (None, Some(Writes::No)));
    assert_eq!((bench.has_block(at), bench.has_block(at + PAGE)), (false, true));
}

#[test]
fn blocks_go_when_other_memory_is_mapped_over_their_code() {
    let mut bench = Bench::new();
    let at = two_pages(&mut bench);
    bench.build(at);
    bench.mmap(at, PAGE, Prot::READ.bits(), FIXED);
    assert_eq!((bench.has_block(at), bench.code(at)), (false, None));
}

#[test]
fn blocks_go_when_their_code_becomes_data_and_when_it_becomes_writable() {
    for prot in [Prot::READ.bits(), RWX] {
        let mut bench = Bench::new();
        let at = two_pages(&mut bench);
        bench.build(at);
        bench.mprotect(at, PAGE, prot);
        assert!(!bench.has_block(at));
        assert_eq!(bench.code(at).is_some(), prot == RWX);
    }
}

#[test]
fn blocks_stay_when_their_code_stays_as_it_is() {
    let mut bench = Bench::new();
    let at = two_pages(&mut bench);
    bench.build(at);
    bench.mprotect(at, 2 * PAGE, RX);
    assert!(bench.has_block(at));
}

#[test]
fn code_moves_with_its_mapping() {
    let mut bench = Bench::new();
    let at = two_pages(&mut bench);
    bench.build(at);
    let to = bench.mmap(0, 4 * PAGE, Prot::NONE.bits(), PRIVATE);
    assert_eq!(bench.call(nr::MREMAP, [at, 2 * PAGE, 2 * PAGE, MAYMOVE_FIXED, to, 0]), to as i64);
    assert!(!bench.has_block(at));
    assert_eq!((bench.code(at), bench.code(to)), (None, Some(Writes::No)));
}

#[test]
fn a_block_for_code_that_could_not_be_read_goes_when_code_is_mapped_there() {
    let mut bench = Bench::new();
    let at = bench.mmap(0, PAGE, Prot::NONE.bits(), PRIVATE);
    bench.build(at);
    assert!(bench.has_block(at), "it leads to the program's own address, which faults");
    bench.mmap(at, PAGE, RX, FIXED);
    assert!(!bench.has_block(at));
}

#[test]
fn a_failed_call_changes_nothing() {
    let mut bench = Bench::new();
    let at = two_pages(&mut bench);
    bench.build(at);
    let unaligned = bench.call(nr::MUNMAP, [at + 1, PAGE, 0, 0, 0, 0]);
    assert_eq!(unaligned, Errno::EINVAL.raw());
    let unknown = bench.call(nr::MPROTECT, [at, PAGE, 0xffff_0000, 0, 0, 0]);
    assert!(unknown < 0);
    assert!(bench.has_block(at) && bench.code(at).is_some());
}

#[test]
fn the_engines_own_memory_is_not_replaced() {
    let mut bench = Bench::new();
    let at = two_pages(&mut bench);
    bench.build(at);
    let gate = bench.engine.gate().all.start();
    let cache =
        bench.engine.with_shared(|shared| shared.cache.code_ranges().next().expect("a region").start());
    for ours in [gate, cache, CachePc::new(bench.engine.low.start().get())] {
        let page = ours.get() & !(PAGE - 1);
        assert!(bench.call(nr::MUNMAP, [page, PAGE, 0, 0, 0, 0]) < 0);
        assert!(bench.call(nr::MPROTECT, [page, PAGE, 0, 0, 0, 0]) < 0);
        assert!(bench.call(nr::MMAP, [page, PAGE, 0, FIXED.into(), u64::MAX, 0]) < 0);
        assert!(bench.call(nr::MREMAP, [page, PAGE, PAGE, 1, 0, 0]) < 0);
        assert!(bench.call(nr::MREMAP, [at, PAGE, PAGE, MAYMOVE_FIXED, page, 0]) < 0);
    }
    assert!(bench.has_block(at));
    assert!(!bench.engine.with_shared(|shared| {
        let range = AppRange::new(AppPc::new(at), AppPc::new(at + PAGE));
        bench.engine.is_ours(shared, range)
    }));
}
