//! From a state to the bytes of its sections.

use alloc::vec::Vec;

use crate::canonical::{Activation, Frame, Global, HostCall, HostState, State, Table};
use crate::image::error::Section;
use crate::image::pages::PageRange;
use crate::value::Value;
use crate::varint::put;

/// The bytes of a section; where a memory's checksums belong, zeroes are written and their places noted.
pub(super) fn section(
    section: Section,
    state: &State,
    ranges: &[Vec<PageRange>],
    checksums: &mut Vec<usize>,
) -> Vec<u8> {
    let mut out = Vec::new();
    match section {
        Section::Frames => many(&mut out, &state.activations, activation),
        Section::Globals => many(&mut out, &state.globals, global),
        Section::Tables => many(&mut out, &state.tables, table),
        Section::Memories => memories(&mut out, state, ranges, checksums),
        Section::Segments => {
            many(&mut out, &state.dropped_data, |out, index| put(out, u64::from(*index)));
            many(&mut out, &state.dropped_elements, |out, index| put(out, u64::from(*index)));
        }
        Section::Host => many(&mut out, &state.host, host),
    }
    out
}

fn many<T>(out: &mut Vec<u8>, items: &[T], mut item: impl FnMut(&mut Vec<u8>, &T)) {
    put(out, items.len() as u64);
    items.iter().for_each(|each| item(out, each));
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn option(out: &mut Vec<u8>, number: Option<u64>) {
    out.push(u8::from(number.is_some()));
    if let Some(number) = number {
        put(out, number);
    }
}

fn value(out: &mut Vec<u8>, value: Value) {
    out.push(value.ty().to_byte());
    let bits = value.bits();
    match value.ty().bytes() {
        4 => out.extend_from_slice(&(bits as u32).to_le_bytes()),
        8 => out.extend_from_slice(&(bits as u64).to_le_bytes()),
        _ => out.extend_from_slice(&bits.to_le_bytes()),
    }
}

fn values(out: &mut Vec<u8>, values: &[Value]) {
    many(out, values, |out, each| value(out, *each));
}

fn activation(out: &mut Vec<u8>, activation: &Activation) {
    many(out, &activation.frames, frame);
    out.push(u8::from(activation.host_call.is_some()));
    if let Some(HostCall { function, arguments, progress }) = &activation.host_call {
        put(out, u64::from(*function));
        values(out, arguments);
        bytes(out, progress);
    }
}

fn frame(out: &mut Vec<u8>, frame: &Frame) {
    put(out, u64::from(frame.function));
    put(out, u64::from(frame.wasm_offset));
    out.push(frame.phase.to_byte());
    values(out, &frame.locals);
    values(out, &frame.operands);
}

fn global(out: &mut Vec<u8>, global: &Global) {
    out.push(global.mutability as u8);
    value(out, global.value);
}

/// A reference is a byte or a few; its type is the table's.
fn table(out: &mut Vec<u8>, table: &Table) {
    out.push(table.ty.to_byte());
    option(out, table.maximum.map(u64::from));
    many(out, &table.elements, |out, element| put(out, element.bits() as u64));
}

fn host(out: &mut Vec<u8>, host: &HostState) {
    bytes(out, host.name.as_bytes());
    bytes(out, &host.bytes);
}

fn memories(out: &mut Vec<u8>, state: &State, ranges: &[Vec<PageRange>], checksums: &mut Vec<usize>) {
    put(out, state.memories.len() as u64);
    for (memory, ranges) in state.memories.iter().zip(ranges) {
        out.push(memory.index_type as u8);
        option(out, memory.maximum);
        put(out, memory.wasm_pages());
        put(out, ranges.len() as u64);
        let mut end = 0;
        for range in ranges {
            put(out, range.first - end);
            put(out, u64::from(range.pages));
            checksums.push(out.len());
            out.extend_from_slice(&[0; 8]);
            end = range.end();
        }
    }
}
