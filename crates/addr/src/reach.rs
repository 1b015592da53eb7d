//! Which displacements fit which fields.

/// The displacement that takes a field whose instruction ends at `end` to `target`, when it fits
/// 32 signed bits. Addresses wrap modulo 2⁶⁴, as they do in the processor.
#[must_use]
pub const fn rel32(end: u64, target: u64) -> Option<i32> {
    let distance = target.wrapping_sub(end) as i64;
    if distance == distance as i32 as i64 { Some(distance as i32) } else { None }
}

/// The displacement that takes a field whose instruction ends at `end` to `target`, when it fits
/// 8 signed bits.
#[must_use]
pub const fn rel8(end: u64, target: u64) -> Option<i8> {
    let distance = target.wrapping_sub(end) as i64;
    if distance == distance as i8 as i64 { Some(distance as i8) } else { None }
}

/// How far a displacement field reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Signed 8 bits: 128 bytes back, 127 forward.
    Rel8,
    /// Signed 32 bits: 2 GiB either way.
    Rel32,
    /// No limit: the target is read from a 64-bit slot.
    Far,
}

impl Reach {
    /// The shortest field that leads from an instruction ending at `end` to `target`.
    #[must_use]
    pub const fn between(end: u64, target: u64) -> Self {
        if rel8(end, target).is_some() {
            Self::Rel8
        } else if rel32(end, target).is_some() {
            Self::Rel32
        } else {
            Self::Far
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_exact() {
        assert_eq!(rel32(0, 0x7fff_ffff), Some(i32::MAX));
        assert_eq!(rel32(0, 0x8000_0000), None);
        assert_eq!(rel32(0x8000_0000, 0), Some(i32::MIN));
        assert_eq!(rel32(0x8000_0001, 0), None);
        assert_eq!(rel8(0, 127), Some(127));
        assert_eq!(rel8(0, 128), None);
    }

    #[test]
    fn displacements_wrap_around_the_address_space() {
        assert_eq!(rel32(u64::MAX, 4), Some(5));
        assert_eq!(Reach::between(u64::MAX, 4), Reach::Rel8);
    }
}
