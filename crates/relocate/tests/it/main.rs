//! Facts about decoding, classifying and copying instructions.

mod arbitrary;
mod copy;
mod corpus;
mod decode;
mod effects;
mod flow;
mod forms;
mod listings;
mod other_tools;
mod target;
