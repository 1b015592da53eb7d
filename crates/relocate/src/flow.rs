//! Where control goes behind an instruction.

use iced_x86::{Code, FlowControl, Instruction, Mnemonic};
use midstride_addr::AppPc;
use midstride_asm::Cond;

use crate::insn::Insn;
use crate::layout::Prefixes;

/// Where control goes behind an instruction. Targets are app pcs.
///
/// `bnd`, `notrack`, branch hints and `rep` in front of a branch change nothing and are not told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// To the next instruction (or a fault that the program may or may not raise).
    Next,
    /// `jmp rel`.
    Jump {
        /// Where it goes.
        target: AppPc,
    },
    /// `jcc rel`: to `target` when `cond` holds.
    Branch {
        /// When it is taken.
        cond: Cond,
        /// Where it then goes.
        target: AppPc,
    },
    /// `loop`, `loope`, `loopne`, `jrcxz`, `jecxz`: decided by a counter; they write no flags.
    Counted {
        /// Which of them.
        kind: Counted,
        /// Which counter.
        width: CounterWidth,
        /// Where it goes when taken.
        target: AppPc,
    },
    /// `call rel`, `call $+5` included.
    Call {
        /// Where it goes.
        target: AppPc,
    },
    /// `jmp r/m64`; [`load_target`](crate::load_target) loads where to.
    JumpIndirect,
    /// `call r/m64`; [`load_target`](crate::load_target) loads where to.
    CallIndirect,
    /// `ret` and `ret imm16`.
    Return {
        /// How many bytes are popped besides the address.
        pop: u16,
    },
    /// `syscall`.
    Syscall,
    /// `sysenter`: enters the 32-bit system-call path, or raises #UD, by vendor.
    Sysenter,
    /// `xbegin`: to the next instruction, and when the transaction aborts to `target`.
    Xbegin {
        /// The fallback path.
        target: AppPc,
    },
    /// `int n` in its two-byte form; the kernel sees the address behind it.
    Interrupt {
        /// n.
        vector: u8,
    },
    /// `int3` in its one-byte form: a trap, the address behind it is reported.
    Breakpoint,
    /// `int1` (F1): a trap, the address behind it is reported.
    DebugTrap,
    /// `jmp m16:32`, `jmp m16:64`.
    FarJump,
    /// `call m16:32`, `call m16:64`.
    FarCall,
    /// `retf` and `retf imm16`.
    FarReturn {
        /// How many bytes are popped besides address and selector.
        pop: u16,
    },
    /// `iret`, `iretd`, `iretq`.
    InterruptReturn,
    /// `uiret`: returns from a user interrupt.
    UserInterruptReturn,
    /// Always faults in user mode, at its own address: `ud0`, `ud1`, `ud2`, `hlt`, privileged ones.
    Raises,
    /// A near branch with the prefix 66h and no REX.W. AMD processors truncate the instruction pointer to 16
    /// bits (and, for `rel32`, read two bytes less), Intel's ignore the prefix (APM vol. 3, near branches).
    Unsupported16,
}

impl Flow {
    /// Whether the next instruction in memory never directly follows: nothing falls through.
    #[must_use]
    pub fn ends_path(self) -> bool {
        !matches!(
            self,
            Self::Next
                | Self::Branch { .. }
                | Self::Counted { .. }
                | Self::Call { .. }
                | Self::CallIndirect
                | Self::Syscall
                | Self::Sysenter
                | Self::Xbegin { .. }
                | Self::Interrupt { .. }
                | Self::Breakpoint
                | Self::DebugTrap
                | Self::FarCall
        )
    }

    /// Where a direct transfer may go, fall-through aside.
    #[must_use]
    pub fn target(self) -> Option<AppPc> {
        match self {
            Self::Jump { target }
            | Self::Branch { target, .. }
            | Self::Counted { target, .. }
            | Self::Call { target }
            | Self::Xbegin { target } => Some(target),
            _ => None,
        }
    }

    /// Whether [`relocate`](crate::relocate) copies such an instruction: it falls through or raises.
    #[must_use]
    pub fn is_copyable(self) -> bool {
        matches!(
            self,
            Self::Next | Self::Raises | Self::Interrupt { .. } | Self::Breakpoint | Self::DebugTrap
        )
    }
}

/// The branches that are decided by a counter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Counted {
    /// `loop`: count down, taken unless zero.
    Loop,
    /// `loope`: count down, taken unless zero and while ZF is set.
    Loope,
    /// `loopne`: count down, taken unless zero and while ZF is clear.
    Loopne,
    /// `jrcxz`, `jecxz`: taken when the counter is zero.
    Rcxz,
}

/// Which counter a [`Counted`] branch uses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CounterWidth {
    /// All of rcx.
    Rcx,
    /// ecx, by prefix 67h. Counting down clears the upper half of rcx.
    Ecx,
}

/// iced numbers conditions in the order of their codes, from 1.
const CONDS: [Cond; 16] = [
    Cond::O,
    Cond::No,
    Cond::B,
    Cond::Ae,
    Cond::E,
    Cond::Ne,
    Cond::Be,
    Cond::A,
    Cond::S,
    Cond::Ns,
    Cond::P,
    Cond::Np,
    Cond::L,
    Cond::Ge,
    Cond::Le,
    Cond::G,
];

/// The privileged instructions that a program may be allowed to execute (ioperm, iopl).
const IO_PRIVILEGED: [Mnemonic; 10] = [
    Mnemonic::In,
    Mnemonic::Out,
    Mnemonic::Insb,
    Mnemonic::Insw,
    Mnemonic::Insd,
    Mnemonic::Outsb,
    Mnemonic::Outsw,
    Mnemonic::Outsd,
    Mnemonic::Cli,
    Mnemonic::Sti,
];

pub(crate) fn classify(insn: &Insn) -> Flow {
    let iced = insn.iced();
    let flow = match iced.flow_control() {
        FlowControl::Next => return sequential(iced),
        FlowControl::XbeginXabortXend => return transaction(iced),
        FlowControl::Interrupt => return interrupt(iced),
        FlowControl::Exception => return Flow::Raises,
        FlowControl::UnconditionalBranch => jump(iced),
        FlowControl::IndirectBranch => indirect(iced, Flow::JumpIndirect, Flow::FarJump),
        FlowControl::ConditionalBranch => conditional(iced),
        FlowControl::Return => returning(iced),
        FlowControl::Call => call(iced),
        FlowControl::IndirectCall => indirect(iced, Flow::CallIndirect, Flow::FarCall),
    };
    if is_near(flow) && Prefixes::scan(insn.bytes()).narrows_operand() { Flow::Unsupported16 } else { flow }
}

/// Whether the operand size of `flow` is the width of the instruction pointer.
fn is_near(flow: Flow) -> bool {
    matches!(
        flow,
        Flow::Jump { .. }
            | Flow::Branch { .. }
            | Flow::Counted { .. }
            | Flow::Call { .. }
            | Flow::JumpIndirect
            | Flow::CallIndirect
            | Flow::Return { .. }
    )
}

fn sequential(iced: &Instruction) -> Flow {
    if iced.is_privileged() && !IO_PRIVILEGED.contains(&iced.mnemonic()) { Flow::Raises } else { Flow::Next }
}

fn transaction(iced: &Instruction) -> Flow {
    match iced.mnemonic() {
        Mnemonic::Xbegin => Flow::Xbegin { target: AppPc::new(iced.near_branch_target()) },
        _ => Flow::Next,
    }
}

fn interrupt(iced: &Instruction) -> Flow {
    match iced.code() {
        Code::Int3 => Flow::Breakpoint,
        Code::Int1 => Flow::DebugTrap,
        Code::Int_imm8 => Flow::Interrupt { vector: iced.immediate8() },
        _ => Flow::Raises,
    }
}

fn jump(iced: &Instruction) -> Flow {
    match iced.mnemonic() {
        Mnemonic::Jmp => Flow::Jump { target: AppPc::new(iced.near_branch_target()) },
        _ => Flow::Raises,
    }
}

fn indirect(iced: &Instruction, near: Flow, far: Flow) -> Flow {
    if iced.is_jmp_far_indirect() || iced.is_call_far_indirect() { far } else { near }
}

fn conditional(iced: &Instruction) -> Flow {
    let target = AppPc::new(iced.near_branch_target());
    let kind = match iced.mnemonic() {
        Mnemonic::Loop => Counted::Loop,
        Mnemonic::Loope => Counted::Loope,
        Mnemonic::Loopne => Counted::Loopne,
        Mnemonic::Jcxz | Mnemonic::Jecxz | Mnemonic::Jrcxz => Counted::Rcxz,
        _ => {
            let code = (iced.condition_code() as usize).wrapping_sub(1);
            return CONDS.get(code).map_or(Flow::Raises, |&cond| Flow::Branch { cond, target });
        }
    };
    Flow::Counted { kind, width: counter_width(iced.code()), target }
}

fn counter_width(code: Code) -> CounterWidth {
    match code {
        Code::Loop_rel8_64_ECX
        | Code::Loope_rel8_64_ECX
        | Code::Loopne_rel8_64_ECX
        | Code::Loop_rel8_16_ECX
        | Code::Loope_rel8_16_ECX
        | Code::Loopne_rel8_16_ECX
        | Code::Jecxz_rel8_64
        | Code::Jecxz_rel8_16 => CounterWidth::Ecx,
        _ => CounterWidth::Rcx,
    }
}

fn returning(iced: &Instruction) -> Flow {
    let pop = if iced.op_count() == 0 { 0 } else { iced.immediate16() };
    match iced.mnemonic() {
        Mnemonic::Ret => Flow::Return { pop },
        Mnemonic::Retf => Flow::FarReturn { pop },
        Mnemonic::Iret | Mnemonic::Iretd | Mnemonic::Iretq => Flow::InterruptReturn,
        Mnemonic::Uiret => Flow::UserInterruptReturn,
        _ => Flow::Raises,
    }
}

fn call(iced: &Instruction) -> Flow {
    match iced.mnemonic() {
        Mnemonic::Call => Flow::Call { target: AppPc::new(iced.near_branch_target()) },
        Mnemonic::Syscall => Flow::Syscall,
        Mnemonic::Sysenter => Flow::Sysenter,
        // Hypercalls: the hypervisor answers and goes on behind them, or they raise #UD.
        _ => sequential(iced),
    }
}
