//! Sends registers through a gate in this process. The only `unsafe` of this test.

use std::alloc::{Layout, alloc_zeroed};
use std::arch::global_asm;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use midstride_addr::{AppPc, AppRange};
use midstride_asm::Writer;
use midstride_block::{Door, Slot, SlotBase};
use midstride_engine::gate::{EngineCode, GATE_BYTES, Gate, Handlers, write_gate};
use midstride_engine::{AppState, ThreadContext};
use midstride_os::LINUX_PAGES;
use midstride_os::thread::{SegmentBase, set_segment_base};
use midstride_slab::{Place, Region, Sizes, Slab};

/// What goes in and comes out.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(C, align(16))]
pub(crate) struct Machine {
    /// rax, rcx, rdx, … by number.
    pub(crate) gprs: [u64; 16],
    pub(crate) flags: u64,
    pad: u64,
    /// x87, MXCSR and xmm registers as `fxsave64` has them.
    pub(crate) fx: [u8; 512],
}

impl Machine {
    pub(crate) fn new(gprs: [u64; 16], flags: u64) -> Self {
        let mut fx = [0; 512];
        // x87 control word and MXCSR with all exceptions masked; something in each xmm register.
        fx[..2].copy_from_slice(&0x37fu16.to_le_bytes());
        fx[24..28].copy_from_slice(&0x1f80u32.to_le_bytes());
        fx[160..416].iter_mut().zip(0..=u8::MAX).for_each(|(byte, n)| *byte = n ^ 0x5a);
        Self { gprs, flags, pad: 0, fx }
    }

    /// The xmm registers.
    pub(crate) fn vectors(&self) -> &[u8] {
        &self.fx[160..416]
    }
}

// passage(rdi: *mut Machine, rsi: where to go). Comes back at passage_leave.
global_asm!(
    ".pushsection .bss.passage,\"aw\",@nobits",
    ".balign 8",
    "passage_rsp: .quad 0",
    "passage_machine: .quad 0",
    "passage_target: .quad 0",
    "passage_rdi: .quad 0",
    ".popsection",
    ".globl passage, passage_leave",
    "passage:",
    "push rbx; push rbp; push r12; push r13; push r14; push r15",
    "mov [rip + passage_rsp], rsp",
    "mov [rip + passage_machine], rdi",
    "mov [rip + passage_target], rsi",
    "fxrstor64 [rdi + 144]",
    "push qword ptr [rdi + 128]; popfq",
    "mov rax, [rdi]; mov rcx, [rdi + 8]; mov rdx, [rdi + 16]; mov rbx, [rdi + 24]",
    "mov rsp, [rdi + 32]; mov rbp, [rdi + 40]; mov rsi, [rdi + 48]; mov r8, [rdi + 64]",
    "mov r9, [rdi + 72]; mov r10, [rdi + 80]; mov r11, [rdi + 88]; mov r12, [rdi + 96]",
    "mov r13, [rdi + 104]; mov r14, [rdi + 112]; mov r15, [rdi + 120]; mov rdi, [rdi + 56]",
    "jmp [rip + passage_target]",
    "passage_leave:",
    "mov [rip + passage_rdi], rdi",
    "mov rdi, [rip + passage_machine]",
    "mov [rdi], rax; mov [rdi + 8], rcx; mov [rdi + 16], rdx; mov [rdi + 24], rbx",
    "mov [rdi + 32], rsp; mov [rdi + 40], rbp; mov [rdi + 48], rsi; mov [rdi + 64], r8",
    "mov [rdi + 72], r9; mov [rdi + 80], r10; mov [rdi + 88], r11; mov [rdi + 96], r12",
    "mov [rdi + 104], r13; mov [rdi + 112], r14; mov [rdi + 120], r15",
    "mov rax, [rip + passage_rdi]; mov [rdi + 56], rax",
    "mov rsp, [rip + passage_rsp]",
    "pushfq; pop qword ptr [rdi + 128]",
    "push 0x202; popfq",
    "fxsave64 [rdi + 144]",
    "fninit",
    "pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx",
    "ret",
);

unsafe extern "C" {
    fn passage(machine: *mut Machine, to: u64);
    fn passage_leave();
}

/// A call of the engine by the gate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Call {
    Dispatch { door: u32, state: AppState, flags: u64 },
    After { occasion: u32, state: AppState },
}

/// What the engine does when it is called: changes the context and answers.
pub(crate) type Engine = fn(&mut ThreadContext) -> u32;

/// The engine of the test.
#[derive(Clone, Copy)]
pub(crate) struct Engines {
    pub(crate) dispatch: Engine,
    pub(crate) after: Engine,
}

struct Stage {
    engines: Engines,
    calls: Vec<Call>,
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

static TURN: Mutex<()> = Mutex::new(());
pub(crate) static EPOCH: AtomicU64 = AtomicU64::new(0);
/// Flags that the engine must not run with: TF, DF, NT, AC.
pub(crate) const NOT_OURS: u64 = 0x4_4500;

fn serve(
    cx: *mut ThreadContext,
    call: impl FnOnce(&ThreadContext) -> Call,
    pick: fn(&Engines) -> Engine,
) -> u32 {
    // SAFETY: the gate passes the context that `Bench` made; nobody else borrows it while the gate runs.
    let cx = unsafe { &mut *cx };
    STAGE.with_borrow_mut(|stage| {
        let stage = stage.as_mut().expect("a passage is under way");
        stage.calls.push(call(cx));
        pick(&stage.engines)(cx)
    })
}

fn own_flags() -> u64 {
    let flags;
    // SAFETY: reads the flags by way of the stack.
    unsafe { std::arch::asm!("pushfq", "pop {}", out(reg) flags) };
    flags
}

/// Overwrites all vector registers that a compiler could use.
fn use_vectors() {
    // SAFETY: the registers are declared.
    unsafe {
        std::arch::asm!(
            "pcmpeqd xmm0, xmm0", "movaps xmm1, xmm0", "movaps xmm7, xmm0", "movaps xmm15, xmm0",
            out("xmm0") _, out("xmm1") _, out("xmm7") _, out("xmm15") _
        );
    }
}

extern "C" fn dispatch(cx: *mut ThreadContext, door: u32) -> u32 {
    let flags = own_flags();
    let answer = serve(cx, |cx| Call::Dispatch { door, state: cx.state, flags }, |engines| engines.dispatch);
    use_vectors();
    answer
}

extern "C" fn after(cx: *mut ThreadContext, occasion: u32) -> u32 {
    serve(cx, |cx| Call::After { occasion, state: cx.state }, |engines| engines.after)
}

/// A placed gate and a context.
pub(crate) struct Bench {
    pub(crate) gate: Gate,
    _region: Region,
    context: NonNull<ThreadContext>,
    /// Where the program's stack pointer may point.
    pub(crate) stack: u64,
    _turn: MutexGuard<'static, ()>,
}

const STACK: usize = 256 << 10;

/// The end of a stack that is never given back.
fn stack() -> u64 {
    let bytes = vec![0u8; STACK].leak();
    (bytes.as_mut_ptr().expose_provenance() as u64 + STACK as u64) & !63
}

impl Bench {
    pub(crate) fn new(code: EngineCode) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let here = AppPc::new(passage_leave as *const () as u64);
        let place = Place::near(AppRange::new(here, here.add(1)));
        let sizes = Sizes { hot: 4096, cold: 4096, data: 4096 };
        let mut region = Region::reserve(&LINUX_PAGES, &place, sizes, 1).expect("address space");
        let handlers = Handlers {
            dispatch: dispatch as *const () as u64,
            after: after as *const () as u64,
            epoch: (&raw const EPOCH).expose_provenance() as u64,
        };
        let mut buffer = [0; GATE_BYTES];
        let writer = Writer::new(&mut buffer, region.slab_range(Slab::Hot).start());
        let gate = write_gate(writer, SlotBase::Gs, handlers, code).expect("the buffer suffices");
        let bytes = gate.all.len();
        let mut span = region.unit(0).expect("one unit").alloc_hot(bytes, 1).expect("room");
        region.write(&mut span, &buffer[..bytes as usize]).expect("our own span");
        let _ = span.publish();
        // SAFETY: the layout has a size.
        let context = unsafe { alloc_zeroed(Layout::new::<ThreadContext>()) }.cast::<ThreadContext>();
        let context = NonNull::new(context).expect("there is memory");
        let mut bench = Self { gate, _region: region, context, stack: stack() - 4096, _turn: turn };
        let base = context.as_ptr().expose_provenance() as u64;
        EPOCH.store(1, Ordering::SeqCst);
        let cx = bench.cx();
        cx.slots[Slot::Context as usize] = base;
        cx.slots[Slot::Resume as usize] = passage_leave as *const () as u64;
        cx.gate_stack = stack();
        cx.resolved_epoch = 1;
        // SAFETY: nothing in this thread uses GS but the gate.
        unsafe { set_segment_base(SegmentBase::Gs, base) }.expect("GS can be set");
        bench
    }

    /// The context, while no passage is under way.
    pub(crate) fn cx(&mut self) -> &mut ThreadContext {
        // SAFETY: allocated by `new`, all zeros is a value; borrowed through `&mut self`.
        unsafe { self.context.as_mut() }
    }

    /// Sends `machine` through a door; answers what came out and what the engine was called for.
    pub(crate) fn pass(&mut self, door: Door, machine: &Machine, engines: Engines) -> (Machine, Vec<Call>) {
        STAGE.set(Some(Stage { engines, calls: Vec::new() }));
        let mut machine = *machine;
        machine.gprs[4] = self.stack;
        // SAFETY: `passage` saves and restores what the ABI asks for; the gate comes back at the resume slot, which
        // leads to passage_leave, on the gate's stack meanwhile.
        unsafe { passage(&mut machine, self.gate.doors[door as usize].get()) };
        let stage = STAGE.take().expect("it was set above");
        (machine, stage.calls)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // SAFETY: as it was before.
        unsafe { set_segment_base(SegmentBase::Gs, 0) }.expect("GS can be set");
    }
}
