//! Labels: bound before and after use, near, short, cut off.

use midstride_addr::{CachePc, CodeOffset};
use midstride_asm::{Cond, EmitError, Gpr, Label, Width, Writer};
use midstride_testkit::{BASE, listing};

/// The code that `emit` writes.
fn code(emit: impl FnOnce(&mut Writer<'_>)) -> Result<Vec<u8>, EmitError> {
    let mut buffer = [0xcc; 1024];
    let mut w = Writer::new(&mut buffer, BASE);
    emit(&mut w);
    w.finish().map(|code| code.bytes().to_vec())
}

fn at(offset: u32) -> CodeOffset {
    CodeOffset::new(offset)
}

#[test]
fn fields_before_and_behind_a_label_lead_to_it() {
    let code = code(|w| {
        let [middle, end] = [w.new_label(), w.new_label()];
        w.jmp(middle);
        w.jcc(Cond::E, end);
        w.jrcxz(middle);
        w.call(middle);
        w.jcc_short(Cond::S, middle);
        w.bind(middle);
        w.lea_label(Gpr::R11, middle);
        w.jmp_short(middle);
        w.loop_(middle);
        w.lea_label(Gpr::Rax, end);
        w.jmp(middle);
        w.bind(end);
        w.ret();
    });
    insta::assert_snapshot!(listing(&code.unwrap()), @r"
    0000: e9 0f 00 00 00                 jmp 10000014h
    0005: 0f 84 20 00 00 00              je 1000002bh
    000b: e3 07                          jrcxz 10000014h
    000d: e8 02 00 00 00                 call 10000014h
    0012: 78 00                          js short 10000014h
    0014: 4c 8d 1d f9 ff ff ff           lea r11,[10000014h]
    001b: eb f7                          jmp short 10000014h
    001d: e2 f5                          loop 10000014h
    001f: 48 8d 05 05 00 00 00           lea rax,[1000002bh]
    0026: e9 e9 ff ff ff                 jmp 10000014h
    002b: c3                             ret
    ");
}

/// A short branch over `bytes` bytes.
fn forward(bytes: usize) -> Result<Vec<u8>, EmitError> {
    code(|w| {
        let over = w.new_label();
        w.jmp_short(over);
        w.bytes(&vec![0x90; bytes]);
        w.bind(over);
    })
}

/// A short branch back over itself and `bytes` bytes.
fn backward(bytes: usize) -> Result<Vec<u8>, EmitError> {
    code(|w| {
        let start = w.new_label();
        w.bind(start);
        w.bytes(&vec![0x90; bytes]);
        w.jmp_short(start);
    })
}

#[test]
fn short_branches_reach_127_forward_and_128_back() {
    assert_eq!(forward(127).unwrap()[..2], [0xeb, 0x7f]);
    assert_eq!(forward(128), Err(EmitError::ShortOutOfReach { from: at(2), to: at(130) }));
    assert_eq!(backward(126).unwrap()[126..], [0xeb, 0x80]);
    assert_eq!(backward(127), Err(EmitError::ShortOutOfReach { from: at(129), to: at(0) }));
}

#[test]
fn short_branches_too_far_from_each_other_fail_at_once() {
    let result = code(|w| {
        let label = w.new_label();
        w.jmp_short(label);
        w.bytes(&[0x90; 254]);
        assert_eq!(w.error(), None);
        w.jmp_short(label);
    });
    assert_eq!(result, Err(EmitError::ShortOutOfReach { from: at(2), to: at(257) }));
}

#[test]
fn many_fields_wait_for_one_label() {
    let code = code(|w| {
        let label = w.new_label();
        for _ in 0..10 {
            w.jmp(label);
            w.jmp_short(label);
        }
        w.bind(label);
    })
    .unwrap();
    for round in 0..10 {
        let (near, short) = code[round * 7..][..7].split_at(5);
        let left = code.len() - round * 7;
        assert_eq!(near[1..], ((left - 5) as u32).to_le_bytes(), "round {round}");
        assert_eq!(usize::from(short[1]), left - 7, "round {round}");
    }
}

#[test]
fn a_label_nobody_uses_needs_no_place() {
    assert_eq!(
        code(|w| {
            w.new_label();
        }),
        Ok(vec![])
    );
}

#[test]
fn a_used_label_without_place_is_refused() {
    let result = code(|w| {
        let [_, unbound] = [w.new_label(), w.new_label()];
        w.jmp(unbound);
        w.jmp_short(unbound);
    });
    assert_eq!(result, Err(EmitError::Unbound { label: 1, field: at(6) }));
}

#[test]
fn a_second_place_is_refused() {
    let result = code(|w| {
        let label = w.new_label();
        w.cld();
        w.bind(label);
        w.bind(label);
    });
    assert_eq!(result, Err(EmitError::BoundTwice { label: 0, first: at(1) }));
}

/// A label that this writer has not made.
fn foreign() -> Label {
    let mut w = Writer::new(&mut [], BASE);
    (0..3).map(|_| w.new_label()).last().unwrap()
}

#[test]
fn a_foreign_label_is_refused() {
    let foreign = foreign();
    assert_eq!(code(|w| w.jmp(foreign)), Err(EmitError::ForeignLabel { label: 2 }));
    assert_eq!(code(|w| w.bind(foreign)), Err(EmitError::ForeignLabel { label: 2 }));
}

#[test]
fn there_are_64_labels() {
    let make = |count: usize| {
        code(|w| {
            (0..count).for_each(|_| {
                w.new_label();
            })
        })
    };
    assert_eq!(make(64), Ok(vec![]));
    assert_eq!(make(65), Err(EmitError::TooManyLabels { limit: 64 }));
}

#[test]
fn truncation_forgets_fields_that_wait() {
    let code = code(|w| {
        let label = w.new_label();
        w.jmp(label);
        w.jmp_short(label);
        let cut = w.offset();
        w.jmp(label);
        w.jrcxz(label);
        w.truncate(cut);
        w.ud2();
        w.bind(label);
    });
    assert_eq!(code.unwrap(), [0xe9, 4, 0, 0, 0, 0xeb, 2, 0x0f, 0x0b]);
}

#[test]
fn truncation_forgets_places_that_nothing_before_uses() {
    let code = code(|w| {
        let label = w.new_label();
        let cut = w.offset();
        w.cld();
        w.bind(label);
        w.jmp(label);
        w.truncate(cut);
        assert_eq!(w.place_of(label), None);
        w.jmp_short(label);
        w.bind(label);
        assert_eq!(w.place_of(label), Some(at(2)));
    });
    assert_eq!(code.unwrap(), [0xeb, 0]);
}

#[test]
fn truncation_of_a_place_in_use_is_refused() {
    let result = code(|w| {
        let label = w.new_label();
        w.jmp(label);
        let cut = w.offset();
        w.cld();
        w.bind(label);
        w.truncate(cut);
    });
    assert_eq!(result, Err(EmitError::LabelCutOff { label: 0, bound: at(6), cut: at(5) }));
}

#[test]
fn a_use_that_was_cut_off_is_no_use() {
    let code = code(|w| {
        let label = w.new_label();
        w.jmp(label);
        w.truncate(at(0));
        w.bytes(&[0x90; 8]);
        w.bind(label);
        w.cld();
        w.truncate(at(6));
        assert_eq!(w.place_of(label), None);
    });
    assert_eq!(code.unwrap(), [0x90; 6]);
}

#[test]
fn a_place_at_the_cut_stays() {
    let code = code(|w| {
        let label = w.new_label();
        w.jmp_short(label);
        w.bind(label);
        let cut = w.offset();
        w.cld();
        w.truncate(cut);
    });
    assert_eq!(code.unwrap(), [0xeb, 0]);
}

#[test]
fn labels_do_not_care_where_the_code_runs() {
    let write = |origin| {
        let mut buffer = [0; 16];
        let mut w = Writer::new(&mut buffer, CachePc::new(origin));
        let label = w.new_label();
        w.lea_label(Gpr::Rdx, label);
        w.bind(label);
        w.dec_r(Width::W64, Gpr::Rdx);
        w.finish().map(|code| code.bytes().to_vec())
    };
    assert_eq!(write(0), write(u64::MAX - 3));
    assert_eq!(write(0).unwrap()[..7], [0x48, 0x8d, 0x15, 0, 0, 0, 0]);
}
