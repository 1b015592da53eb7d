//! Transfers of control to addresses and operands; those to labels are in [`crate::label`].

use midstride_addr::{CachePc, rel32};

use crate::encode::Bits;
use crate::error::EmitError;
use crate::mem::Mem;
use crate::op::Cond;
use crate::reg::Gpr;
use crate::writer::Writer;

forms! {
    "FF /4"         jmp_r(target: rm Gpr)           "Jumps to the address in `target`";
    "FF /4"         jmp_m(target: rm Mem)           "Jumps to the address at `[target]`";
    "FF /2"         call_r(target: rm Gpr)          "Calls the address in `target`";
    "FF /2"         call_m(target: rm Mem)          "Calls the address at `[target]`";
    "C3"            ret()                           "Pops an address and jumps there";
    "C2 iw"         ret_i(pop_bytes: imm u16)       "Pops an address, frees `pop_bytes` of stack and jumps there";
    "CC"            int3()                          "Breakpoint trap";
    "0F 0B"         ud2()                           "Invalid-opcode fault";
    "0F 05"         syscall()                       "Enters the kernel; rcx becomes the next address, r11 the flags";
}

impl Writer<'_> {
    /// Jumps to `to` — `E9 cd`
    ///
    /// Fails with [`EmitError::OutOfReach`] beyond ±2 GiB.
    pub fn jmp_to(&mut self, to: CachePc) {
        self.rel32_absolute(Bits::EMPTY.byte(0xe9), to);
    }

    /// Jumps to `to` if the condition holds — `0F 80+cc cd`
    ///
    /// Fails with [`EmitError::OutOfReach`] beyond ±2 GiB.
    pub fn jcc_to(&mut self, cond: Cond, to: CachePc) {
        self.rel32_absolute(Bits::EMPTY.byte(0x0f).byte(0x80 | cond.code()), to);
    }

    /// Calls `to` — `E8 cd`
    ///
    /// Fails with [`EmitError::OutOfReach`] beyond ±2 GiB.
    pub fn call_to(&mut self, to: CachePc) {
        self.rel32_absolute(Bits::EMPTY.byte(0xe8), to);
    }

    /// Writes `opcode` and a 32-bit displacement to an address.
    pub(crate) fn rel32_absolute(&mut self, opcode: Bits, to: CachePc) {
        let end = self.pc().add(u64::from(opcode.len) + 4);
        match rel32(end.get(), to.get()) {
            Some(disp) => self.put(opcode.append(disp.cast_unsigned().into(), 4)),
            None => self.fail(EmitError::OutOfReach { from: end, to: to.get() }),
        }
    }
}
