//! Each form with many operands, decoded twice.

use midstride_addr::CachePc;
use midstride_asm::{Width, Writer};

use crate::form::{Args, Form, Visit};
use crate::operand::{Decoded, Operand, PC};
use crate::{iced, table, yaxpeax};

/// Emits and compares.
struct Oracle;

impl Visit for Oracle {
    fn form<A: Args>(&mut self, form: Form<'_>, emit: impl Fn(&mut Writer<'_>, Width, A)) {
        for &width in form.widths {
            let mut tried = 0;
            for n in 0..A::count() {
                tried += usize::from(try_one(&form, width, A::nth(n), &emit));
            }
            assert!(tried > 0, "{}: no operands fit {width:?}", form.method);
        }
    }
}

/// Whether the form takes these operands at all.
fn try_one<A: Args>(
    form: &Form<'_>,
    width: Width,
    args: A,
    emit: impl Fn(&mut Writer<'_>, Width, A),
) -> bool {
    let Some(operands) = args.operands(width, form.sizes) else { return false };
    let mut buffer = [0xcc; 16];
    let mut w = Writer::new(&mut buffer, CachePc::new(PC));
    emit(&mut w, width, args);
    let code = match w.finish() {
        Ok(code) => code.bytes(),
        Err(error) => panic!("{} {width:?} {operands:x?}: {error}", form.method),
    };
    compare("iced-x86", form, code, &operands, iced::decode(code));
    compare("yaxpeax-x86", form, code, &operands, yaxpeax::decode(code));
    true
}

fn compare(decoder: &str, form: &Form<'_>, code: &[u8], operands: &[Operand], found: Option<Decoded>) {
    let method = form.method;
    let found =
        found.unwrap_or_else(|| panic!("{decoder} cannot decode {method} {operands:x?}: {code:02x?}"));
    let shown = found.operands.get(..operands.len());
    let same = shown.is_some_and(|shown| operands.iter().zip(shown).all(|(want, is)| want.agrees(is)));
    let complete = operands.is_empty() || operands.len() == found.operands.len();
    assert!(
        same && complete && found.mnemonic == form.mnemonic && found.len == code.len(),
        "{method}: {code:02x?} should be {} {operands:x?}, {decoder} sees {found:x?}",
        form.mnemonic
    );
}

#[test]
fn moves_decode_to_what_was_meant() {
    table::moves::visit(&mut Oracle);
}

#[test]
fn arithmetic_decodes_to_what_was_meant() {
    table::arithmetic::visit(&mut Oracle);
}

#[test]
fn bit_operations_decode_to_what_was_meant() {
    table::bits::visit(&mut Oracle);
}

#[test]
fn transfers_decode_to_what_was_meant() {
    table::flow::visit(&mut Oracle);
}

#[test]
fn system_forms_decode_to_what_was_meant() {
    table::system::visit(&mut Oracle);
}

#[test]
fn vector_forms_decode_to_what_was_meant() {
    table::vector::visit(&mut Oracle);
}

#[test]
fn float_forms_decode_to_what_was_meant() {
    table::float::visit(&mut Oracle);
}

#[test]
fn avx_forms_decode_to_what_was_meant() {
    table::avx::visit(&mut Oracle);
}

#[test]
fn packed_forms_decode_to_what_was_meant() {
    table::packed::visit(&mut Oracle);
}

#[test]
fn lane_forms_decode_to_what_was_meant() {
    table::lanes::visit(&mut Oracle);
}

#[test]
fn packed_float_forms_decode_to_what_was_meant() {
    table::packed_float::visit(&mut Oracle);
}
