//! How much the readers take, whatever the bytes say.

/// Locals of a function, parameters included: the limit of the JavaScript API that all engines share.
pub const LOCALS: u32 = 50_000;
/// Operands of one frame.
pub const OPERANDS: u32 = 1_000_000;
