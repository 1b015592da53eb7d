//! Forms that are not run, and why.

use iced_x86::{Code, EncodingKind, Mnemonic};

/// Why a form is compared nowhere. [`Skip::reason`] says it in a few words, the tests that it is so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Skip {
    /// It is no instruction: data directives, or `INVALID`.
    NoInstruction,
    /// 64-bit mode does not have it. 32-bit code is run by the processor itself, step by step.
    OtherMode,
    /// Two instructions to the processor, `wait` and another, which are compared by themselves.
    Pair,
    /// A near branch with the prefix 66h as AMD's processors read it. The decoder reads it as Intel's do, and
    /// the engine leaves it to the processor: whole programs show that (`m2_narrow_branches`).
    Narrow,
    /// The decoder reads its bytes as another instruction, or as none: only processors that are no longer made
    /// knew it, or those of one small vendor. Bytes that are none are left to the processor.
    Undecoded,
    /// It enters the kernel and does not come back to 64-bit code.
    SystemEnter,
    /// It asks the hypervisor, whose answer is its own business.
    Hypercall,
    /// It loads a selector to GS: an engine takes that for setting its base, which is the engine's.
    Segment,
    /// A transaction may abort at any time.
    Transaction,
}

impl Skip {
    /// The reason in a few words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        REASONS[self as usize]
    }
}

const REASONS: [&str; 9] = [
    "no instruction",
    "not in 64-bit mode",
    "two instructions: wait and another",
    "near branch with the prefix 66h: compared by whole programs",
    "not decoded: no processor of today has it",
    "enters the kernel for good",
    "asks the hypervisor",
    "loads a selector to GS: refused by the engine",
    "begins a transaction, which may abort at any time",
];

use Mnemonic as M;
use Skip::{Hypercall, Segment, SystemEnter, Transaction};

const BY_MNEMONIC: &[(Skip, &[Mnemonic])] = &[
    (SystemEnter, &[M::Sysenter]),
    (Hypercall, &[M::Vmcall, M::Vmmcall, M::Vmgexit, M::Vmfunc]),
    (Segment, &[M::Lgs]),
    (Transaction, &[M::Xbegin]),
];

/// Why `code` is compared nowhere; `None` when it is.
#[must_use]
pub fn skip(code: Code) -> Option<Skip> {
    let info = code.op_code();
    let known = info.decoder_option() == 0 && info.encoding() != EncodingKind::MVEX;
    let shape = [
        (!info.is_instruction() || code == Code::INVALID, Skip::NoInstruction),
        (info.fwait(), Skip::Pair),
        (known && !info.mode64(), Skip::OtherMode),
        (is_narrow(code), Skip::Narrow),
        (!known || !info.intel_decoder64() || code == Code::Montmul_64, Skip::Undecoded),
    ];
    let by_shape = shape.iter().find(|(holds, _)| *holds).map(|(_, skip)| *skip);
    let mnemonic = code.mnemonic();
    let listed = || BY_MNEMONIC.iter().find(|(_, all)| all.contains(&mnemonic)).map(|(skip, _)| *skip);
    by_shape.or_else(listed)
}

/// Whether it takes an engine to carry `code` out: it is compared only where one follows.
#[must_use]
pub fn takes_an_engine(code: Code) -> bool {
    const CARRIED_OUT: [Mnemonic; 8] =
        [M::Retf, M::Iret, M::Iretd, M::Iretq, M::Uiret, M::Rdgsbase, M::Wrgsbase, M::Syscall];
    let pops_gs = matches!(code, Code::Popw_GS | Code::Popq_GS);
    let listed = CARRIED_OUT.contains(&code.mnemonic()) || pops_gs || is_far(code);
    listed && skip(code).is_none()
}

/// Whether it is a `mov` or `pop` that loads a selector.
pub(crate) fn is_segment_load(code: Code) -> bool {
    use iced_x86::OpCodeOperandKind as Kind;
    let loads = matches!(code.mnemonic(), Mnemonic::Mov | Mnemonic::Pop);
    loads && matches!(code.op_code().op0_kind(), Kind::seg_reg | Kind::fs | Kind::gs | Kind::seg_rSI)
}

fn is_far(code: Code) -> bool {
    code.is_jmp_far_indirect() || code.is_call_far_indirect()
}

/// Near branches by 16-bit offsets: with a prefix that Intel's processors ignore and AMD's heed.
fn is_narrow(code: Code) -> bool {
    let branches = code.is_jmp_short_or_near()
        || code.is_jcc_short_or_near()
        || code.is_jcx_short()
        || code.is_loop()
        || code.is_loopcc()
        || code.is_call_near()
        || code.is_jmp_near_indirect()
        || code.is_call_near_indirect()
        || code.mnemonic() == Mnemonic::Ret;
    branches && code.op_code().operand_size() == 16
}

#[cfg(test)]
mod tests;
