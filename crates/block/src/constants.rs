//! Constants that emitted code reads. One of the crate's two modules with `unsafe`.
#![allow(unsafe_code, reason = "writes words into data slabs, whose pointers the slab crate hands out")]

use midstride_slab::DataSpan;

/// Writes `word` to the 8-byte slot `index` of `span`.
///
/// # Panics
/// When the slot lies outside.
pub(crate) fn store(span: &DataSpan, index: usize, word: u64) {
    assert!((index as u64 + 1) * 8 <= span.range().len(), "the constant's slot lies in its span");
    // SAFETY: the span was taken from a live region just now and is written by its only holder; the
    // slot lies inside by the assertion; data spans are mapped readable and writable and the span is
    // aligned to 8 bytes as it was asked for.
    unsafe { span.pointer().cast::<u64>().add(index).write(word) };
}
