//! Asking about instructions and copying them does not allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use iced_x86::Code;
use midstride_addr::{AppPc, CachePc};
use midstride_asm::{Gpr, Mem, Writer};
use midstride_relocate::{GprSet, InsnIter, Scanner, Spill, load_target, relocate};
use midstride_testkit::arbitrary::Unstructured;
use midstride_testkit::{Random, instruction_like};

/// The system's allocator, with a count of what each thread asks of it.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every request goes to the system's allocator as it came; counting is a store to a thread-local
// that needs no initialization.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on; `alloc` got the block from the same allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Slot;

impl Spill for Slot {
    fn slot(&self) -> Mem {
        Mem::base(Gpr::R15, 0)
    }
}

/// Two instructions of every form of 64-bit mode.
fn every_form() -> Vec<Vec<u8>> {
    let mut random = Random::new(8);
    let exists = |code: &Code| code.op_code().is_instruction() && code.op_code().mode64();
    let twice = Code::values().filter(exists).flat_map(|code| [code, code]);
    let instruction = |code| instruction_like(code, &mut Unstructured::new(&random.bytes(512))).unwrap();
    twice.map(instruction).collect()
}

/// Everything this package does with code, except to start.
fn use_all(code: &[u8], scanner: &mut Scanner) {
    let mut buffer = [0; 64];
    for insn in InsnIter::new(code, AppPc::new(0x40_0000)).flatten() {
        black_box((insn.flow(), insn.special(), scanner.effects(&insn)));
        for free in [GprSet::EMPTY, GprSet::ALL] {
            let mut w = Writer::new(&mut buffer, CachePc::new(0x7f00_0000_0000));
            let _ = black_box(relocate(&insn, &mut w, &Slot, free));
        }
        let mut w = Writer::new(&mut buffer, CachePc::new(0x7f00_0000_0000));
        let _ = black_box(load_target(&insn, &mut w, Gpr::R11));
    }
}

#[test]
fn after_the_first_instruction_nothing_is_allocated() {
    let forms = every_form();
    let mut scanner = Scanner::new();
    let before = ASKED.get();
    forms.iter().for_each(|code| use_all(code, &mut scanner));
    assert_eq!(ASKED.get() - before, 0);
    assert!(before > forms.len(), "the count works");
}
