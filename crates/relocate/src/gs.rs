//! The GS segment, for owners of code that keep something of their own there.

use iced_x86::{Mnemonic, OpKind, Register};
use midstride_asm::Gpr;

use crate::gpr;
use crate::insn::{Insn, decode};
use crate::layout::Prefixes;

const GS_PREFIX: u8 = 0x65;

/// What an instruction does with the base or the selector of GS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GsUse {
    /// `rdgsbase`: puts the base into a register, whose other half becomes 0 where it is narrow.
    ReadBase {
        /// The register.
        to: Gpr,
    },
    /// `wrgsbase`: sets the base.
    WriteBase {
        /// The register with the new base.
        from: Gpr,
        /// The bits of it that count: all, or the lower half.
        mask: u64,
    },
    /// `mov gs`, `pop gs`: loads a selector, and with it a base.
    LoadSelector,
    /// `lgs`: loads a selector and a register.
    LoadPointer,
}

impl Insn {
    /// What it does with the base or the selector of GS; memory operands in that segment are not meant, see
    /// [`Self::without_gs`].
    #[must_use]
    pub fn gs_use(&self) -> Option<GsUse> {
        let iced = self.iced();
        let register = iced.op0_register();
        let mask = if register.is_gpr32() { u64::from(u32::MAX) } else { u64::MAX };
        match iced.mnemonic() {
            Mnemonic::Rdgsbase => gpr::of(register).map(|to| GsUse::ReadBase { to }),
            Mnemonic::Wrgsbase => gpr::of(register).map(|from| GsUse::WriteBase { from, mask }),
            Mnemonic::Mov | Mnemonic::Pop if register == Register::GS => Some(GsUse::LoadSelector),
            Mnemonic::Lgs => Some(GsUse::LoadPointer),
            _ => None,
        }
    }

    /// The same without its GS override, as if the segment's base were 0. It starts some bytes later and ends
    /// where this one does. `None` when there is no such override, or none that counts.
    ///
    /// ```
    /// use midstride_addr::AppPc;
    /// use midstride_relocate::decode;
    ///
    /// let insn = decode(&[0x65, 0x48, 0x8b, 0x00], AppPc::new(0x1000))?; // mov rax, gs:[rax]
    /// let plain = insn.without_gs().expect("it has an override");
    /// assert_eq!((plain.bytes(), plain.next_pc()), (&[0x48, 0x8b, 0x00][..], insn.next_pc()));
    /// assert!(plain.without_gs().is_none());
    /// # Ok::<(), midstride_relocate::DecodeError>(())
    /// ```
    #[must_use]
    pub fn without_gs(&self) -> Option<Self> {
        if self.iced().segment_prefix() != Register::GS || !has_memory(self) {
            return None;
        }
        let prefixes = Prefixes::scan(self.bytes()).len;
        let mut kept = [0; crate::MAX_INSN_BYTES];
        let mut len = 0;
        for (at, &byte) in self.bytes().iter().enumerate() {
            if at >= prefixes || byte != GS_PREFIX {
                kept[len] = byte;
                len += 1;
            }
        }
        decode(&kept[..len], self.pc().add((self.len() - len) as u64)).ok()
    }
}

/// Instructions whose memory is at an address in rax, in a segment that can be overridden, and is no operand.
const IMPLICIT: [Mnemonic; 4] = [Mnemonic::Clzero, Mnemonic::Monitor, Mnemonic::Monitorx, Mnemonic::Umonitor];

fn has_memory(insn: &Insn) -> bool {
    let iced = insn.iced();
    if IMPLICIT.contains(&iced.mnemonic()) {
        return true;
    }
    (0..iced.op_count()).any(|operand| match iced.op_kind(operand) {
        OpKind::Memory => true,
        kind => (OpKind::MemorySegSI..=OpKind::MemorySegRDI).contains(&kind),
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use midstride_addr::AppPc;

    fn insn(bytes: &[u8]) -> Insn {
        decode(bytes, AppPc::new(0x1000)).expect("a known instruction")
    }

    #[test]
    fn uses_of_the_segment_itself_are_told() {
        let rcx = Gpr::Rcx;
        let table: [(&[u8], Option<GsUse>); 8] = [
            (&[0xf3, 0x48, 0x0f, 0xae, 0xc9], Some(GsUse::ReadBase { to: rcx })),
            (&[0xf3, 0x48, 0x0f, 0xae, 0xd9], Some(GsUse::WriteBase { from: rcx, mask: u64::MAX })),
            (&[0xf3, 0x0f, 0xae, 0xd9], Some(GsUse::WriteBase { from: rcx, mask: 0xffff_ffff })),
            (&[0xf3, 0x48, 0x0f, 0xae, 0xc1], None), // rdfsbase
            (&[0x8e, 0xe8], Some(GsUse::LoadSelector)),
            (&[0x0f, 0xa9], Some(GsUse::LoadSelector)),
            (&[0x0f, 0xb5, 0x00], Some(GsUse::LoadPointer)),
            (&[0x8c, 0xe8], None), // mov eax, gs
        ];
        for (bytes, wanted) in table {
            assert_eq!(insn(bytes).gs_use(), wanted, "{bytes:02x?}");
        }
    }

    #[test]
    fn only_overrides_of_memory_operands_are_taken_off() {
        let table: [(&[u8], Option<&[u8]>); 6] = [
            (&[0x65, 0xff, 0x24, 0x25, 8, 0, 0, 0], Some(&[0xff, 0x24, 0x25, 8, 0, 0, 0])),
            (&[0xf3, 0x65, 0xa4], Some(&[0xf3, 0xa4])), // rep movsb
            (&[0x65, 0xc5, 0xfc, 0x28, 0x00], Some(&[0xc5, 0xfc, 0x28, 0x00])),
            (&[0x64, 0x8b, 0x00], None), // fs
            (&[0x65, 0xaa], None),       // stosb goes by es
            (&[0x65, 0x89, 0xc0], None),
        ];
        for (bytes, wanted) in table {
            let plain = insn(bytes).without_gs();
            assert_eq!(plain.as_ref().map(Insn::bytes), wanted, "{bytes:02x?}");
        }
    }

    #[test]
    fn overrides_of_implicit_operands_are_taken_off() {
        for bytes in
            [&[0x0f, 0x01, 0xfc][..], &[0x0f, 0x01, 0xc8], &[0x0f, 0x01, 0xfa], &[0xf3, 0x0f, 0xae, 0xf0]]
        {
            let plain = insn(&[&[0x65], bytes].concat()).without_gs();
            assert_eq!(plain.as_ref().map(Insn::bytes), Some(bytes), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_rip_relative_operand_stays_where_it_is() {
        let with = insn(&[0x65, 0x48, 0x8b, 0x05, 0x10, 0, 0, 0]);
        let without = with.without_gs().expect("it has an override");
        assert_eq!(with.iced().ip_rel_memory_address(), without.iced().ip_rel_memory_address());
    }
}
