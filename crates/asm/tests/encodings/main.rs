//! Every form of the writer against two decoders that know nothing of it, and as a listing.
//!
//! The forms stand in [`table`], a line each: method, mnemonic, widths, operand sizes, and how the
//! method is called. Three readers go through it: [`oracle`] emits each form with many operands and
//! asks both decoders what it is; [`snapshot`] keeps a listing of each group; [`names`] finds the
//! methods that have no line.

mod form;
mod iced;
mod names;
mod operand;
mod oracle;
mod sample;
mod snapshot;
mod table;
mod yaxpeax;
