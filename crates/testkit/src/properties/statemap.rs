//! State maps and images: what was recorded is found again, and any bytes are judged without a panic.

mod bytes;
mod images;
mod maps;
mod stacks;

pub use bytes::statemap_bytes;
pub use images::image_roundtrip;
pub use maps::compact_map;
pub use stacks::machine_stacks;
