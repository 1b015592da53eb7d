//! Listings, instruction generators and oracles for midstride's tests and fuzz targets.
//!
//! **You give** code bytes, or a source of randomness. **You get** a [`Listing`] fit for a snapshot: offset,
//! bytes and disassembly, never one without the others; code to try things on: [`instruction`] knows every
//! form of 64-bit mode, [`block_bytes`] strings them together with branches and with bytes that are none; and
//! [`properties`], which judge what other crates make of such code; and [`compare`], which runs code natively and
//! rewritten.
//!
//! **It does not protect from** mistakes shared with the decoder: everything here reads instructions with
//! iced-x86, as the relocator does. The writer's tests bring a second decoder of their own.
//!
//! ```
//! use midstride_testkit::listing;
//!
//! let code = [0x50, 0xe9, 0xfa, 0x0f, 0x00, 0x00, 0x06];
//! assert_eq!(
//!     listing(&code),
//!     "0000: 50                             push rax\n\
//!      0001: e9 fa 0f 00 00                 jmp 10001000h\n\
//!      0006: 06                             (bad)\n"
//! );
//! ```
#![deny(unsafe_code)]

pub mod compare;
mod forms;
mod insn;
mod listing;
pub mod properties;
mod random;

pub use arbitrary;
pub use insn::{block_bytes, instruction, instruction_like};
pub use listing::{BASE, Listing, listing};
pub use random::Random;
