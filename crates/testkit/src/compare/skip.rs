//! Forms that are not run, and why.

use iced_x86::{Code, CpuidFeature, EncodingKind, Mnemonic};

/// Why a form is not run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Skip {
    /// It is no instruction: data directives, or `INVALID`.
    NoInstruction,
    /// 64-bit mode does not have it.
    OtherMode,
    /// Two instructions to the processor: `wait` and another.
    Pair,
    /// Only decoders for one vendor's old processors know it.
    OtherDecoder,
    /// Its result is a clock, a counter or a random number.
    Nondeterministic,
    /// It tells which processor this is; the next case may run on another.
    Identity,
    /// It enters the kernel: compared by the steps of the system-call stub and by whole programs.
    SystemCall,
    /// It enters a hypervisor.
    Hypercall,
    /// It waits for another processor, or for time to pass.
    Waits,
    /// It changes selectors, or the base of GS: the engine carries it out.
    Segment,
    /// It leaves the code segment: the engine carries it out.
    FarTransfer,
    /// A near branch with an operand size that processors disagree about; the engine carries it out.
    Narrow,
    /// It may abort at any time.
    Transaction,
    /// Enclaves.
    Enclave,
    /// User interrupts.
    UserInterrupt,
    /// It takes the right to use memory away from the process that compares.
    Protection,
}

impl Skip {
    /// The reason in a few words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        REASONS[self as usize]
    }
}

const REASONS: [&str; 16] = [
    "no instruction",
    "not in 64-bit mode",
    "two instructions: wait and another",
    "only for decoders of old processors",
    "clock, counter or random number",
    "tells which processor this is",
    "system call: compared elsewhere",
    "hypercall",
    "waits",
    "selectors, or the base of GS: carried out by the engine",
    "far transfer: carried out by the engine",
    "near branch with operand size 16: carried out by the engine",
    "transaction",
    "enclave",
    "user interrupt",
    "takes memory away",
];

use Mnemonic as M;
use Skip::{
    Enclave, FarTransfer, Hypercall, Identity, Nondeterministic, Protection, Segment, SystemCall,
    Transaction, UserInterrupt, Waits,
};

const BY_MNEMONIC: &[(Skip, &[Mnemonic])] = &[
    (Nondeterministic, &[M::Rdtsc, M::Rdtscp, M::Rdpmc, M::Rdpru, M::Rdrand, M::Rdseed, M::Mcommit]),
    (Identity, &[M::Cpuid, M::Rdpid]),
    (SystemCall, &[M::Syscall, M::Sysenter]),
    (Hypercall, &[M::Vmcall, M::Vmmcall, M::Vmgexit, M::Vmfunc, M::Hreset, M::Pconfig, M::Tdcall]),
    (Waits, &[M::Monitor, M::Mwait, M::Monitorx, M::Mwaitx, M::Umonitor, M::Umwait, M::Tpause]),
    (Segment, &[M::Lfs, M::Lgs, M::Lss, M::Lds, M::Les, M::Wrgsbase, M::Rdgsbase]),
    (FarTransfer, &[M::Retf, M::Iret, M::Iretd, M::Iretq, M::Uiret]),
    (Transaction, &[M::Xbegin, M::Xabort, M::Xend, M::Xtest]),
    (Enclave, &[M::Enclu, M::Enclv, M::Encls, M::Getsec]),
    (UserInterrupt, &[M::Clui, M::Stui, M::Testui, M::Senduipi]),
    (Protection, &[M::Wrpkru]),
];

/// Why `code` is not run; `None` when it is.
#[must_use]
pub fn skip(code: Code) -> Option<Skip> {
    let info = code.op_code();
    let shape = [
        (!info.is_instruction() || code == Code::INVALID, Skip::NoInstruction),
        (info.fwait(), Skip::Pair),
        (!info.mode64() || info.encoding() == EncodingKind::MVEX, Skip::OtherMode),
        (info.decoder_option() != 0 || !info.intel_decoder64() || is_padlock(code), Skip::OtherDecoder),
        (is_segment_load(code), Skip::Segment),
        (is_far(code), Skip::FarTransfer),
        (is_narrow(code), Skip::Narrow),
    ];
    let by_shape = shape.iter().find(|(holds, _)| *holds).map(|(_, skip)| *skip);
    let mnemonic = code.mnemonic();
    let listed = || BY_MNEMONIC.iter().find(|(_, all)| all.contains(&mnemonic)).map(|(skip, _)| *skip);
    by_shape.or_else(listed)
}

/// Whether an engine carries `code` out when a block cannot: it is run where one follows. What it leaves to the
/// processor (far jumps and calls) is not: single threads are not followed behind that. Loaded selectors would be
/// seen by the next case.
#[must_use]
pub fn takes_an_engine(code: Code) -> bool {
    const CARRIED_OUT: [Mnemonic; 5] = [M::Retf, M::Iret, M::Iretd, M::Iretq, M::Rdgsbase];
    matches!(skip(code), Some(Skip::Segment | Skip::FarTransfer)) && CARRIED_OUT.contains(&code.mnemonic())
}

/// Forms that iced names but does not decode.
fn is_padlock(code: Code) -> bool {
    code == Code::Montmul_64 || code.cpuid_features().contains(&CpuidFeature::PADLOCK_UNDOC)
}

fn is_segment_load(code: Code) -> bool {
    use iced_x86::OpCodeOperandKind as Kind;
    let loads = matches!(code.mnemonic(), Mnemonic::Mov | Mnemonic::Pop);
    loads && matches!(code.op_code().op0_kind(), Kind::seg_reg | Kind::fs | Kind::gs | Kind::seg_rSI)
}

fn is_far(code: Code) -> bool {
    code.is_jmp_far_indirect() || code.is_call_far_indirect() || code.is_jmp_far() || code.is_call_far()
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
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_where_their_number_says() {
        assert_eq!(Skip::NoInstruction.reason(), "no instruction");
        assert_eq!(Skip::Transaction.reason(), "transaction");
        assert_eq!(Skip::Protection.reason(), "takes memory away");
        assert_eq!(Skip::Protection as usize + 1, REASONS.len());
    }

    #[test]
    fn ordinary_forms_are_run() {
        for code in [Code::Add_rm64_r64, Code::Call_rel32_64, Code::EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er] {
            assert_eq!(skip(code), None, "{code:?}");
        }
        assert_eq!(skip(Code::Syscall), Some(Skip::SystemCall));
        assert_eq!(skip(Code::Mov_Sreg_rm16), Some(Skip::Segment));
        assert_eq!(skip(Code::Pushad), Some(Skip::OtherMode));
    }
}
