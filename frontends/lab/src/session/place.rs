//! Memory at fixed addresses, the same in every run and with every backend.
//!
//! The program gets it by system calls of its own, so it does not matter whose address space it runs in.

use std::ops::Range;
use std::time::Duration;

use midstride_control::{Controller, Event, InsnId, Program, Registers, Session as Control, Valid};
use midstride_os::nr;

use crate::error::Error;

/// Bytes for code and data, and the most that can be assembled.
pub(crate) const IMAGE_BYTES: u64 = 16 << 20;
/// Bytes of the stack.
pub(crate) const STACK_BYTES: u64 = 64 << 10;
/// Bytes between the two, so that a stack that overflows meets nothing.
const GAP: u64 = 16 << 20;
/// Bytes above rsp at the start.
const ABOVE: u64 = 0x100;

/// Addresses to try in turn; in one process several sessions may have memory.
const BASES: [u64; 8] = [
    0x1000_0000,
    0x2000_0000,
    0x3000_0000,
    0x5000_0000,
    0x6000_0000,
    0x1_0000_0000,
    0x1_1000_0000,
    0x1_2000_0000,
];

const SYSCALL: [u8; 2] = [0x0f, 0x05];
const PROT_READ_WRITE: u64 = 3;
const MAP_PRIVATE_ANONYMOUS_NORESERVE_FIXED_NOREPLACE: u64 = 0x2 | 0x20 | 0x4000 | 0x10_0000;

/// The memory of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) base: u64,
}

impl Place {
    /// Maps memory where there is room, preferably at `wanted`.
    pub(crate) fn map(control: &Control, wanted: Option<Self>) -> Result<Self, Error> {
        let bases = wanted.iter().map(|place| place.base).chain(BASES);
        for base in bases {
            let place = Self { base };
            let image = map(control, base, IMAGE_BYTES)?;
            if image && map(control, place.stack().start, STACK_BYTES)? {
                return Ok(place);
            }
            if image {
                unmap(control, base, IMAGE_BYTES)?;
            }
        }
        Err(Error::NoMemory { address: BASES[0] })
    }

    pub(crate) fn unmap(self, control: &Control) -> Result<(), Error> {
        unmap(control, self.base, IMAGE_BYTES)?;
        unmap(control, self.stack().start, STACK_BYTES)
    }

    pub(crate) fn stack(self) -> Range<u64> {
        let start = self.base + IMAGE_BYTES + GAP;
        start..start + STACK_BYTES
    }

    /// Where a program that returns goes: nothing is there.
    pub(crate) fn way_out(self) -> u64 {
        self.stack().end
    }

    /// rsp at the start.
    pub(crate) fn top(self) -> u64 {
        self.stack().end - ABOVE
    }
}

/// Whether the memory was free and is mapped now.
fn map(control: &Control, address: u64, bytes: u64) -> Result<bool, Error> {
    let flags = MAP_PRIVATE_ANONYMOUS_NORESERVE_FIXED_NOREPLACE;
    let args = [address, bytes, PROT_READ_WRITE, flags, u64::MAX, 0];
    Ok(syscall(control, nr::MMAP, args)? == address)
}

fn unmap(control: &Control, address: u64, bytes: u64) -> Result<(), Error> {
    syscall(control, nr::MUNMAP, [address, bytes, 0, 0, 0, 0]).map(drop)
}

/// How long a system call of ours may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Has the program make a system call; gives back what it returns.
fn syscall(control: &Control, number: u64, args: [u64; 6]) -> Result<u64, Error> {
    let id = InsnId::new(u32::MAX);
    let mut program = Program::new();
    program.insert(id, &SYSCALL)?;
    control.load(program)?;
    control.change(Box::new(move |state| set_args(&mut state.registers, number, args)))?;
    control.run(id)?;
    while let Some(event) = control.wait(PATIENCE) {
        match event {
            Event::Syscall { .. } => control.resume()?,
            _ => break,
        }
    }
    Ok(control.state()?.registers.gpr.rax)
}

fn set_args(registers: &mut Registers, number: u64, args: [u64; 6]) {
    let gpr = &mut registers.gpr;
    gpr.rax = number;
    [gpr.rdi, gpr.rsi, gpr.rdx, gpr.r10, gpr.r8, gpr.r9] = args;
}

/// Registers as a program has them at its start.
pub(crate) fn first_registers(valid: Valid, place: Place) -> Registers {
    let mut registers = Registers::new(valid);
    registers.gpr.rsp = place.top();
    registers
}
