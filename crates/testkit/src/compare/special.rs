//! Instructions that need more than operands: a leaf, a selector, a result that differs from run to run.

use iced_x86::{Instruction, Mnemonic, OpKind, Register};
use midstride_frame::rflags;

use super::case::Fs;
use super::shape::{aim, has_memory};
use super::steer::Steering;
use super::world::Window;
use crate::compare::skip::is_segment_load;

/// What a case of an instruction needs besides its operands; also where the first operand in memory is.
type Care = fn(&mut Steering<'_>, &Instruction, Option<u64>);

const SPECIAL: &[(&[Mnemonic], Care)] = &[
    (&[Mnemonic::Rdtsc, Mnemonic::Rdtscp, Mnemonic::Rdpmc, Mnemonic::Rdpru], clock),
    (&[Mnemonic::Rdrand, Mnemonic::Rdseed, Mnemonic::Rdpid], unknown_result),
    (&[Mnemonic::Cpuid], identity),
    (&[Mnemonic::Umwait, Mnemonic::Tpause, Mnemonic::Mwaitx], wait),
    (&[Mnemonic::Monitorx, Mnemonic::Umonitor], watched),
    (&[Mnemonic::Wrpkru], protection),
    (&[Mnemonic::Enclu], no_leaf),
    (&[Mnemonic::Wrgsbase], base_of_gs),
    (&[Mnemonic::Syscall], system_call),
    (&[Mnemonic::Mov, Mnemonic::Pop], selector),
    (&[Mnemonic::Lss, Mnemonic::Lfs], selector_and_offset),
];

/// The care that an instruction needs, if it is one of these.
pub(crate) fn care(insn: &Instruction) -> Option<Care> {
    let by_name = SPECIAL.iter().find(|(mnemonics, _)| mnemonics.contains(&insn.mnemonic()));
    let plain = matches!(insn.mnemonic(), Mnemonic::Mov | Mnemonic::Pop) && !is_segment_load(insn.code());
    by_name.filter(|_| !plain).map(|(_, care)| *care)
}

/// Some number of those given.
fn one_of<const N: usize>(steering: &mut Steering<'_>, numbers: [u64; N]) -> u64 {
    numbers[steering.random.below(N as u64) as usize]
}

fn clock(steering: &mut Steering<'_>, insn: &Instruction, _: Option<u64>) {
    // A register of the processor that a program may read, and a counter that none may.
    let number = if insn.mnemonic() == Mnemonic::Rdpru { one_of(steering, [0, 1]) } else { 0x3fff_ffff };
    steering.put(Register::RCX, number);
    steering.hide(Register::RAX);
    steering.hide(Register::RDX);
    if insn.mnemonic() == Mnemonic::Rdtscp {
        // The processor's number.
        steering.hide(Register::RCX);
    }
}

fn unknown_result(steering: &mut Steering<'_>, insn: &Instruction, _: Option<u64>) {
    steering.hide(insn.op0_register());
    if insn.mnemonic() != Mnemonic::Rdpid {
        // There may have been none.
        steering.case.unseen.flags |= rflags::CF;
    }
}

fn identity(steering: &mut Steering<'_>, _: &Instruction, _: Option<u64>) {
    let leaf = one_of(steering, [0, 1, 7, 0xb, 0xd, 0x8000_0000, 0x8000_0008, 0x4000_0000]);
    steering.put(Register::RAX, leaf);
    for register in [Register::RAX, Register::RBX, Register::RCX, Register::RDX] {
        steering.hide(register);
    }
}

/// Not for long: the kernel limits the first two, the other has a limit in rbx.
fn wait(steering: &mut Steering<'_>, insn: &Instruction, _: Option<u64>) {
    let [state, time] = [one_of(steering, [0, 1]), one_of(steering, [0, 100])];
    match insn.mnemonic() {
        Mnemonic::Mwaitx => {
            steering.put(Register::RCX, 2);
            steering.put(Register::RBX, time);
        }
        _ => steering.put(insn.op0_register(), state),
    }
    // It tells whether that limit was reached.
    steering.case.unseen.flags |= rflags::CF;
}

fn watched(steering: &mut Steering<'_>, insn: &Instruction, _: Option<u64>) {
    let target = aim(steering.random, steering.world, Window::Near);
    let address = if insn.op0_kind() == OpKind::Register { insn.op0_register() } else { Register::RAX };
    steering.put(address, target);
    steering.put(Register::RCX, 0);
}

/// Rights for keys that no memory has; all memory has the first one.
fn protection(steering: &mut Steering<'_>, _: &Instruction, _: Option<u64>) {
    let rights = steering.random.next_u64() & 0xffff_fffc;
    steering.put(Register::RAX, rights);
    if steering.random.below(4) != 0 {
        steering.put(Register::RCX, 0);
        steering.put(Register::RDX, 0);
    }
}

fn no_leaf(steering: &mut Steering<'_>, _: &Instruction, _: Option<u64>) {
    steering.put(Register::RAX, 0xffff_ff00);
}

/// Any other base is refused where an engine follows.
fn base_of_gs(steering: &mut Steering<'_>, insn: &Instruction, _: Option<u64>) {
    let upper = if insn.op0_register().is_gpr32() { steering.random.next_u64() << 32 } else { 0 };
    steering.put(insn.op0_register(), upper);
}

/// Calls that change nothing: getpid, getppid, sched_yield, and one that does not exist.
fn system_call(steering: &mut Steering<'_>, _: &Instruction, _: Option<u64>) {
    let number = one_of(steering, [39, 110, 24, 0xffff]);
    steering.put(Register::RAX, number);
}

/// A selector for a register: those that Linux has for programs, none, and some that nobody may load.
fn some_selector(steering: &mut Steering<'_>, to: Register) -> u64 {
    match to {
        // Nothing else may be loaded there where an engine follows.
        Register::GS => 0,
        // Null selectors other than 0 become 0 when an interrupt happens to come.
        _ => one_of(steering, [0x2b, 0x2b, 0x2b, 0x33, 0x23, 0, 0x10, 0x7c]),
    }
}

fn loads_fs(steering: &mut Steering<'_>, insn: &Instruction) {
    if matches!(insn.op0_register(), Register::FS) || insn.mnemonic() == Mnemonic::Lfs {
        steering.case.fs = Fs::Used;
    }
}

fn selector(steering: &mut Steering<'_>, insn: &Instruction, target: Option<u64>) {
    loads_fs(steering, insn);
    let selector = some_selector(steering, insn.op0_register());
    let noise = steering.random.next_u64() << 16;
    match target.filter(|_| has_memory(insn) || insn.mnemonic() == Mnemonic::Pop) {
        Some(target) => steering.case.pokes.push((target, noise | selector)),
        None => steering.put(insn.op1_register(), noise | selector),
    }
}

/// Wherever a processor looks for it behind an offset of 64 bits: some take only 32 of them.
fn selector_and_offset(steering: &mut Steering<'_>, insn: &Instruction, target: Option<u64>) {
    loads_fs(steering, insn);
    let selector = some_selector(steering, Register::SS);
    let noise = steering.random.next_u64();
    let Some(target) = target else { return };
    let words = match insn.memory_size().size() {
        4 => [noise & 0xffff | selector << 16, noise],
        _ => [noise & 0xffff_ffff | selector << 32, selector],
    };
    steering.case.pokes.extend([(target, words[0]), (target + 8, words[1])]);
}
