//! Instructions that are copied like any other but have a side that the copier's owner must know.

use iced_x86::{Instruction, Mnemonic, Register};

/// Why an instruction is more than its registers, flags and memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Special {
    /// `popf`: may set TF (a trap behind the *next* instruction), AC and others that are not tracked.
    LoadsFlags = 1,
    /// `pushf`: shows TF and all the rest.
    StoresFlags,
    /// `mov ss`: holds interrupts off for one instruction; nothing may be put behind it.
    LoadsStackSegment,
    /// Reads or changes the base of FS or GS, or their selector.
    SegmentBase,
    /// Writes x87 state with instruction pointers in it, which are cache pcs then.
    StoresFpPointers,
    /// `cpuid`: identification; also serializes.
    Identity,
    /// Orders fetching of modified code with what comes behind: `serialize`, fences, cache-line flushes.
    Serializes,
    /// Reads a clock or a counter.
    Time,
    /// Random numbers.
    Random,
    /// Reads or changes the shadow stack. Does nothing, not even to its destination, where there is none.
    ShadowStack,
    /// Waits for a store to an armed address; nothing that stores may be put between arming and waiting.
    Waits,
    /// Inside of a transaction; `xabort` goes to its fallback.
    Transaction,
    /// Asks a hypervisor, which sees the whole state.
    Hypercall,
    /// Enters or leaves an enclave, which resumes at the address it was entered from.
    Enclave,
    /// Sends or masks user interrupts.
    UserInterrupt,
}

use Special::{
    Enclave, Hypercall, Identity, LoadsFlags, LoadsStackSegment, Random, SegmentBase, Serializes,
    ShadowStack, StoresFlags, StoresFpPointers, Time, Transaction, UserInterrupt, Waits,
};

const LIST: &[(Special, &[Mnemonic])] = &[
    (LoadsFlags, &[Mnemonic::Popf, Mnemonic::Popfd, Mnemonic::Popfq]),
    (StoresFlags, &[Mnemonic::Pushf, Mnemonic::Pushfd, Mnemonic::Pushfq]),
    (SegmentBase, &[Mnemonic::Rdfsbase, Mnemonic::Rdgsbase, Mnemonic::Wrfsbase, Mnemonic::Wrgsbase]),
    (SegmentBase, &[Mnemonic::Lfs, Mnemonic::Lgs]),
    (StoresFpPointers, &[Mnemonic::Fnsave, Mnemonic::Fnstenv, Mnemonic::Fxsave, Mnemonic::Fxsave64]),
    (StoresFpPointers, &[Mnemonic::Xsave, Mnemonic::Xsave64, Mnemonic::Xsaveopt, Mnemonic::Xsaveopt64]),
    (StoresFpPointers, &[Mnemonic::Xsavec, Mnemonic::Xsavec64]),
    (Identity, &[Mnemonic::Cpuid]),
    (Serializes, &[Mnemonic::Serialize, Mnemonic::Mfence, Mnemonic::Lfence, Mnemonic::Sfence]),
    (Serializes, &[Mnemonic::Clflush, Mnemonic::Clflushopt, Mnemonic::Clwb, Mnemonic::Cldemote]),
    (Time, &[Mnemonic::Rdtsc, Mnemonic::Rdtscp, Mnemonic::Rdpmc, Mnemonic::Rdpru]),
    (Random, &[Mnemonic::Rdrand, Mnemonic::Rdseed]),
    (ShadowStack, &[Mnemonic::Incsspd, Mnemonic::Incsspq, Mnemonic::Rdsspd, Mnemonic::Rdsspq]),
    (ShadowStack, &[Mnemonic::Saveprevssp, Mnemonic::Rstorssp, Mnemonic::Wrssd, Mnemonic::Wrssq]),
    (Waits, &[Mnemonic::Umonitor, Mnemonic::Umwait, Mnemonic::Tpause]),
    (Waits, &[Mnemonic::Monitor, Mnemonic::Mwait, Mnemonic::Monitorx, Mnemonic::Mwaitx]),
    (Transaction, &[Mnemonic::Xabort, Mnemonic::Xend, Mnemonic::Xtest]),
    (Hypercall, &[Mnemonic::Vmcall, Mnemonic::Vmmcall, Mnemonic::Vmgexit, Mnemonic::Vmfunc]),
    (Enclave, &[Mnemonic::Enclu, Mnemonic::Getsec]),
    (UserInterrupt, &[Mnemonic::Clui, Mnemonic::Stui, Mnemonic::Testui, Mnemonic::Senduipi]),
];

/// The list by mnemonic. A mnemonic beyond its end would not compile.
static BY_MNEMONIC: [Option<Special>; 2048] = {
    let mut table = [None; 2048];
    let mut line = 0;
    while line < LIST.len() {
        let (special, mnemonics) = LIST[line];
        let mut at = 0;
        while at < mnemonics.len() {
            table[mnemonics[at] as usize] = Some(special);
            at += 1;
        }
        line += 1;
    }
    table
};

pub(crate) fn of(iced: &Instruction) -> Option<Special> {
    match iced.mnemonic() {
        Mnemonic::Mov | Mnemonic::Pop => segment_load(iced.op0_register()),
        other => BY_MNEMONIC.get(other as usize).copied().flatten(),
    }
}

fn segment_load(destination: Register) -> Option<Special> {
    match destination {
        Register::SS => Some(LoadsStackSegment),
        Register::FS | Register::GS => Some(SegmentBase),
        _ => None,
    }
}
