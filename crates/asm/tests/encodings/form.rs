//! One line of the table, and its operands in all combinations.

use midstride_asm::{Width, Writer};

use crate::operand::Operand;
use crate::sample::Sample;

/// How wide an operand is.
#[derive(Clone, Copy)]
pub(crate) enum Size {
    /// As wide as the instruction's width.
    Op,
    /// This many bytes whatever the width; of memory 0: not compared.
    Bytes(u8),
}

impl Size {
    fn bytes(self, width: Width) -> u8 {
        match self {
            Self::Op => width.bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// All widths.
pub(crate) const ANY: &[Width] = &Width::ALL;
/// All but one byte.
pub(crate) const WORDS: &[Width] = &[Width::W16, Width::W32, Width::W64];
/// Those of VEX forms.
pub(crate) const WIDE: &[Width] = &[Width::W32, Width::W64];
/// For forms that have no width.
pub(crate) const FIXED: &[Width] = &[Width::W64];

/// What a form is and what it should look like.
#[derive(Clone, Copy)]
pub(crate) struct Form<'a> {
    pub(crate) method: &'a str,
    pub(crate) mnemonic: &'a str,
    pub(crate) widths: &'static [Width],
    /// Of each operand; operands beyond are implied and not compared.
    pub(crate) sizes: &'a [Size],
}

/// What goes through the table.
pub(crate) trait Visit {
    fn form<A: Args>(&mut self, form: Form<'_>, emit: impl Fn(&mut Writer<'_>, Width, A));

    /// A line of the table.
    fn line<A: Args>(
        &mut self,
        method: &str,
        mnemonic: &str,
        widths: &'static [Width],
        sizes: &[Size],
        emit: impl Fn(&mut Writer<'_>, Width, A),
    ) {
        self.form(Form { method, mnemonic, widths, sizes }, emit);
    }

    /// A line without operands.
    fn plain(&mut self, method: &str, mnemonic: &str, emit: impl Fn(&mut Writer<'_>)) {
        self.line(method, mnemonic, FIXED, &[], |w, _, (): ()| emit(w));
    }
}

/// How many combinations of operands are tried at most.
const COMBINATIONS: usize = 4096;

/// The arguments of a form, in the order decoders show them.
pub(crate) trait Args: Copy {
    /// How many combinations there are to try.
    fn count() -> usize;
    /// One of them.
    fn nth(n: usize) -> Self;
    /// What decoders should show; `None` when a value has no such size.
    fn operands(self, width: Width, sizes: &[Size]) -> Option<Vec<Operand>>;
}

/// The `n`th value of a type, when `inner` combinations lie inside each step: all combinations in
/// order where they are few enough, else each type at its own pace.
fn pick<S: Sample>(n: usize, inner: usize, total: usize, pace: usize) -> S {
    let samples = S::samples();
    let index = if total <= COMBINATIONS { n / inner } else { n * pace + n / samples.len() };
    samples[index % samples.len()]
}

macro_rules! args {
    ($($name:ident $at:tt $pace:literal),*) => {
        impl<$($name: Sample),*> Args for ($($name,)*) {
            fn count() -> usize {
                let total = 1 $(* $name::samples().len())*;
                total.min(COMBINATIONS)
            }

            fn nth(n: usize) -> Self {
                let total = 1 $(* $name::samples().len())*;
                let mut _inner = 1;
                ($({
                    let inner = _inner;
                    _inner *= $name::samples().len();
                    pick::<$name>(n, inner, total, $pace)
                },)*)
            }

            fn operands(self, _width: Width, _sizes: &[Size]) -> Option<Vec<Operand>> {
                Some(vec![$(self.$at.operand(_sizes[$at].bytes(_width))?),*])
            }
        }
    };
}
args!(A 0 1, B 1 7, C 2 11, D 3 13);
args!(A 0 1, B 1 7, C 2 11);
args!(A 0 1, B 1 7);
args!(A 0 1);

impl Args for () {
    fn count() -> usize {
        1
    }

    fn nth(_: usize) -> Self {}

    fn operands(self, _: Width, _: &[Size]) -> Option<Vec<Operand>> {
        Some(Vec::new())
    }
}
