//! The encoding of an instruction: which of all forms that fit.

use alloc::vec::Vec;

use iced_x86::{Encoder, Instruction, Mnemonic};

use crate::arg::Arg;
use crate::error::{Error, ErrorKind, Fits, Unencodable};
use crate::form::{self, Form, Slot};
use crate::request::{Misfit, Request, is_evex};
use crate::shape::{self, Class};
use crate::size;

/// An instruction that was assembled.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) insn: Instruction,
    pub(crate) bytes: Vec<u8>,
    /// The size that was taken for a memory operand that is written without one.
    pub(crate) taken_bytes: Option<usize>,
}

/// Why one form is taken and not another; the least wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    foreign: bool,
    memory: usize,
    narrow: bool,
    evex: bool,
    len: usize,
}

/// What can be said of a name, its operands and their sizes, all forms considered.
pub(crate) struct Search<'r, 'w> {
    request: &'r Request<'w>,
    here: u64,
    /// Shorter encodings are passed over: they did not reach before.
    min_len: usize,
    best: Option<(Rank, Chosen)>,
    /// Sizes of memory that the forms differ in.
    sizes: u16,
    misfit: Misfit,
    fits: Fits,
    counts: u8,
}

/// Instructions whose two operands can be written in either order.
const COMMUTATIVE: [Mnemonic; 2] = [Mnemonic::Test, Mnemonic::Xchg];

/// Assembles an instruction that stands at `here`, in at least `min_len` bytes.
pub(crate) fn choose(request: &Request<'_>, here: u64, min_len: usize) -> Result<Chosen, Error> {
    let forms = request.written.forms;
    let first = Search::run(forms, request, here, min_len);
    first.or_else(|error| {
        let other = other_order(forms, &request.args).ok_or(error)?;
        // The error is about what was written.
        Search::run(forms, &request.with(other), here, min_len).map_err(|_| error)
    })
}

/// The operands as the instruction has them: swapped, or the first one twice.
fn other_order(forms: &[Form], args: &[Arg]) -> Option<Vec<Arg>> {
    let mnemonic = forms.first()?.code.mnemonic();
    match args {
        [a, b] if COMMUTATIVE.contains(&mnemonic) => Some(Vec::from([*b, *a])),
        [a, b @ Arg::Number { .. }] if mnemonic == Mnemonic::Imul => Some(Vec::from([*a, *a, *b])),
        _ => None,
    }
}

impl<'r, 'w> Search<'r, 'w> {
    fn run(forms: &[Form], request: &'r Request<'w>, here: u64, min_len: usize) -> Result<Chosen, Error> {
        let mut search = Self {
            request,
            here,
            min_len,
            best: None,
            sizes: 0,
            misfit: Misfit::Count,
            fits: Fits::default(),
            counts: 0,
        };
        forms.iter().for_each(|form| search.consider(form));
        search.finish()
    }

    fn consider(&mut self, form: &Form) {
        self.counts |= 1 << form.slots.len();
        let readings = self.readings();
        for args in readings {
            match self.request.fit(form, &args).and_then(|insn| self.encode(insn, &args)) {
                Ok(chosen) if chosen.bytes.len() >= self.min_len => return self.take(form, chosen),
                Ok(_) => {}
                Err(misfit) => self.note(form, misfit),
            }
        }
    }

    /// The operands in all the ways in which they can be understood; only one of them is memory.
    fn readings(&self) -> Vec<Vec<Arg>> {
        let memory = self.request.args.iter().position(|arg| matches!(arg, Arg::Memory(_)));
        let Some(at) = memory else { return Vec::from([self.request.args.clone()]) };
        let with = |reading| {
            let mut args = self.request.args.clone();
            args[at] = reading;
            args
        };
        self.request.args[at].readings().map(with).collect()
    }

    fn encode(&self, mut insn: Instruction, args: &[Arg]) -> Result<Chosen, Misfit> {
        let failed = Misfit::Encoding(insn.code());
        let mut encoder = Encoder::new(64);
        let len = encoder.encode(&insn, self.here).map_err(|_| failed)?;
        let mut bytes = encoder.take_buffer();
        for arg in args {
            if let Arg::Memory(memory) = arg
                && memory.settle(&mut insn, len as u64)
            {
                encoder.encode(&insn, self.here).map_err(|_| failed)?;
                bytes = encoder.take_buffer();
            }
        }
        if !form::is_read_as(insn.code(), &bytes, self.here) {
            return Err(failed);
        }
        insn.set_len(len);
        insn.set_ip(self.here);
        insn.set_code_size(iced_x86::CodeSize::Code64);
        Ok(Chosen { insn, bytes, taken_bytes: None })
    }

    /// Keeps an encoding if it is better than the ones before.
    fn take(&mut self, form: &Form, chosen: Chosen) {
        let memory = self.open_size(form);
        self.sizes |= memory.map_or(0, size::bit);
        let unnamed = size::KEYWORDS.len();
        let rank = Rank {
            foreign: form.foreign,
            memory: memory.map_or(0, |bytes| size::rank(bytes).unwrap_or(unnamed)),
            narrow: self.request.is_narrow_by_default(form),
            evex: is_evex(form.code),
            len: chosen.bytes.len(),
        };
        if self.best.as_ref().is_none_or(|(best, _)| rank < *best) {
            let chosen = Chosen { taken_bytes: memory, ..chosen };
            self.best = Some((rank, chosen));
        }
    }

    /// The size of the memory operand, if it is not written.
    fn open_size(&self, form: &Form) -> Option<usize> {
        let memory = self.request.memory()?;
        let info = form.code.op_code();
        memory.bytes.is_none().then(|| info.memory_size().size())
    }

    /// Remembers what would have fitted in the place of the operand that did not.
    fn note(&mut self, form: &Form, misfit: Misfit) {
        if misfit > self.misfit {
            (self.misfit, self.fits) = (misfit, Fits::default());
        }
        let Misfit::Operand(nth) = misfit else { return };
        let Some(Slot::Operand(index)) = form.slots.get(nth).filter(|_| misfit == self.misfit) else {
            return;
        };
        let info = form.code.op_code();
        let memory = matches!(self.request.args[nth], Arg::Memory(_));
        let takes_memory = matches!(
            shape::of(info.op_kind(*index)),
            shape::Shape::RegisterOrMemory(_) | shape::Shape::Memory(_)
        );
        let bytes = if memory && takes_memory { info.memory_size().size() } else { 0 };
        self.fits.add(info.op_kind(*index), bytes);
    }

    fn finish(self) -> Result<Chosen, Error> {
        let ambiguous = self.sizes.count_ones() > 1;
        match self.best {
            Some((_, chosen)) => {
                let default = chosen.insn.code().op_code().default_op_size64();
                let taken_bytes = chosen.taken_bytes.filter(|_| ambiguous && !default);
                Ok(Chosen { taken_bytes, ..chosen })
            }
            None => Err(self.error()),
        }
    }

    fn error(&self) -> Error {
        let Request { written, args } = self.request;
        match self.misfit {
            Misfit::Count => {
                let kind = ErrorKind::OperandCount { given: args.len(), wanted: self.counts };
                Error::new(written.name, kind)
            }
            Misfit::Operand(nth) => {
                Error::new(self.request.span_of(nth), ErrorKind::Operand { fits: self.fits })
            }
            Misfit::Decorator(nth) => {
                let span = written.decorators.get(nth).map_or(written.name, |(_, span)| *span);
                Error::new(span, ErrorKind::Decorator)
            }
            Misfit::Prefix(nth) => Error::new(written.prefixes[nth].1, ErrorKind::Prefix),
            Misfit::Encoding(code) => {
                let (operand, reason) = self.reason();
                let span = operand.map_or(written.name, |operand| self.request.span_of(operand));
                Error::new(span, ErrorKind::NotEncodable { code, reason })
            }
        }
    }

    /// Why operands that fit have no encoding together, and which of them is to blame.
    fn reason(&self) -> (Option<usize>, Unencodable) {
        let fault = |arg: &Arg| match arg {
            Arg::Register(register) if is_high_byte(*register) => Some(Unencodable::HighByte),
            Arg::Register(register) if is_high(*register) => Some(Unencodable::HighRegister),
            Arg::Memory(memory) => memory.fault(),
            _ => None,
        };
        let reaches =
            |arg: &Arg| matches!(arg, Arg::Memory(_) | Arg::Number { .. }).then_some(Unencodable::OutOfReach);
        let args = || self.request.args.iter().enumerate();
        let blamed = args().find_map(|(nth, arg)| Some((Some(nth), fault(arg)?)));
        let far = || args().find_map(|(nth, arg)| Some((Some(nth), reaches(arg)?)));
        blamed.or_else(far).unwrap_or((None, Unencodable::Other))
    }
}

fn is_high_byte(register: iced_x86::Register) -> bool {
    use iced_x86::Register as R;
    [R::AH, R::BH, R::CH, R::DH].contains(&register)
}

fn is_high(register: iced_x86::Register) -> bool {
    let vector = [Class::Xmm, Class::Ymm, Class::Zmm].iter().any(|class| class.contains(register));
    vector && register.number() >= 16
}
