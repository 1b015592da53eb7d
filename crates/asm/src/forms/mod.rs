//! The instructions: one line a form, in the notation that `encode::notation` reads.
//!
//! ```text
//!  "0F AF /r"   imul_rr[w](dst: reg Gpr, src: rm Gpr)   "`dst = dst * src`";
//!   encoding    name  width  arguments, each with the     documentation
//!                            field it is put in and its
//!                            type
//! ```
//!
//! A form without `[w]` has operands of one size.

/// Makes a method of [`Writer`](crate::Writer) out of each line.
macro_rules! forms {
    ($($encoding:literal $name:ident $([$w:ident])? ($($arg:ident: $field:ident $type:ty),* $(,)?) $doc:literal;)*) => {
        impl crate::writer::Writer<'_> {
            $(
                #[doc = concat!($doc, " — `", $encoding, "`")]
                pub fn $name(&mut self, $($w: crate::reg::Width,)? $($arg: $type),*) {
                    let operands = crate::encode::Operands::NONE$(.$field($arg))*;
                    forms!(@emit self, operands, $encoding $(, $w)?);
                }
            )*
        }
    };
    (@emit $self:ident, $operands:ident, $encoding:literal) => {{
        const FORM: crate::encode::Form = crate::encode::Form::fixed($encoding);
        $self.emit(FORM, crate::reg::Width::W32, $operands);
    }};
    (@emit $self:ident, $operands:ident, $encoding:literal, $w:ident) => {{
        const FORM: crate::encode::Form = crate::encode::Form::sized($encoding);
        $self.emit(FORM, $w, $operands);
    }};
}

mod arithmetic;
mod avx;
mod bits;
mod float;
mod flow;
mod lanes;
mod moves;
mod nops;
mod packed;
mod packed_float;
mod shortest;
mod system;
mod vector;
