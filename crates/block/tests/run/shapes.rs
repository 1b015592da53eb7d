//! Blocks of one shape each.

use midstride_addr::CachePc;
use midstride_asm::{Cond, Gpr, Mem, Scale, Width, Writer};
use midstride_block::{Care, Landing, Rotate};

use crate::memory::Memory;
use crate::rewritten::{Building, Rewriting, Slots};

type Shape = fn(&mut Writer<'_>, &Memory);

const SHAPES: [(&str, Shape); 24] = [
    ("jmp to itself", |w, m| w.jmp_to(CachePc::new(m.code))),
    ("jmp elsewhere", |w, m| w.jmp_to(CachePc::new(m.near))),
    ("jcc", |w, m| w.jcc_to(Cond::B, CachePc::new(m.near))),
    ("call", |w, m| w.call_to(CachePc::new(m.near))),
    ("call next", |w, m| w.call_to(CachePc::new(m.code + 5))),
    ("ret", |w, _| w.ret()),
    ("ret imm", |w, _| w.ret_i(24)),
    ("rep ret", |w, _| w.bytes(&[0xf3, 0xc3])),
    ("jmp rax", |w, _| w.jmp_r(Gpr::Rax)),
    ("jmp rcx", |w, _| w.jmp_r(Gpr::Rcx)),
    ("jmp r11", |w, _| w.jmp_r(Gpr::R11)),
    ("jmp rsp", |w, _| w.jmp_r(Gpr::Rsp)),
    ("jmp near memory", |w, m| w.jmp_m(Mem::rip(m.near))),
    ("jmp far memory", |w, m| w.jmp_m(Mem::rip(m.far))),
    ("call rsp", |w, _| w.call_r(Gpr::Rsp)),
    ("call [rsp]", |w, _| w.call_m(Mem::base(Gpr::Rsp, 0))),
    ("call [rcx]", |w, _| w.call_m(Mem::base(Gpr::Rcx, 0))),
    ("call [rsp+r13*8]", |w, _| w.call_m(Mem::base_index(Gpr::Rsp, Gpr::R13, Scale::X8, 0))),
    ("loop", |w, _| w.bytes(&[0xe2, 0xfe])),
    ("loope ecx", |w, _| w.bytes(&[0x67, 0xe1, 0x20])),
    ("jecxz", |w, _| w.bytes(&[0x67, 0xe3, 0x20])),
    ("int3", |w, _| w.int3()),
    ("store to nowhere", |w, _| {
        w.mov_ri(Gpr::Rax, 0);
        w.mov_mr(Width::W64, Mem::base(Gpr::Rax, 8), Gpr::Rcx);
        w.ret();
    }),
    ("push to nowhere", |w, m| {
        w.mov_ri(Gpr::Rsp, 0x10);
        w.call_to(CachePc::new(m.near));
    }),
];

/// Names and code.
pub(crate) fn shapes(memory: &Memory) -> Vec<(&'static str, Vec<u8>)> {
    let code = |shape: Shape| {
        let mut buffer = [0; 64];
        let mut w = Writer::new(&mut buffer, CachePc::new(memory.code));
        shape(&mut w, memory);
        w.finish().expect("shapes are short").bytes().to_vec()
    };
    SHAPES.into_iter().map(|(name, shape)| (name, code(shape))).collect()
}

/// Every way to rewrite, one with another.
pub(crate) fn rewritings() -> Vec<Rewriting> {
    let mut all = Vec::new();
    for slots in [Slots::Gs, Slots::Absolute] {
        for landing in [None, Some(Landing::Return), Some(Landing::Indirect)] {
            for (care, far) in [(Care::Trust, false), (Care::Trust, true), (Care::Check, false)] {
                for count in [None, Some(0)] {
                    let rotate = if far { Rotate::None } else { crate::rotate() };
                    let building = if count.is_some() { Building::AsReached } else { Building::First };
                    all.push(Rewriting { slots, rotate, landing, care, count, far, building });
                }
            }
        }
    }
    all
}
