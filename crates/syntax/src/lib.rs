//! Assembles x86-64 instructions from Intel syntax.
//!
//! **You give** a text, as people type it, as iced, XED, GNU as or NASM print it. **You get** an [`Assembly`]:
//! instructions as iced describes them, bytes and addresses, with branches as short as they can be; or an
//! [`Error`] that names the place in the text, and for an operand what would fit there.
//!
//! Every form of user-mode x86-64 is known, since none is listed here: names and operands come from iced's tables
//! and from what its printers make of each form. A test prints every form in three styles and assembles it back;
//! another compares with GNU as.
//!
//! ```
//! let code = midstride_syntax::assemble("mov eax, 7; imul eax, eax", 0x1000)?;
//! assert_eq!(code.bytes(), [0xb8, 7, 0, 0, 0, 0x0f, 0xaf, 0xc0]);
//! assert_eq!(code.items[1].insn().unwrap().mnemonic(), iced_x86::Mnemonic::Imul);
//!
//! let error = midstride_syntax::assemble("vaddps zmm1, ymm2, zmm3", 0).unwrap_err();
//! assert_eq!(error.to_string(), "this operand does not fit here; zmm would");
//! # Ok::<(), midstride_syntax::Error>(())
//! ```
//!
//! # The text
//! - `;` and line ends separate, `#` and `//` begin comments. `name:` is a label; `.name:` belongs to the label
//!   before it, and is known elsewhere as `label.name`, or as `.name` where only one label has it. `name = 5` and `name equ 5` are constants, `$` is the address of the statement.
//! - Numbers: `10`, `0x1f`, `1fh`, `0b101`, `101b`, `17o`, `'a'`, with `+ - * / % & | ^ ~ << >>` and
//!   parentheses. The target of a branch is an address.
//! - Memory: `dword ptr fs:[rax+rcx*8-4]`, `[rip+8]` (behind the next instruction), `[label]` and `[rel 0x1000]`
//!   (relative to rip), `[0x1000]` and `[abs label]` (absolute).
//! - `{k1}{z}`, `{1to16}`, `{rn-sae}`, `{sae}`, `{evex}`; prefixes by name; `short`, `near` and `far`.
//! - Data: `db` to `dq`, `.code` (bytes that are run), `.byte` to `.quad`, `.float`, `.double`, `.ascii`, `.asciz`, `.align`, `.zero`.
//!
//! # What is taken where several forms fit
//! The shortest encoding, after this: a size that the text leaves open is 4, 8, 1, 2, 16, 32 or 64 bytes, the first
//! that exists, and [`Item::note`] says so; legacy and VEX forms go before EVEX; operations are of 16 bits only
//! where the text says so. `pushf`, `popf` and `iret` are of 16 bits, as in Intel's manual.
//!
//! **It does not protect from** instructions that a processor lacks, or that do harm.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod arg;
mod assembly;
mod choose;
mod cursor;
mod decorator;
mod directive;
mod error;
mod expr;
mod form;
mod index;
mod lexer;
mod number;
mod operand;
mod quote;
mod registers;
mod request;
mod shape;
mod size;
mod span;
mod statement;
mod value;

pub use assembly::{Assembly, Item, ItemKind, Note, assemble};
pub use decorator::prefixes;
pub use directive::directives;
pub use error::{Error, ErrorKind, Fits, Report, Unencodable};
pub use index::{forms_of, mnemonics};
pub use registers::registers;
pub use span::{Location, Span};
pub use value::evaluate;
