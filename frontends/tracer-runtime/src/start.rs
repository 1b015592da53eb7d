//! From the host's hands to the program's first instruction.

use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::slice;

use midstride_block::{Config, Unobserved};
use midstride_engine::gate::EngineCode;
use midstride_engine::{Engine, Heap, HeapRef, Limited, Limits, Setup, fatal};
use midstride_os::LINUX_PAGES;
use midstride_tracer_abi::{Bootstrap, CACHE_BYTES_MIN, Control, MAGIC, MAPS_AT, VERSION};

use crate::HEAP;
use crate::channel::Channel;
use crate::limits;
use crate::modules;
use crate::tracer::{Mode, Tracer};

/// The one engine.
struct Place(UnsafeCell<MaybeUninit<Engine<Tracer>>>);

// SAFETY: written once, by `start`, before there is a second thread; only shared references after that.
unsafe impl Sync for Place {}

static ENGINE: Place = Place(UnsafeCell::new(MaybeUninit::uninit()));

/// The engine is made on a stack of our own, larger than the host's.
const STACK_BYTES: usize = 1 << 20;

#[repr(align(64))]
struct Stack(
    #[expect(dead_code, reason = "only its address is used, by _start")] UnsafeCell<[u8; STACK_BYTES]>,
);

// SAFETY: only the first thread uses it, before the program runs.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new([0; STACK_BYTES]));

/// The host enters here: `rdi` is the address of the bootstrap block.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    naked_asm!(
        "lea rsp, [rip + {stack} + {bytes}]",
        "xor ebp, ebp",
        "call {start}",
        "ud2",
        stack = sym STACK,
        bytes = const STACK_BYTES,
        start = sym start
    )
}

extern "C" fn start(block: *const Bootstrap) -> ! {
    // SAFETY: the host wrote the block and passes its address.
    let boot = unsafe { *block };
    if boot.magic != MAGIC || boot.version != VERSION {
        fatal::fail(format_args!("the runtime image and the host are of different versions"));
    }
    // SAFETY: the only thread, the only time.
    let engine: &'static Engine<Tracer> = unsafe { (*ENGINE.0.get()).write(engine(&boot)) };
    // SAFETY: the host wrote so many bytes there, into the same mapping; nobody changes them.
    let maps =
        unsafe { slice::from_raw_parts(block.byte_add(MAPS_AT as usize).cast(), boot.maps_bytes as usize) };
    modules::find_initial(engine, &boot, maps);
    engine.take_signals();
    let cx = engine.take_thread().unwrap_or_else(|error| fatal::fail(format_args!("{error}")));
    engine.policy.begin(cx, &boot);
    cx.state = app_state(&boot);
    // SAFETY: the context is this thread's and the state is what the kernel gave the program.
    unsafe { engine.run(cx) }
}

fn engine(boot: &Bootstrap) -> Engine<Tracer> {
    let channel = Channel::open(boot);
    let limit = address_space_limit(channel.control());
    let setup = Setup {
        source: &LINUX_PAGES,
        heap: HeapRef(&HEAP),
        config: config(boot, limit),
        code: EngineCode::Integer,
        observer: &Unobserved,
    };
    let tracer = Tracer::new(channel, Mode::of(boot.mode), boot);
    setup.engine(tracer).unwrap_or_else(|error| fatal::fail(format_args!("{error}")))
}

/// Cache sizes; in torture so small that it is evicted all the time.
fn config(boot: &Bootstrap, limit: Option<u64>) -> Config {
    let room = limit.map_or(Heap::ROOMY, |limit| (limit / 16).min(16 << 20) as usize & !0xfff);
    HEAP.reserve(room);
    const TORTURE_HOT: u64 = CACHE_BYTES_MIN / 7 * 4;
    // A quarter of it has room for the largest block, and so for many small ones: they are counted, too.
    const TORTURE_PIECES: u32 = 12;
    // Hot code has four sevenths of what a region takes (cold a half, data a quarter of it).
    let hot = match boot.cache_bytes {
        // Both views of the code count.
        0 => limit.map_or(u64::MAX, |limit| limit / 32).min(Config::default().hot_bytes),
        bytes => (bytes / 7 * 4).max(TORTURE_HOT),
    };
    let (hot_bytes, unit_pieces) =
        if boot.torture != 0 { (TORTURE_HOT, TORTURE_PIECES) } else { (hot, u32::MAX) };
    let units = if hot_bytes <= 1 << 20 { 4 } else { Config::default().units };
    Config { hot_bytes, units, unit_pieces, ..Config::default() }
}

/// The limit of address space that we share with the program, when there is one: not one that it set itself and
/// that was enlarged for us.
fn address_space_limit(control: &Control) -> Option<u64> {
    let now = Limited::Addresses.now().ok().filter(|now| now.soft != Limits::NONE)?;
    let own = limits::recall(control, Limited::Addresses, now).map_or(now.soft, |own| own.soft);
    (now.soft - own < Heap::ROOMY as u64).then_some(now.soft)
}

/// The program's registers at its entry.
fn app_state(boot: &Bootstrap) -> midstride_engine::AppState {
    use midstride_engine::AppState;
    /// Register numbers in the order of `user_regs_struct`: r15, r14, r13, r12, rbp, rbx, r11, r10,
    /// r9, r8, rax, rcx, rdx, rsi, rdi.
    const ORDER: [usize; 15] = [15, 14, 13, 12, 5, 3, 11, 10, 9, 8, 0, 1, 2, 6, 7];
    let mut state = AppState { rflags: boot.app_rflags, pc: boot.app_rip, ..AppState::default() };
    for (number, value) in ORDER.into_iter().zip(boot.app_gprs) {
        state.gprs[number] = value;
    }
    state.gprs[4] = boot.app_rsp;
    state
}
