//! Where the runtime usually goes; the build script relocates it for there.

/// Where its memory starts: low, so that its absolute operands fit 32 bits, and far above where non-PIE
/// programs and their heaps start.
pub(crate) const PREFERRED: u64 = 0x6800_0000;

/// Bytes of the bootstrap block with the runtime's first stack behind it; untouched pages cost nothing. It
/// lies below the image, so that a stack that grows too far ends in unmapped memory.
pub(crate) const BOOT_BYTES: u64 = 256 << 10;
