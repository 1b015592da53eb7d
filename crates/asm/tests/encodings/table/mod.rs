//! The forms, in the order of the sources.

pub(crate) mod arithmetic;
pub(crate) mod avx;
pub(crate) mod bits;
pub(crate) mod float;
pub(crate) mod flow;
pub(crate) mod lanes;
pub(crate) mod moves;
pub(crate) mod packed;
pub(crate) mod packed_float;
pub(crate) mod system;
pub(crate) mod vector;

use midstride_asm::Cond;

use crate::form::{Size, Visit};

/// As wide as the instruction.
const OP: Size = Size::Op;
/// Not compared.
const UNSAID: Size = Size::Bytes(0);
const B1: Size = Size::Bytes(1);
const B2: Size = Size::Bytes(2);
const B4: Size = Size::Bytes(4);
const B8: Size = Size::Bytes(8);
const B16: Size = Size::Bytes(16);

/// Conditions as iced-x86 spells them.
const CONDITIONS: [(Cond, &str); 16] = [
    (Cond::O, "o"),
    (Cond::No, "no"),
    (Cond::B, "b"),
    (Cond::Ae, "ae"),
    (Cond::E, "e"),
    (Cond::Ne, "ne"),
    (Cond::Be, "be"),
    (Cond::A, "a"),
    (Cond::S, "s"),
    (Cond::Ns, "ns"),
    (Cond::P, "p"),
    (Cond::Np, "np"),
    (Cond::L, "l"),
    (Cond::Ge, "ge"),
    (Cond::Le, "le"),
    (Cond::G, "g"),
];

/// Goes through all groups.
pub(crate) fn visit_all(v: &mut impl Visit) {
    moves::visit(v);
    arithmetic::visit(v);
    bits::visit(v);
    flow::visit(v);
    system::visit(v);
    vector::visit(v);
    float::visit(v);
    avx::visit(v);
    packed::visit(v);
    lanes::visit(v);
    packed_float::visit(v);
}
