//! Labels that their user keeps: any number, near and far, forgotten ones.

use midstride_addr::CodeOffset;
use midstride_asm::{Cond, EmitError, Gpr, LooseLabel, Writer, Xmm};
use midstride_testkit::{BASE, listing};

/// The code that `emit` writes.
fn code(emit: impl FnOnce(&mut Writer<'_>)) -> Result<Vec<u8>, EmitError> {
    let mut buffer = [0xcc; 4096];
    let mut w = Writer::new(&mut buffer, BASE);
    emit(&mut w);
    w.finish().map(|code| code.bytes().to_vec())
}

#[test]
fn fields_before_and_behind_a_loose_label_lead_to_it() {
    let code = code(|w| {
        let mut middle = LooseLabel::new();
        w.jmp_loose(&mut middle);
        w.jcc_loose(Cond::E, &mut middle);
        w.call_loose(&mut middle);
        w.jcc_loose_short(Cond::S, &mut middle);
        w.jmp_loose_short(&mut middle);
        assert!(middle.is_awaited());
        w.bind_loose(&mut middle);
        assert_eq!(middle.place(), Some(CodeOffset::new(0x14)));
        w.lea_loose(Gpr::R11, &mut middle);
        w.vmovsd_loose(Xmm::Xmm2, &mut middle);
        w.vmovsd_loose(Xmm::Xmm13, &mut middle);
        w.jmp_loose(&mut middle);
        w.jcc_loose(Cond::Ne, &mut middle);
        w.bytes(&[0xcc; 128]);
        w.jmp_loose(&mut middle);
    });
    let shown = listing(&code.unwrap());
    let branches: String = shown.lines().filter(|line| !line.contains("int3")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(branches, @r"
    0000: e9 0f 00 00 00                 jmp 10000014h
    0005: 0f 84 09 00 00 00              je 10000014h
    000b: e8 04 00 00 00                 call 10000014h
    0010: 78 02                          js short 10000014h
    0012: eb 00                          jmp short 10000014h
    0014: 4c 8d 1d f9 ff ff ff           lea r11,[10000014h]
    001b: c5 fb 10 15 f1 ff ff ff        vmovsd xmm2,[10000014h]
    0023: c5 7b 10 2d e9 ff ff ff        vmovsd xmm13,[10000014h]
    002b: eb e7                          jmp short 10000014h
    002d: 75 e5                          jne short 10000014h
    00af: e9 60 ff ff ff                 jmp 10000014h
    ");
}

#[test]
fn there_are_more_loose_labels_than_a_writer_has_labels() {
    let code = code(|w| {
        let mut labels = vec![LooseLabel::new(); 300];
        labels.iter_mut().for_each(|label| w.jmp_loose(label));
        labels.iter_mut().for_each(|label| w.bind_loose(label));
    });
    let code = code.unwrap();
    assert_eq!(code.len(), 1500);
    assert_eq!(code[..5], [0xe9, 0xd7, 0x05, 0, 0], "the first jump leads to the end");
}

#[test]
fn a_forgotten_loose_label_is_an_error() {
    let forgotten = code(|w| w.jmp_loose(&mut LooseLabel::new()));
    assert_eq!(forgotten, Err(EmitError::LooseUnbound { labels: 1 }));
}

#[test]
fn a_loose_label_has_one_place() {
    let twice = code(|w| {
        let mut label = LooseLabel::new();
        w.bind_loose(&mut label);
        w.int3();
        w.bind_loose(&mut label);
    });
    assert_eq!(twice, Err(EmitError::LooseBoundTwice { first: CodeOffset::new(0) }));
}

#[test]
fn nothing_is_cut_while_a_loose_label_is_waited_for() {
    let cut = code(|w| {
        let mut label = LooseLabel::new();
        w.jmp_loose(&mut label);
        w.truncate(CodeOffset::new(0));
        w.bind_loose(&mut label);
    });
    assert_eq!(cut, Err(EmitError::LooseUnbound { labels: 1 }));
}

#[test]
fn a_short_branch_too_far_from_its_loose_label_is_refused() {
    let far = code(|w| {
        let mut label = LooseLabel::new();
        w.jmp_loose_short(&mut label);
        w.nop(128);
        w.bind_loose(&mut label);
    });
    assert!(matches!(far, Err(EmitError::ShortOutOfReach { .. })), "{far:?}");
}
