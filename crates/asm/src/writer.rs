//! The writer: a fixed buffer, a position, the first error.

use midstride_addr::{CachePc, CodeOffset};

use crate::encode::{Bits, Form, Insn, Operands, Site, encode};
use crate::error::EmitError;
use crate::label::{LABELS, Slot};
use crate::reg::Width;

/// Writes instructions one behind the other into a buffer, for execution at a known address.
///
/// Methods are called `<mnemonic>_<form>`: one letter an operand, destination first, `r` for a
/// general-purpose register, `x` for a vector register, `m` for memory, `i` for an immediate. Where
/// the operand width varies it is the first argument.
///
/// Nothing is checked at the call: the first error makes the writer ignore everything that follows
/// and comes out of [`finish`](Self::finish).
pub struct Writer<'b> {
    /// As far as it may be used: after an error it ends at `len`.
    pub(crate) buf: &'b mut [u8],
    pub(crate) len: usize,
    origin: CachePc,
    error: Option<EmitError>,
    pub(crate) labels: [Slot; LABELS],
    pub(crate) labels_used: u8,
    /// Loose labels that are waited for.
    pub(crate) loose: u32,
}

/// Finished code, still in the buffer it was written to.
#[derive(Clone, Copy, Debug)]
pub struct Code<'b> {
    bytes: &'b [u8],
    origin: CachePc,
}

impl<'b> Code<'b> {
    /// The machine code.
    #[must_use]
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Where it must be copied to be executed.
    #[must_use]
    pub fn origin(&self) -> CachePc {
        self.origin
    }
}

impl<'b> Writer<'b> {
    /// A writer at the start of `buf`, for code that will run at `origin`.
    ///
    /// Up to 24 bytes behind the end of the code are overwritten, never more than `buf`. Of a buffer
    /// beyond 4 GiB the first 4 GiB are used.
    #[must_use]
    pub fn new(buf: &'b mut [u8], origin: CachePc) -> Self {
        let limit = buf.len().min(u32::MAX as usize - 1);
        Self {
            buf: &mut buf[..limit],
            len: 0,
            origin,
            error: None,
            labels: [Slot::FREE; LABELS],
            labels_used: 0,
            loose: 0,
        }
    }

    /// The finished code.
    ///
    /// # Errors
    /// The first error met while writing, or [`EmitError::Unbound`] when a label that is used has no
    /// place.
    pub fn finish(mut self) -> Result<Code<'b>, EmitError> {
        let end = self.complete()?.get() as usize;
        Ok(Code { bytes: &self.buf[..end], origin: self.origin })
    }

    /// How many bytes of the buffer are code, when nothing is missing: [`finish`](Self::finish) for who keeps the
    /// buffer.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish).
    pub fn complete(&mut self) -> Result<CodeOffset, EmitError> {
        self.check_labels();
        self.error.map_or(Ok(self.offset()), Err)
    }

    /// Bytes written so far, which is where the next instruction starts.
    #[must_use]
    pub fn offset(&self) -> CodeOffset {
        CodeOffset::new(self.len as u32)
    }

    /// The address at which the next instruction will run.
    #[must_use]
    pub fn pc(&self) -> CachePc {
        self.origin.add(self.len as u64)
    }

    /// The address at which the first instruction will run.
    #[must_use]
    pub fn origin(&self) -> CachePc {
        self.origin
    }

    /// Bytes left in the buffer; 0 after an error.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.buf.len() - self.len
    }

    /// The first error so far.
    #[must_use]
    pub fn error(&self) -> Option<EmitError> {
        self.error
    }

    /// What was written so far, displacements to unbound labels not yet filled in.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    /// Goes back to `to`, forgetting what was written behind it: instructions, the labels bound there
    /// (at `to` itself they stay) and their uses. An error stays.
    ///
    /// Fails with [`EmitError::CutBeyondEnd`] when `to` lies ahead, and with
    /// [`EmitError::LabelCutOff`] when an instruction before `to` jumps to a label behind it, and with
    /// [`EmitError::LooseUnbound`] while a [loose label](crate::LooseLabel) is waited for; nothing is
    /// cut then. Of loose labels bound behind `to` the writer knows nothing: they must not be used.
    pub fn truncate(&mut self, to: CodeOffset) {
        if self.error.is_some() {
            return;
        }
        if to > self.offset() {
            return self.fail(EmitError::CutBeyondEnd { cut: to, end: self.offset() });
        }
        if self.loose > 0 {
            return self.fail(EmitError::LooseUnbound { labels: self.loose });
        }
        self.cut_labels(to.get());
        if self.error.is_none() {
            self.len = to.get() as usize;
        }
    }

    /// Copies bytes into the code.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if end > self.buf.len() {
            return self.fail_full();
        }
        self.buf[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    /// Writes one byte of data.
    pub fn u8(&mut self, value: u8) {
        self.put(Bits::EMPTY.byte(value));
    }

    /// Writes four bytes of data, the lowest first.
    pub fn u32(&mut self, value: u32) {
        self.put(Bits::EMPTY.append(value.into(), 4));
    }

    /// Writes eight bytes of data, the lowest first.
    pub fn u64(&mut self, value: u64) {
        self.put(Bits::EMPTY.append(value, 8));
    }

    /// Encodes and writes one instruction.
    #[inline(always)]
    pub(crate) fn emit(&mut self, form: Form, width: Width, operands: Operands) {
        let site = Site { at: self.offset(), pc: self.pc().get() };
        match encode(form, width, operands, site) {
            Ok(insn) => self.put_insn(insn),
            Err(error) => self.fail(error),
        }
    }

    /// Writes one instruction: a few stores into a window, where there is room for it.
    #[inline(always)]
    fn put_insn(&mut self, insn: Insn) {
        match self.window() {
            Some(window) => self.len += insn.write(window),
            None => self.put_at_the_end(insn.head, insn.operand, insn.imm),
        }
    }

    /// Writes a few bytes: one store, where there is room for it.
    #[inline(always)]
    pub(crate) fn put(&mut self, bits: Bits) {
        let bytes = bits.bits.to_le_bytes();
        match self.window() {
            Some(window) => {
                *window = bytes;
                self.len += bits.len as usize;
            }
            None => self.bytes(&bytes[..bits.len as usize]),
        }
    }

    /// The next bytes, where there are as many.
    #[inline(always)]
    fn window<const BYTES: usize>(&mut self) -> Option<&mut [u8; BYTES]> {
        self.buf.get_mut(self.len..)?.first_chunk_mut()
    }

    /// An instruction comes here in its parts, which are in registers.
    #[cold]
    fn put_at_the_end(&mut self, head: Bits, operand: Bits, imm: Bits) {
        let mut window = [0; Insn::WINDOW];
        let len = Insn { head, operand, imm }.write(&mut window);
        self.bytes(&window[..len]);
    }

    /// Keeps the first error and leaves no room for anything more.
    #[cold]
    pub(crate) fn fail(&mut self, error: EmitError) {
        self.error.get_or_insert(error);
        let buf = core::mem::take(&mut self.buf);
        self.buf = &mut buf[..self.len];
    }

    #[cold]
    fn fail_full(&mut self) {
        self.fail(EmitError::Full { capacity: self.buf.len() });
    }
}
