//! What scripts expect.

use midstride_osr::Val;
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastRetCore};

use crate::run::{Expected, host_ref};

const QUIET_32: u32 = 0x7fc0_0000;
const QUIET_64: u64 = 0x7ff8_0000_0000_0000;

/// Whether `bits` are what the pattern asks for; the sign of a NaN is free.
fn float32(bits: u32, pattern: &NanPattern<wast::token::F32>) -> bool {
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == QUIET_32,
        NanPattern::ArithmeticNan => bits & QUIET_32 == QUIET_32,
        NanPattern::Value(value) => bits == value.bits,
    }
}

fn float64(bits: u64, pattern: &NanPattern<wast::token::F64>) -> bool {
    match pattern {
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == QUIET_64,
        NanPattern::ArithmeticNan => bits & QUIET_64 == QUIET_64,
        NanPattern::Value(value) => bits == value.bits,
    }
}

/// Compares lanes of `N` bytes.
fn lanes<const N: usize, T>(bytes: [u8; 16], wanted: &[T], same: impl Fn([u8; N], &T) -> bool) -> bool {
    let lane = |index: usize| std::array::from_fn(|n| bytes[index * N + n]);
    wanted.iter().enumerate().all(|(index, wanted)| same(lane(index), wanted))
}

fn vector(bits: u128, pattern: &V128Pattern) -> bool {
    let bytes = bits.to_le_bytes();
    match pattern {
        V128Pattern::I8x16(wanted) => lanes(bytes, wanted, |b, w| i8::from_le_bytes(b) == *w),
        V128Pattern::I16x8(wanted) => lanes(bytes, wanted, |b, w| i16::from_le_bytes(b) == *w),
        V128Pattern::I32x4(wanted) => lanes(bytes, wanted, |b, w| i32::from_le_bytes(b) == *w),
        V128Pattern::I64x2(wanted) => lanes(bytes, wanted, |b, w| i64::from_le_bytes(b) == *w),
        V128Pattern::F32x4(wanted) => lanes(bytes, wanted, |b, w| float32(u32::from_le_bytes(b), w)),
        V128Pattern::F64x2(wanted) => lanes(bytes, wanted, |b, w| float64(u64::from_le_bytes(b), w)),
    }
}

/// The null reference of a type.
pub(crate) fn null(ty: &HeapType<'_>) -> Option<Val> {
    match ty {
        HeapType::Abstract { ty: AbstractHeapType::Func, .. } => Some(Val::FuncRef(None)),
        HeapType::Abstract { ty: AbstractHeapType::Extern, .. } => Some(Val::ExternRef(None)),
        _ => None,
    }
}

/// Whether `value` is what the script expects.
pub(crate) fn matches(value: &Val, expected: &Expected<'_>) -> bool {
    match (value, expected) {
        (Val::I32(value), WastRetCore::I32(wanted)) => value == wanted,
        (Val::I64(value), WastRetCore::I64(wanted)) => value == wanted,
        (Val::F32(bits), WastRetCore::F32(pattern)) => float32(*bits, pattern),
        (Val::F64(bits), WastRetCore::F64(pattern)) => float64(*bits, pattern),
        (Val::V128(bits), WastRetCore::V128(pattern)) => vector(*bits, pattern),
        (value, WastRetCore::RefNull(Some(ty))) => null(ty).is_some_and(|null| *value == null),
        (Val::FuncRef(None) | Val::ExternRef(None), WastRetCore::RefNull(None)) => true,
        (value, WastRetCore::RefExtern(Some(number)) | WastRetCore::RefHost(number)) => {
            *value == host_ref(*number)
        }
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(_)) => true,
        (value, WastRetCore::Either(all)) => all.iter().any(|expected| matches(value, expected)),
        _ => false,
    }
}
