//! What an instruction does to the stack pointer.

use iced_x86::{Mnemonic, Register};

use crate::insn::Insn;

/// How many bytes `insn` adds to the stack pointer; `None` where that depends on registers.
///
/// ```
/// use midstride_addr::AppPc;
/// use midstride_relocate::{decode, stack_effect};
///
/// let effect = |code: &[u8]| decode(code, AppPc::new(0x1000)).map(|insn| stack_effect(&insn));
/// assert_eq!(effect(&[0x55])?, Some(-8)); // push rbp
/// assert_eq!(effect(&[0x48, 0x83, 0xec, 0x18])?, Some(-0x18)); // sub rsp, 0x18
/// assert_eq!(effect(&[0xc9])?, None); // leave
/// # Ok::<(), midstride_relocate::DecodeError>(())
/// ```
#[must_use]
pub fn stack_effect(insn: &Insn) -> Option<i64> {
    let iced = insn.iced();
    let popped = i64::from(iced.stack_pointer_increment());
    let constant = || iced.try_immediate(1).ok().map(|bytes| bytes as i64);
    let writes_rsp = iced.op0_register().full_register() == Register::RSP;
    match iced.mnemonic() {
        Mnemonic::Leave | Mnemonic::Enter | Mnemonic::Xchg | Mnemonic::Xadd => None,
        Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Push => Some(popped),
        _ if !writes_rsp => Some(popped),
        Mnemonic::Add => constant(),
        Mnemonic::Sub => constant().map(|bytes| -bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use midstride_addr::AppPc;

    use super::*;
    use crate::decode;

    #[test]
    fn constant_effects_are_known_and_others_are_not() {
        let cases: [(&[u8], Option<i64>); 10] = [
            (&[0x58], Some(8)),                           // pop rax
            (&[0x5c], None),                              // pop rsp
            (&[0x54], Some(-8)),                          // push rsp
            (&[0x66, 0x50], Some(-2)),                    // push ax
            (&[0x48, 0x81, 0xc4, 0, 1, 0, 0], Some(256)), // add rsp, 0x100
            (&[0x48, 0x29, 0xc4], None),                  // sub rsp, rax
            (&[0x48, 0x89, 0xec], None),                  // mov rsp, rbp
            (&[0x48, 0x89, 0xe5], Some(0)),               // mov rbp, rsp
            (&[0x48, 0x39, 0xc4], Some(0)),               // cmp rsp, rax
            (&[0x48, 0x94], None),                        // xchg rsp, rax
        ];
        for (code, expected) in cases {
            let insn = decode(code, AppPc::new(0x1000)).expect("valid code");
            assert_eq!(stack_effect(&insn), expected, "{code:02x?}");
        }
    }
}
