//! The gate: the code between the cache and the engine, written once by our own writer.
//!
//! ```text
//! door k:    mov [rax], rax;  mov eax, k;  jmp enter
//! enter:     save the other registers, rsp, flags; switch to the gate's stack
//!            call dispatch(context, k)
//! answered:  eax = 0: resume, 1: system call, 2: system call and `after`, 3: clone, 4: clone with a
//!            child that leaves, 5: leave
//! resume:    a signal waits? → pending;  load flags, registers, rsp;  jmp [resume slot]
//! system:    a signal waits? → pending;  load arguments;  syscall;  store the answer
//!            nothing to do and nothing was evicted meanwhile? → resume, else after(context, eax)
//! pending:   call after(context, 0) → answered
//! leave:     give back GS and the signal mask;  load registers;  iretq to the program's own code
//! ```
//!
//! From the compare of `resume` on, and up to the `syscall` instruction, everything is only loaded, so a thread
//! interrupted there is in the state its context describes. The `syscall` instruction is the only one
//! the engine makes for the program: interrupted at it, the program is before the call; behind it, the
//! call has been answered.

use midstride_addr::{CachePc, CacheRange};
use midstride_asm::{Alu, Cond, EmitError, Gpr, Label, Mem, Width, Writer};
use midstride_block::{Door, Slot, SlotBase};
use midstride_os::nr;

use crate::context::{at, phase};

/// How much of the machine the engine's own code uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EngineCode {
    /// General registers only (the freestanding runtime, compiled without vector registers).
    Integer,
    /// Vector registers too: everything XCR0 enables is saved around it, on the gate's stack.
    Vector {
        /// Bytes of an XSAVE area with all enabled components, from CPUID leaf 0DH.
        xsave_bytes: u32,
    },
}

impl EngineCode {
    /// What code compiled for this processor's ordinary targets uses; `None` where the system does not enable
    /// XSAVE.
    #[must_use]
    pub fn of_host() -> Option<Self> {
        use core::arch::x86_64::{__cpuid, __cpuid_count};
        const OSXSAVE: u32 = 1 << 27;
        let enabled = __cpuid(1).ecx & OSXSAVE != 0;
        // Leaf 0DH, EBX: bytes for the components that XCR0 enables now.
        enabled.then(|| Self::Vector { xsave_bytes: __cpuid_count(0xd, 0).ebx })
    }
}

/// What the gate calls and reads.
#[derive(Clone, Copy, Debug)]
pub struct Handlers {
    /// `extern "C" fn(context, door) -> answer`.
    pub dispatch: u64,
    /// `extern "C" fn(context, occasion) -> answer`: called with the answer that led to a system call,
    /// behind it; with 0 when a signal waits.
    pub after: u64,
    /// Address of the engine's epoch.
    pub epoch: u64,
}

/// What `dispatch` and `after` answer.
pub mod answer {
    /// Go on in the cache.
    pub const RESUME: u32 = 0;
    /// Make the system call in the saved registers, then go on.
    pub const SYSCALL: u32 = 1;
    /// Make it, call `after`, then go on.
    pub const SYSCALL_AFTER: u32 = 2;
    /// Likewise, a clone that shares memory: its child starts on the context in `child`.
    pub const CLONE: u32 = 3;
    /// Likewise, and the child leaves with the state in that context.
    pub const CLONE_LEAVING: u32 = 4;
    /// Go on natively. Signals are blocked; the context's `held_mask` is set.
    pub const LEAVE: u32 = 5;
}

/// Addresses in a placed gate.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// Entry point of each door.
    pub doors: [CachePc; Door::ALL.len()],
    /// Interruptible: the program is where the context says.
    pub resume: CacheRange,
    /// Interruptible, up to and including the `syscall` instruction: the call has not been made.
    pub before_syscall: CacheRange,
    /// Behind the `syscall` instruction: the answer is in rax.
    pub syscall_done: CachePc,
    /// Where a thread starts to run its context's state; GS is set.
    pub start: CachePc,
    /// Calls `after`, which finds the block to resume in; GS is set, nothing else matters.
    pub redispatch: CachePc,
    /// Lets the thread whose context is in r12 go on natively.
    pub leave: CachePc,
    /// What the gate saves around the engine's code, in the topmost bytes of its stack.
    pub code: EngineCode,
    /// All of it.
    pub all: CacheRange,
}

/// All but rax and rsp.
const SAVED: [Gpr; 14] = [
    Gpr::Rcx,
    Gpr::Rdx,
    Gpr::Rbx,
    Gpr::Rbp,
    Gpr::Rsi,
    Gpr::Rdi,
    Gpr::R8,
    Gpr::R9,
    Gpr::R10,
    Gpr::R11,
    Gpr::R12,
    Gpr::R13,
    Gpr::R14,
    Gpr::R15,
];

/// Registers that carry a system call: number, then arguments.
const SYSCALL: [Gpr; 7] = [Gpr::Rax, Gpr::Rdi, Gpr::Rsi, Gpr::Rdx, Gpr::R10, Gpr::R8, Gpr::R9];

/// `arch_prctl(ARCH_SET_GS, …)`.
const ARCH_SET_GS: u64 = 0x1001;
/// `rt_sigprocmask(SIG_SETMASK, …, …, 8)`.
const SIG_SETMASK: u64 = 2;
const SIGSET_BYTES: u64 = 8;
/// Selectors of 64-bit user code and of user data on Linux.
const USER_CS: i32 = 0x33;
const USER_SS: i32 = 0x2b;
/// `iretq` (Intel SDM volume 2): takes rip, cs, flags, rsp and ss from the stack, at once.
const IRETQ: [u8; 2] = [0x48, 0xcf];

/// TF, DF, NT, AC.
const NOT_OURS: i32 = 0x4_4500;
/// IF and the bit that is always set.
const PLAIN: i32 = 0x202;

/// Bytes that suffice for a gate.
pub const GATE_BYTES: usize = 2048;

/// Writes the gate with `w`.
///
/// # Errors
/// [`EmitError::Full`] when the writer's buffer is smaller than [`GATE_BYTES`].
pub fn write_gate(
    mut w: Writer<'_>,
    slots: SlotBase,
    handlers: Handlers,
    code: EngineCode,
) -> Result<Gate, EmitError> {
    let labels = Labels {
        answered: w.new_label(),
        resume: w.new_label(),
        pending: w.new_label(),
        leave: w.new_label(),
    };
    let mut gate = GateWriter { w: &mut w, slots, handlers, code, labels };
    let start = gate.w.pc();
    let doors = gate.doors();
    gate.enter();
    let system = gate.answered();
    let resume = gate.resume();
    gate.w.bind(system);
    let (before_syscall, syscall_done) = gate.system();
    let entry = gate.start();
    let redispatch = gate.pending();
    let leave = gate.leave();
    let all = CacheRange::new(start, w.pc());
    w.finish()?;
    Ok(Gate { doors, resume, before_syscall, syscall_done, start: entry, redispatch, leave, code, all })
}

#[derive(Clone, Copy)]
struct Labels {
    answered: Label,
    resume: Label,
    pending: Label,
    leave: Label,
}

struct GateWriter<'w, 'b> {
    w: &'w mut Writer<'b>,
    slots: SlotBase,
    handlers: Handlers,
    code: EngineCode,
    labels: Labels,
}

impl GateWriter<'_, '_> {
    fn save(&mut self, offset: i32, reg: Gpr) {
        self.w.mov_mr(Width::W64, self.slots.at(offset), reg);
    }

    fn load(&mut self, reg: Gpr, offset: i32) {
        self.w.mov_rm(Width::W64, reg, self.slots.at(offset));
    }

    fn doors(&mut self) -> [CachePc; Door::ALL.len()] {
        let enter = self.w.new_label();
        let doors = Door::ALL.map(|door| {
            let pc = self.w.pc();
            self.save(at::gpr(Gpr::Rax), Gpr::Rax);
            self.w.mov_ri(Gpr::Rax, door as u64);
            self.w.jmp(enter);
            pc
        });
        self.w.bind(enter);
        doors
    }

    /// Saves what a door has not and calls for the engine.
    fn enter(&mut self) {
        self.w.mov_mi(Width::W32, self.slots.at(at::PHASE), phase::GATE as i32);
        for reg in SAVED {
            self.save(at::gpr(reg), reg);
        }
        self.save(at::gpr(Gpr::Rsp), Gpr::Rsp);
        self.load(Gpr::Rsp, at::GATE_STACK);
        self.w.pushfq();
        self.w.pop_m(self.slots.at(at::RFLAGS));
        self.plain_flags();
        self.w.mov_rr(Width::W32, Gpr::Rsi, Gpr::Rax);
        self.call(self.handlers.dispatch);
    }

    /// The program may run with alignment checks, single steps or reversed strings; we do not.
    fn plain_flags(&mut self) {
        let plain = self.w.new_label();
        self.w.test_mi(Width::W32, self.slots.at(at::RFLAGS), NOT_OURS);
        self.w.jcc(Cond::E, plain);
        self.w.push_i(PLAIN);
        self.w.popfq();
        self.w.bind(plain);
    }

    /// What happens with an answer in eax; the label answered is where system calls go.
    fn answered(&mut self) -> Label {
        let system = self.w.new_label();
        self.w.bind(self.labels.answered);
        self.w.test_rr(Width::W32, Gpr::Rax, Gpr::Rax);
        self.w.jcc(Cond::Ne, system);
        system
    }

    fn resume(&mut self) -> CacheRange {
        self.w.bind(self.labels.resume);
        self.w.alu_mi(Width::W32, Alu::Cmp, self.slots.at(at::PENDING), 0);
        let start = self.w.pc();
        self.w.jcc(Cond::Ne, self.labels.pending);
        self.load(Gpr::Rsp, at::GATE_STACK);
        self.w.push_m(self.slots.at(at::RFLAGS));
        self.w.mov_mi(Width::W32, self.slots.at(at::PHASE), phase::CACHE as i32);
        self.w.popfq();
        for reg in SAVED {
            self.load(reg, at::gpr(reg));
        }
        self.load(Gpr::Rax, at::gpr(Gpr::Rax));
        self.load(Gpr::Rsp, at::gpr(Gpr::Rsp));
        self.w.jmp_m(self.slots.slot(Slot::Resume));
        CacheRange::new(start, self.w.pc())
    }

    /// Makes the system call. The thread counts as outside the cache meanwhile.
    fn system(&mut self) -> (CacheRange, CachePc) {
        self.load(Gpr::R12, Slot::Context.offset());
        self.w.alu_ri(Width::W32, Alu::Cmp, Gpr::Rax, answer::LEAVE as i32);
        self.w.jcc(Cond::E, self.labels.leave);
        self.w.mov_rr(Width::W32, Gpr::Rbx, Gpr::Rax);
        self.load(Gpr::R12, at::CHILD);
        self.w.alu_mi(Width::W32, Alu::Cmp, self.slots.at(at::PENDING), 0);
        let start = self.w.pc();
        self.w.jcc(Cond::Ne, self.labels.pending);
        self.w.mov_mi(Width::W64, self.slots.at(at::EPOCH), -1);
        for reg in SYSCALL {
            self.load(reg, at::gpr(reg));
        }
        self.w.syscall();
        let done = self.w.pc();
        self.child_goes_elsewhere();
        self.store_answer();
        self.leave_syscall();
        (CacheRange::new(start, done), done)
    }

    /// Behind a clone that shares memory the child moves to its own context, in r12, before it
    /// touches anything. Signals are blocked.
    fn child_goes_elsewhere(&mut self) {
        let parent = self.w.new_label();
        self.w.alu_ri(Width::W32, Alu::Cmp, Gpr::Rbx, answer::CLONE as i32);
        self.w.jcc(Cond::B, parent);
        self.w.test_rr(Width::W64, Gpr::Rax, Gpr::Rax);
        self.w.jcc(Cond::Ne, parent);
        self.w.alu_ri(Width::W32, Alu::Cmp, Gpr::Rbx, answer::CLONE_LEAVING as i32);
        self.w.jcc(Cond::E, self.labels.leave);
        if self.slots == SlotBase::Gs {
            self.w.mov_rr(Width::W64, Gpr::Rsi, Gpr::R12);
            self.set_gs();
        }
        self.load(Gpr::Rsp, at::GATE_STACK);
        self.w.mov_rr(Width::W32, Gpr::Rsi, Gpr::Rbx);
        self.call(self.handlers.after);
        self.w.jmp(self.labels.answered);
        self.w.bind(parent);
    }

    /// The GS base becomes what rsi holds.
    fn set_gs(&mut self) {
        self.w.mov_ri(Gpr::Rdi, ARCH_SET_GS);
        self.w.mov_ri(Gpr::Rax, nr::ARCH_PRCTL);
        self.w.syscall();
    }

    /// The program is behind the call, with rcx and r11 as the instruction leaves them.
    fn store_answer(&mut self) {
        self.save(at::gpr(Gpr::Rax), Gpr::Rax);
        self.load(Gpr::Rax, at::NEXT_PC);
        self.save(at::PC, Gpr::Rax);
        self.save(at::gpr(Gpr::Rcx), Gpr::Rax);
        self.load(Gpr::Rax, at::RFLAGS);
        self.save(at::gpr(Gpr::R11), Gpr::Rax);
    }

    /// Declares the thread inside again, by an exchange that orders it before the second look at the
    /// epoch: whoever evicts afterwards waits for this thread. If something was evicted meanwhile, the resume slot may be stale.
    fn leave_syscall(&mut self) {
        let slow = self.w.new_label();
        let epoch = Mem::base(Gpr::Rcx, 0);
        self.w.movabs(Gpr::Rcx, self.handlers.epoch);
        self.w.mov_rm(Width::W64, Gpr::Rax, epoch);
        self.w.xchg_rm(Width::W64, Gpr::Rax, self.slots.at(at::EPOCH));
        self.w.mov_rm(Width::W64, Gpr::Rax, epoch);
        self.w.alu_rm(Width::W64, Alu::Cmp, Gpr::Rax, self.slots.at(at::RESOLVED));
        self.w.jcc(Cond::Ne, slow);
        self.w.alu_ri(Width::W32, Alu::Cmp, Gpr::Rbx, answer::SYSCALL as i32);
        self.w.jcc(Cond::E, self.labels.resume);
        self.w.bind(slow);
        self.load(Gpr::Rsp, at::GATE_STACK);
        self.w.mov_rr(Width::W32, Gpr::Rsi, Gpr::Rbx);
        self.call(self.handlers.after);
        self.w.jmp(self.labels.answered);
    }

    fn start(&mut self) -> CachePc {
        let pc = self.w.pc();
        self.w.jmp(self.labels.resume);
        pc
    }

    fn pending(&mut self) -> CachePc {
        let pc = self.w.pc();
        self.w.bind(self.labels.pending);
        self.load(Gpr::Rsp, at::GATE_STACK);
        self.w.mov_ri(Gpr::Rsi, 0);
        self.call(self.handlers.after);
        self.w.jmp(self.labels.answered);
        pc
    }

    /// The thread whose context is in r12 goes on natively. It may be a new one, whose GS is still its
    /// parent's: nothing is taken from there. A signal that comes once they are allowed is the program's own
    /// affair: its handler runs on this stack, which stays reserved.
    fn leave(&mut self) -> CachePc {
        let pc = self.w.pc();
        let word = |offset| Mem::base(Gpr::R12, offset);
        self.w.bind(self.labels.leave);
        if self.slots == SlotBase::Gs {
            self.w.mov_rm(Width::W64, Gpr::Rsi, word(at::APP_GS));
            self.set_gs();
        }
        self.w.mov_rm(Width::W64, Gpr::Rsp, word(at::GATE_STACK));
        self.w.mov_ri(Gpr::Rdi, SIG_SETMASK);
        self.w.lea(Width::W64, Gpr::Rsi, word(at::HELD_MASK));
        self.w.mov_ri(Gpr::Rdx, 0);
        self.w.mov_ri(Gpr::R10, SIGSET_BYTES);
        self.w.mov_ri(Gpr::Rax, nr::RT_SIGPROCMASK);
        self.w.syscall();
        self.w.push_i(USER_SS);
        self.w.push_m(word(at::gpr(Gpr::Rsp)));
        self.w.push_m(word(at::RFLAGS));
        self.w.push_i(USER_CS);
        self.w.push_m(word(at::PC));
        for reg in SAVED.into_iter().chain([Gpr::Rax]).filter(|&reg| reg != Gpr::R12) {
            self.w.mov_rm(Width::W64, reg, word(at::gpr(reg)));
        }
        self.w.mov_rm(Width::W64, Gpr::R12, word(at::gpr(Gpr::R12)));
        self.w.bytes(&IRETQ);
        pc
    }

    /// `handler(context, esi)`; vector registers are kept when the engine's code uses them. The stack
    /// pointer is at the top of the gate's stack, 64-byte aligned.
    fn call(&mut self, handler: u64) {
        self.w.mov_rm(Width::W64, Gpr::Rdi, self.slots.slot(Slot::Context));
        let EngineCode::Vector { xsave_bytes } = self.code else {
            self.w.movabs(Gpr::Rax, handler);
            self.w.call_r(Gpr::Rax);
            return;
        };
        let room = xsave_bytes.next_multiple_of(64) as i32;
        self.w.lea(Width::W64, Gpr::Rsp, Mem::base(Gpr::Rsp, -room));
        for word in 0..8 {
            self.w.mov_mi(Width::W64, Mem::base(Gpr::Rsp, XSAVE_HEADER_AT + word * 8), 0);
        }
        self.all_components();
        self.w.xsave64(Mem::base(Gpr::Rsp, 0));
        self.w.movabs(Gpr::Rax, handler);
        self.w.call_r(Gpr::Rax);
        self.w.mov_rr(Width::W32, Gpr::Rbp, Gpr::Rax);
        self.all_components();
        self.w.xrstor64(Mem::base(Gpr::Rsp, 0));
        self.w.mov_rr(Width::W32, Gpr::Rax, Gpr::Rbp);
        self.w.lea(Width::W64, Gpr::Rsp, Mem::base(Gpr::Rsp, room));
    }

    fn all_components(&mut self) {
        self.w.mov_ri(Gpr::Rax, u64::from(u32::MAX));
        self.w.mov_ri(Gpr::Rdx, u64::from(u32::MAX));
    }
}

/// Where the XSAVE header lies; what the instruction does not write there must be zero to load it.
const XSAVE_HEADER_AT: i32 = 512;
