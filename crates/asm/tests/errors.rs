//! What the writer refuses, and that the first refusal stays.

use midstride_addr::{CachePc, CodeOffset};
use midstride_asm::{Alu, Cond, EmitError, Gpr, Mem, Scale, Shift, Width, Writer, Xmm};
use midstride_testkit::BASE;

/// What comes of the code that `emit` writes behind one byte.
fn error(emit: impl FnOnce(&mut Writer<'_>)) -> Option<EmitError> {
    let mut buffer = [0; 64];
    let mut w = Writer::new(&mut buffer, BASE);
    w.cld();
    emit(&mut w);
    w.finish().err()
}

const AT: CodeOffset = CodeOffset::new(1);

#[test]
fn code_may_fill_the_buffer_to_the_last_byte() {
    for capacity in 0..40 {
        let mut buffer = vec![0; capacity];
        let mut w = Writer::new(&mut buffer, BASE);
        let fitting = capacity / 10;
        for value in 0..fitting {
            w.movabs(Gpr::R9, value as u64);
        }
        assert_eq!((w.error(), w.remaining()), (None, capacity % 10));
        w.movabs(Gpr::R9, 0);
        assert_eq!(w.error(), Some(EmitError::Full { capacity }));
        assert_eq!(w.offset(), CodeOffset::new(fitting as u32 * 10));
        assert_eq!(w.finish().err(), Some(EmitError::Full { capacity }));
    }
}

#[test]
fn nothing_is_written_after_an_error() {
    let mut buffer = [0; 64];
    let mut w = Writer::new(&mut buffer, BASE);
    w.ret();
    w.jmp_m(Mem::index(Gpr::Rsp, Scale::X1, 0));
    let label = w.new_label();
    w.ret();
    w.u64(0);
    w.nop(3);
    w.jmp(label);
    w.bind(label);
    w.truncate(CodeOffset::new(0));
    w.jmp_to(CachePc::new(0));
    assert_eq!((w.written(), w.remaining()), (&[0xc3][..], 0));
    assert_eq!(w.error(), Some(EmitError::RspAsIndex { at: AT }));
    assert_eq!(w.finish().err(), Some(EmitError::RspAsIndex { at: AT }));
}

#[test]
fn rsp_is_no_index() {
    let refused = Some(EmitError::RspAsIndex { at: AT });
    let load = |mem| error(|w| w.mov_rm(Width::W64, Gpr::Rax, mem));
    assert_eq!(load(Mem::index(Gpr::Rsp, Scale::X1, 0)), refused);
    assert_eq!(load(Mem::base_index(Gpr::Rax, Gpr::Rsp, Scale::X8, 1)), refused);
    assert_eq!(load(Mem::base_index(Gpr::Rsp, Gpr::R12, Scale::X8, 1)), None);
    assert_eq!(
        error(|w| w.andn_rrm(Width::W64, Gpr::Rax, Gpr::Rax, Mem::index(Gpr::Rsp, Scale::X1, 0))),
        refused
    );
}

#[test]
fn rel32_out_of_range_is_refused() {
    let jump = |distance: i64| {
        let to = BASE.add(6).offset(distance);
        (error(|w| w.jmp_to(to)), EmitError::OutOfReach { from: BASE.add(6), to: to.get() })
    };
    assert_eq!((jump(0x7fff_ffff).0, jump(-0x8000_0000).0), (None, None));
    for distance in [0x8000_0000, -0x8000_0001] {
        let (got, expected) = jump(distance);
        assert_eq!(got, Some(expected));
    }
    assert!(matches!(error(|w| w.call_to(CachePc::new(1 << 40))), Some(EmitError::OutOfReach { .. })));
    assert!(matches!(
        error(|w| w.jcc_to(Cond::E, CachePc::new(1 << 40))),
        Some(EmitError::OutOfReach { .. })
    ));
    assert!(matches!(
        error(|w| {
            w.jcc_patchable(Cond::E, CachePc::new(1 << 40));
        }),
        Some(EmitError::OutOfReach { .. })
    ));
}

#[test]
fn rip_relative_reach_counts_from_the_end_of_the_immediate() {
    // One byte of cld, then opcode, ModRM, displacement and a four-byte immediate.
    let end = BASE.add(1 + 10);
    let store = |target: u64| error(|w| w.mov_mi(Width::W32, Mem::rip(target), 1));
    let limit = end.add(0x7fff_ffff).get();
    assert_eq!(store(limit), None);
    assert_eq!(store(limit + 1), Some(EmitError::OutOfReach { from: end, to: limit + 1 }));
}

#[test]
fn widths_that_do_not_exist_are_refused() {
    let refused = |width| Some(EmitError::NoSuchWidth { at: AT, width });
    assert_eq!(error(|w| w.imul_rr(Width::W8, Gpr::Rax, Gpr::Rcx)), refused(Width::W8));
    assert_eq!(error(|w| w.lea(Width::W8, Gpr::Rax, Mem::abs32(0))), refused(Width::W8));
    assert_eq!(error(|w| w.cmov_rr(Width::W8, Cond::E, Gpr::Rax, Gpr::Rcx)), refused(Width::W8));
    assert_eq!(error(|w| w.bswap_r(Width::W16, Gpr::Rax)), refused(Width::W16));
    assert_eq!(error(|w| w.cvtsi2sd_xr(Width::W8, Xmm::Xmm0, Gpr::Rax)), refused(Width::W8));
    assert_eq!(error(|w| w.shlx_rrr(Width::W16, Gpr::Rax, Gpr::Rcx, Gpr::Rdx)), refused(Width::W16));
}

#[test]
fn immediates_that_do_not_fit_are_refused() {
    let refused = |value, field_bytes| Some(EmitError::ImmediateTooWide { at: AT, value, field_bytes });
    let add = |width, value| error(|w| w.alu_ri(width, Alu::Add, Gpr::Rcx, value));
    assert_eq!((add(Width::W8, 255), add(Width::W8, -128)), (None, None));
    assert_eq!((add(Width::W8, 256), add(Width::W8, -129)), (refused(256, 1), refused(-129, 1)));
    assert_eq!((add(Width::W16, 0xffff), add(Width::W16, -0x8000)), (None, None));
    assert_eq!(
        (add(Width::W16, 0x10000), add(Width::W16, -0x8001)),
        (refused(0x10000, 2), refused(-0x8001, 2))
    );
    assert_eq!((add(Width::W64, i32::MIN), add(Width::W32, i32::MAX)), (None, None));
    assert_eq!(error(|w| w.shift_ri(Width::W8, Shift::Shl, Gpr::Rax, 255)), None);
}

#[test]
fn truncation_ahead_is_refused() {
    let cut = CodeOffset::new(2);
    assert_eq!(error(|w| w.truncate(cut)), Some(EmitError::CutBeyondEnd { cut, end: AT }));
}

#[test]
fn messages_name_the_numbers() {
    let (at, pc) = (CodeOffset::new(0x1a), CachePc::new(0x7f00));
    let messages = [
        EmitError::Full { capacity: 4096 },
        EmitError::OutOfReach { from: pc, to: 0xffff_8000_0000_0000 },
        EmitError::ShortOutOfReach { from: at, to: CodeOffset::new(0x200) },
        EmitError::RspAsIndex { at },
        EmitError::NoSuchWidth { at, width: Width::W8 },
        EmitError::ImmediateTooWide { at, value: 0x1ff, field_bytes: 1 },
        EmitError::TooManyLabels { limit: 64 },
        EmitError::ForeignLabel { label: 3 },
        EmitError::BoundTwice { label: 3, first: at },
        EmitError::Unbound { label: 3, field: at },
        EmitError::LabelCutOff { label: 3, bound: CodeOffset::new(0x1f), cut: at },
        EmitError::CutBeyondEnd { cut: CodeOffset::new(0x1f), end: at },
        EmitError::NotRemovable { instruction: pc },
    ];
    insta::assert_snapshot!(messages.map(|message| message.to_string()).join("\n"), @r"
    code buffer of 0x1000 bytes is full
    0xffff800000000000 is more than 2 GiB away from 0x7f00
    short branch ending at +0x1a does not reach +0x200
    rsp used as index register at +0x1a
    no 8-bit form of the instruction at +0x1a
    immediate 0x1ff does not fit 8 bits at +0x1a
    more than 64 labels
    label 3 belongs to another writer
    label 3 is already bound at +0x1a
    label 3, used by the field at +0x1a, is not bound
    label 3, bound at +0x1f and in use, was cut off at +0x1a
    cannot truncate to +0x1f, the code ends at +0x1a
    the branch at 0x7f00 was not written to become a nop
    ");
}
