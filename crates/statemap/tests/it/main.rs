//! Facts about maps, states and images, through the public interface.

mod borsh;
mod compact;
mod defects;
mod image;
mod machine;
mod serde;
mod state;

/// Bytes from hexadecimal digits; spaces and bars are for the reader.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
