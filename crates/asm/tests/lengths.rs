//! The shortest encoding is chosen, and padding is as long as asked for.

use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use midstride_asm::{Alu, Gpr, Mem, Scale, Shift, Width, Writer, Xmm};
use midstride_testkit::BASE;

fn code(emit: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = [0; 256];
    let mut w = Writer::new(&mut buffer, BASE);
    emit(&mut w);
    w.finish().unwrap().bytes().to_vec()
}

#[test]
fn constants_take_the_fewest_bytes() {
    let lengths = [
        (0, 5),
        (0xffff_ffff, 5),
        (0x1_0000_0000, 10),
        (u64::MAX, 7),
        (0xffff_ffff_8000_0000, 7),
        (0xffff_ffff_7fff_ffff, 10),
    ];
    for (value, len) in lengths {
        assert_eq!(code(|w| w.mov_ri(Gpr::Rbp, value)).len(), len, "{value:#x}");
    }
    assert_eq!(code(|w| w.mov_ri(Gpr::R9, 0)).len(), 6);
}

#[test]
fn displacements_take_the_fewest_bytes() {
    let len = |mem| code(|w| w.mov_rm(Width::W32, Gpr::Rax, mem)).len();
    let lengths = [(0, 2), (1, 3), (-128, 3), (127, 3), (128, 6), (-129, 6)];
    for (disp, expected) in lengths {
        assert_eq!(len(Mem::base(Gpr::Rdi, disp)), expected, "rdi {disp}");
        assert_eq!(len(Mem::base(Gpr::Rsp, disp)), expected + 1, "rsp {disp}");
        assert_eq!(len(Mem::base(Gpr::R12, disp)), expected + 2, "r12 {disp}");
        assert_eq!(
            len(Mem::base_index(Gpr::Rdi, Gpr::Rax, Scale::X8, disp)),
            expected + 1,
            "rdi+rax*8 {disp}"
        );
    }
    assert_eq!((len(Mem::base(Gpr::Rbp, 0)), len(Mem::base(Gpr::R13, 0))), (3, 4));
    assert_eq!((len(Mem::rip(0)), len(Mem::abs32(0))), (6, 7));
}

#[test]
fn immediates_take_the_fewest_bytes() {
    let add = |width, reg, value| code(|w| w.alu_ri(width, Alu::Add, reg, value)).len();
    assert_eq!((add(Width::W32, Gpr::Rcx, 127), add(Width::W32, Gpr::Rcx, 128)), (3, 6));
    assert_eq!((add(Width::W32, Gpr::Rax, 127), add(Width::W32, Gpr::Rax, 128)), (3, 5));
    assert_eq!((add(Width::W8, Gpr::Rax, 1), add(Width::W8, Gpr::Rcx, 1)), (2, 3));
    // As a 16-bit number it is -1.
    assert_eq!((add(Width::W16, Gpr::Rcx, 0xffff), add(Width::W16, Gpr::Rcx, 0x7fff)), (4, 5));
    let shift = |count| code(|w| w.shift_ri(Width::W32, Shift::Shl, Gpr::Rcx, count)).len();
    assert_eq!((shift(1), shift(2)), (2, 3));
    let push = |value| code(|w| w.push_i(value)).len();
    assert_eq!((push(-128), push(128)), (2, 5));
}

#[test]
fn vex_takes_two_bytes_where_it_can() {
    let add = |d, b| code(|w| w.vaddsd_xxx(d, Xmm::Xmm15, b)).len();
    assert_eq!((add(Xmm::Xmm0, Xmm::Xmm1), add(Xmm::Xmm8, Xmm::Xmm1), add(Xmm::Xmm0, Xmm::Xmm9)), (4, 4, 5));
    // Map 0F38 and a set W have no short prefix.
    assert_eq!(code(|w| w.andn_rrr(Width::W32, Gpr::Rax, Gpr::Rcx, Gpr::Rdx)).len(), 5);
    assert_eq!(code(|w| w.andn_rrr(Width::W64, Gpr::Rax, Gpr::Rcx, Gpr::Rdx)).len(), 5);
}

#[test]
fn byte_registers_have_a_rex_only_where_they_need_one() {
    let len = |reg| code(|w| w.mov_rr(Width::W8, Gpr::Rax, reg)).len();
    assert_eq!((len(Gpr::Rbx), len(Gpr::Rsp), len(Gpr::Rdi), len(Gpr::R8)), (2, 3, 3, 3));
    let zero_extend = |dst, src| code(|w| w.movzx_rr8(dst, src)).len();
    assert_eq!((zero_extend(Gpr::Rdi, Gpr::Rax), zero_extend(Gpr::Rax, Gpr::Rdi)), (3, 4));
}

#[test]
fn padding_is_nops_of_the_length_asked_for() {
    for bytes in 0..60 {
        let code = code(|w| w.nop(bytes));
        let nops: Vec<_> = Decoder::new(64, &code, DecoderOptions::NONE).into_iter().collect();
        assert_eq!((code.len(), nops.len()), (bytes, bytes.div_ceil(9)));
        assert!(nops.iter().all(|nop| nop.mnemonic() == Mnemonic::Nop), "{bytes}: {code:02x?}");
    }
}

#[test]
fn alignment_counts_addresses_not_offsets() {
    for lead in 0..40 {
        for alignment in [0, 1, 2, 8, 16, 32] {
            let mut buffer = [0; 64];
            let mut w = Writer::new(&mut buffer, BASE.add(lead));
            w.align(alignment);
            let padding = w.pc().get() - BASE.get() - lead;
            assert!(padding < u64::from(alignment.max(1)));
            assert!(alignment == 0 || w.pc().get().is_multiple_of(alignment.into()));
        }
    }
}
