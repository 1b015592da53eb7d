//! What the assembler promises, against foreign decoders and assemblers.

mod errors;
mod foreign;
mod forms;
mod round_trip;
mod sources;
mod written;
