//! How much the readers take, whatever the bytes say. What they allocate is also bounded by the length of
//! what they read.

/// Locals of a function, parameters included: the limit of the JavaScript API that all engines share.
pub const LOCALS: u32 = 50_000;
/// Operands of one frame.
pub const OPERANDS: u32 = 1_000_000;
/// Frames of a state.
pub const FRAMES: u32 = 1 << 24;
/// Elements of a table: the limit of the JavaScript API.
pub const TABLE_ELEMENTS: u32 = 10_000_000;
/// Pages of a memory that is addressed by `i32`.
pub const WASM_PAGES: u64 = 1 << 16;
/// Pages of a memory that is addressed by `i64`.
pub const WASM_PAGES_64: u64 = 1 << 48;
/// Globals, tables, memories, segments, activations, parts of the host: each of them.
pub const ITEMS: u32 = 1_000_000;
