//! The operators: what each becomes.
//!
//! The reader calls a method per operator; it has the validator judge it, then calls the method of the
//! same name of [`Emit`], whose bodies are the lines of the table below.

use midstride_asm::{Alu, Cond, Rounding, Shift, Width, Writer};
use wasmparser::{
    BinaryReaderError, BlockType, BrTable, FrameKind, FrameStack, FuncValidator, HeapType, Ieee32, Ieee64,
    MemArg, ValidatorResources, VisitOperator, VisitSimdOperator,
};

use super::convert::{OutOfRange, Signedness, Truncation};
use super::float::{Compare, Extreme, Sign};
use super::function::Function;
use super::int::Division;
use super::memory::Load;
use crate::runtime::layout::Builtin;
use crate::types::ValType;

/// A function, and the validator that goes through it at the same time.
pub(crate) struct Visitor<'f, 'm, 'b> {
    pub(crate) function: &'f mut Function<'m, 'b>,
    pub(crate) validator: &'f mut FuncValidator<ValidatorResources>,
    /// Offset of the operator in the module.
    pub(crate) at: u64,
}

/// Whether code that is never reached has to know of the operator.
const fn is_structure(name: &str) -> bool {
    matches!(name.as_bytes(), b"visit_block" | b"visit_loop" | b"visit_if" | b"visit_else" | b"visit_end")
}

/// Whether the operator takes a condition from the flags.
const fn takes_flags(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        b"visit_if" | b"visit_br_if" | b"visit_select" | b"visit_typed_select" | b"visit_i32_eqz"
    )
}

impl Visitor<'_, '_, '_> {
    /// Whether the operator's code is to be written; makes everything ready for it.
    #[inline(always)]
    fn begin(&mut self, structure: bool, takes_flags: bool) -> bool {
        if !self.function.reachable && !structure {
            return false;
        }
        self.function.stack.begin();
        if structure {
            // Others may come to this place, with other flags.
            self.function.zero_flag = None;
        }
        self.function.at = self.at as u32;
        if self.function.flags && !takes_flags {
            self.function.keep_flags();
        }
        if self.function.at == self.function.resume_at && self.function.reachable {
            self.function.make_resumable();
        }
        true
    }
}

/// Judges and emits each operator.
macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => { $(
        fn $visit(&mut self $($(, $arg: $argty)*)?) -> Self::Output {
            self.validator.visitor(self.at).$visit($($($arg.clone()),*)?)?;
            const STRUCTURE: bool = is_structure(stringify!($visit));
            const TAKES_FLAGS: bool = takes_flags(stringify!($visit));
            if self.begin(STRUCTURE, TAKES_FLAGS) {
                Emit::$visit(self.function $($(, $arg)*)?);
            }
            Ok(())
        }
    )* };
}

/// As `visit`, for the operators on vectors.
macro_rules! visit_simd {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => { $(
        fn $visit(&mut self $($(, $arg: $argty)*)?) -> Self::Output {
            self.validator.simd_visitor(self.at).$visit($($($arg.clone()),*)?)?;
            if self.begin(false, false) {
                EmitSimd::$visit(self.function $($(, $arg)*)?);
            }
            Ok(())
        }
    )* };
}

impl<'a> VisitOperator<'a> for Visitor<'_, '_, '_> {
    type Output = Result<(), BinaryReaderError>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(visit);
}

impl<'a> VisitSimdOperator<'a> for Visitor<'_, '_, '_> {
    wasmparser::for_each_visit_simd_operator!(visit_simd);
}

impl FrameStack for Visitor<'_, '_, '_> {
    fn current_frame(&self) -> Option<FrameKind> {
        // Asked before each operator; the validator's own blocks are the same.
        self.function.innermost()
    }
}

/// A method per operator that does nothing: those that are not supported never come so far, since the
/// validator refuses them.
macro_rules! nothing {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => { $(
        fn $visit(&mut self $($(, _: $argty)*)?) {}
    )* };
}

/// Writes the code of an operator.
pub(crate) trait Emit<'a> {
    wasmparser::for_each_visit_operator!(nothing);
}

/// Writes the code of an operator on vectors.
pub(crate) trait EmitSimd<'a> {
    wasmparser::for_each_visit_simd_operator!(nothing);
}

/// Makes the methods of [`Emit`] from lines `name(arguments) => method(arguments);`.
macro_rules! operators {
    ($($visit:ident($($arg:ident: $ty:ty),*) => $method:ident($($value:expr),*);)*) => { $(
        #[inline]
        fn $visit(&mut self $(, $arg: $ty)*) {
            self.$method($($value),*);
        }
    )* };
}
pub(crate) use operators;

use Signedness::{Signed, Unsigned};
use ValType::{F32, F64, I32, I64};
use Width::{W8, W16, W32, W64};

/// A truncation that traps.
const fn trunc(from: ValType, to: Width, sign: Signedness) -> Truncation {
    Truncation { from, to, sign, out: OutOfRange::Trap }
}

/// A truncation that saturates.
const fn trunc_sat(from: ValType, to: Width, sign: Signedness) -> Truncation {
    Truncation { from, to, sign, out: OutOfRange::Saturate }
}

impl<'a> Emit<'a> for Function<'_, '_> {
    operators! {
        visit_unreachable() => unreachable();
        visit_block(ty: BlockType) => block(ty);
        visit_loop(ty: BlockType) => loop_(ty);
        visit_if(ty: BlockType) => if_(ty);
        visit_else() => else_();
        visit_end() => end();
        visit_br(depth: u32) => br(depth);
        visit_br_if(depth: u32) => br_if(depth);
        visit_br_table(targets: BrTable<'a>) => br_table(&targets);
        visit_return() => return_();
        visit_call(func: u32) => call(func);
        visit_call_indirect(ty: u32, table: u32) => call_indirect(ty, table);

        visit_drop() => drop_top();
        visit_select() => select();
        visit_typed_select(_ty: wasmparser::ValType) => select();
        visit_local_get(local: u32) => local_get(local);
        visit_local_set(local: u32) => local_set(local);
        visit_local_tee(local: u32) => local_tee(local);
        visit_global_get(global: u32) => global_get(global);
        visit_global_set(global: u32) => global_set(global);

        visit_ref_null(ty: HeapType) => constant(null_type(ty), 0);
        visit_ref_is_null() => ref_is_null();
        visit_ref_func(func: u32) => ref_func(func);
        visit_table_get(table: u32) => table_get(table);
        visit_table_set(table: u32) => call_runtime(Builtin::TableSet, 2, &[table], &[]);
        visit_table_size(table: u32) => table_size(table);
        visit_table_grow(table: u32) => call_runtime(Builtin::TableGrow, 2, &[table], &[I32]);
        visit_table_fill(table: u32) => call_runtime(Builtin::TableFill, 3, &[table], &[]);
        visit_table_copy(to: u32, from: u32) => call_runtime(Builtin::TableCopy, 3, &[to, from], &[]);
        visit_table_init(segment: u32, table: u32) => call_runtime(Builtin::TableInit, 3, &[segment, table], &[]);
        visit_elem_drop(segment: u32) => call_runtime(Builtin::ElemDrop, 0, &[segment], &[]);

        visit_memory_size(_memory: u32) => memory_size();
        visit_memory_grow(_memory: u32) => memory_grow();
        visit_memory_fill(_memory: u32) => call_runtime(Builtin::MemoryFill, 3, &[], &[]);
        visit_memory_copy(_to: u32, _from: u32) => call_runtime(Builtin::MemoryCopy, 3, &[], &[]);
        visit_memory_init(segment: u32, _memory: u32) => call_runtime(Builtin::MemoryInit, 3, &[segment], &[]);
        visit_data_drop(segment: u32) => call_runtime(Builtin::DataDrop, 0, &[segment], &[]);

        visit_i32_load(at: MemArg) => load(Load::U32, I32, &at);
        visit_i64_load(at: MemArg) => load(Load::U64, I64, &at);
        visit_f32_load(at: MemArg) => load_float(F32, &at);
        visit_f64_load(at: MemArg) => load_float(F64, &at);
        visit_i32_load8_s(at: MemArg) => load(Load::S8(W32), I32, &at);
        visit_i32_load8_u(at: MemArg) => load(Load::U8, I32, &at);
        visit_i32_load16_s(at: MemArg) => load(Load::S16(W32), I32, &at);
        visit_i32_load16_u(at: MemArg) => load(Load::U16, I32, &at);
        visit_i64_load8_s(at: MemArg) => load(Load::S8(W64), I64, &at);
        visit_i64_load8_u(at: MemArg) => load(Load::U8, I64, &at);
        visit_i64_load16_s(at: MemArg) => load(Load::S16(W64), I64, &at);
        visit_i64_load16_u(at: MemArg) => load(Load::U16, I64, &at);
        visit_i64_load32_s(at: MemArg) => load(Load::S32, I64, &at);
        visit_i64_load32_u(at: MemArg) => load(Load::U32, I64, &at);
        visit_i32_store(at: MemArg) => store(W32, &at);
        visit_i64_store(at: MemArg) => store(W64, &at);
        visit_f32_store(at: MemArg) => store_float(F32, &at);
        visit_f64_store(at: MemArg) => store_float(F64, &at);
        visit_i32_store8(at: MemArg) => store(W8, &at);
        visit_i32_store16(at: MemArg) => store(W16, &at);
        visit_i64_store8(at: MemArg) => store(W8, &at);
        visit_i64_store16(at: MemArg) => store(W16, &at);
        visit_i64_store32(at: MemArg) => store(W32, &at);

        visit_i32_const(value: i32) => constant(I32, value.cast_unsigned().into());
        visit_i64_const(value: i64) => constant(I64, value.cast_unsigned());
        visit_f32_const(value: Ieee32) => constant(F32, value.bits().into());
        visit_f64_const(value: Ieee64) => constant(F64, value.bits());

        visit_i32_eqz() => eqz(W32);
        visit_i32_eq() => compare(Cond::E, W32);
        visit_i32_ne() => compare(Cond::Ne, W32);
        visit_i32_lt_s() => compare(Cond::L, W32);
        visit_i32_lt_u() => compare(Cond::B, W32);
        visit_i32_gt_s() => compare(Cond::G, W32);
        visit_i32_gt_u() => compare(Cond::A, W32);
        visit_i32_le_s() => compare(Cond::Le, W32);
        visit_i32_le_u() => compare(Cond::Be, W32);
        visit_i32_ge_s() => compare(Cond::Ge, W32);
        visit_i32_ge_u() => compare(Cond::Ae, W32);
        visit_i64_eqz() => eqz(W64);
        visit_i64_eq() => compare(Cond::E, W64);
        visit_i64_ne() => compare(Cond::Ne, W64);
        visit_i64_lt_s() => compare(Cond::L, W64);
        visit_i64_lt_u() => compare(Cond::B, W64);
        visit_i64_gt_s() => compare(Cond::G, W64);
        visit_i64_gt_u() => compare(Cond::A, W64);
        visit_i64_le_s() => compare(Cond::Le, W64);
        visit_i64_le_u() => compare(Cond::Be, W64);
        visit_i64_ge_s() => compare(Cond::Ge, W64);
        visit_i64_ge_u() => compare(Cond::Ae, W64);
        visit_f32_eq() => float_compare(F32, Compare::Equal);
        visit_f32_ne() => float_compare(F32, Compare::NotEqual);
        visit_f32_lt() => float_compare(F32, Compare::Less);
        visit_f32_gt() => float_compare(F32, Compare::Greater);
        visit_f32_le() => float_compare(F32, Compare::LessEqual);
        visit_f32_ge() => float_compare(F32, Compare::GreaterEqual);
        visit_f64_eq() => float_compare(F64, Compare::Equal);
        visit_f64_ne() => float_compare(F64, Compare::NotEqual);
        visit_f64_lt() => float_compare(F64, Compare::Less);
        visit_f64_gt() => float_compare(F64, Compare::Greater);
        visit_f64_le() => float_compare(F64, Compare::LessEqual);
        visit_f64_ge() => float_compare(F64, Compare::GreaterEqual);

        visit_i32_clz() => unary((Writer::lzcnt_rr, Writer::lzcnt_rm), W32, I32);
        visit_i32_ctz() => unary((Writer::tzcnt_rr, Writer::tzcnt_rm), W32, I32);
        visit_i32_popcnt() => unary((Writer::popcnt_rr, Writer::popcnt_rm), W32, I32);
        visit_i32_add() => add(W32);
        visit_i32_sub() => alu(Alu::Sub, W32);
        visit_i32_mul() => mul(W32);
        visit_i32_div_s() => divide(Division::SignedQuotient, W32);
        visit_i32_div_u() => divide(Division::UnsignedQuotient, W32);
        visit_i32_rem_s() => divide(Division::SignedRest, W32);
        visit_i32_rem_u() => divide(Division::UnsignedRest, W32);
        visit_i32_and() => alu(Alu::And, W32);
        visit_i32_or() => alu(Alu::Or, W32);
        visit_i32_xor() => alu(Alu::Xor, W32);
        visit_i32_shl() => shift(Shift::Shl, W32);
        visit_i32_shr_s() => shift(Shift::Sar, W32);
        visit_i32_shr_u() => shift(Shift::Shr, W32);
        visit_i32_rotl() => shift(Shift::Rol, W32);
        visit_i32_rotr() => shift(Shift::Ror, W32);
        visit_i64_clz() => unary((Writer::lzcnt_rr, Writer::lzcnt_rm), W64, I64);
        visit_i64_ctz() => unary((Writer::tzcnt_rr, Writer::tzcnt_rm), W64, I64);
        visit_i64_popcnt() => unary((Writer::popcnt_rr, Writer::popcnt_rm), W64, I64);
        visit_i64_add() => add(W64);
        visit_i64_sub() => alu(Alu::Sub, W64);
        visit_i64_mul() => mul(W64);
        visit_i64_div_s() => divide(Division::SignedQuotient, W64);
        visit_i64_div_u() => divide(Division::UnsignedQuotient, W64);
        visit_i64_rem_s() => divide(Division::SignedRest, W64);
        visit_i64_rem_u() => divide(Division::UnsignedRest, W64);
        visit_i64_and() => alu(Alu::And, W64);
        visit_i64_or() => alu(Alu::Or, W64);
        visit_i64_xor() => alu(Alu::Xor, W64);
        visit_i64_shl() => shift(Shift::Shl, W64);
        visit_i64_shr_s() => shift(Shift::Sar, W64);
        visit_i64_shr_u() => shift(Shift::Shr, W64);
        visit_i64_rotl() => shift(Shift::Rol, W64);
        visit_i64_rotr() => shift(Shift::Ror, W64);

        visit_f32_abs() => float_sign(F32, Sign::Clear);
        visit_f32_neg() => float_sign(F32, Sign::Flip);
        visit_f32_ceil() => float_round(F32, Rounding::Up);
        visit_f32_floor() => float_round(F32, Rounding::Down);
        visit_f32_trunc() => float_round(F32, Rounding::Zero);
        visit_f32_nearest() => float_round(F32, Rounding::Nearest);
        visit_f32_sqrt() => float_sqrt(F32);
        visit_f32_add() => float_binary(F32, (Writer::vaddss_xxx, Writer::vaddss_xxm));
        visit_f32_sub() => float_binary(F32, (Writer::vsubss_xxx, Writer::vsubss_xxm));
        visit_f32_mul() => float_binary(F32, (Writer::vmulss_xxx, Writer::vmulss_xxm));
        visit_f32_div() => float_binary(F32, (Writer::vdivss_xxx, Writer::vdivss_xxm));
        visit_f32_min() => float_extreme(F32, Extreme::Min);
        visit_f32_max() => float_extreme(F32, Extreme::Max);
        visit_f32_copysign() => float_copysign(F32);
        visit_f64_abs() => float_sign(F64, Sign::Clear);
        visit_f64_neg() => float_sign(F64, Sign::Flip);
        visit_f64_ceil() => float_round(F64, Rounding::Up);
        visit_f64_floor() => float_round(F64, Rounding::Down);
        visit_f64_trunc() => float_round(F64, Rounding::Zero);
        visit_f64_nearest() => float_round(F64, Rounding::Nearest);
        visit_f64_sqrt() => float_sqrt(F64);
        visit_f64_add() => float_binary(F64, (Writer::vaddsd_xxx, Writer::vaddsd_xxm));
        visit_f64_sub() => float_binary(F64, (Writer::vsubsd_xxx, Writer::vsubsd_xxm));
        visit_f64_mul() => float_binary(F64, (Writer::vmulsd_xxx, Writer::vmulsd_xxm));
        visit_f64_div() => float_binary(F64, (Writer::vdivsd_xxx, Writer::vdivsd_xxm));
        visit_f64_min() => float_extreme(F64, Extreme::Min);
        visit_f64_max() => float_extreme(F64, Extreme::Max);
        visit_f64_copysign() => float_copysign(F64);

        visit_i32_wrap_i64() => unary((Writer::mov_rr, Writer::mov_rm), W32, I32);
        visit_i32_extend8_s() => unary((Writer::movsx_rr8, Writer::movsx_rm8), W32, I32);
        visit_i32_extend16_s() => unary((Writer::movsx_rr16, Writer::movsx_rm16), W32, I32);
        visit_i64_extend8_s() => unary((Writer::movsx_rr8, Writer::movsx_rm8), W64, I64);
        visit_i64_extend16_s() => unary((Writer::movsx_rr16, Writer::movsx_rm16), W64, I64);
        visit_i64_extend32_s() => unary((sign_extend, sign_extend_memory), W64, I64);
        visit_i64_extend_i32_s() => unary((sign_extend, sign_extend_memory), W64, I64);
        visit_i64_extend_i32_u() => extend_unsigned();

        visit_i32_trunc_f32_s() => truncate(trunc(F32, W32, Signed));
        visit_i32_trunc_f32_u() => truncate(trunc(F32, W32, Unsigned));
        visit_i32_trunc_f64_s() => truncate(trunc(F64, W32, Signed));
        visit_i32_trunc_f64_u() => truncate(trunc(F64, W32, Unsigned));
        visit_i64_trunc_f32_s() => truncate(trunc(F32, W64, Signed));
        visit_i64_trunc_f32_u() => truncate(trunc(F32, W64, Unsigned));
        visit_i64_trunc_f64_s() => truncate(trunc(F64, W64, Signed));
        visit_i64_trunc_f64_u() => truncate(trunc(F64, W64, Unsigned));
        visit_i32_trunc_sat_f32_s() => truncate(trunc_sat(F32, W32, Signed));
        visit_i32_trunc_sat_f32_u() => truncate(trunc_sat(F32, W32, Unsigned));
        visit_i32_trunc_sat_f64_s() => truncate(trunc_sat(F64, W32, Signed));
        visit_i32_trunc_sat_f64_u() => truncate(trunc_sat(F64, W32, Unsigned));
        visit_i64_trunc_sat_f32_s() => truncate(trunc_sat(F32, W64, Signed));
        visit_i64_trunc_sat_f32_u() => truncate(trunc_sat(F32, W64, Unsigned));
        visit_i64_trunc_sat_f64_s() => truncate(trunc_sat(F64, W64, Signed));
        visit_i64_trunc_sat_f64_u() => truncate(trunc_sat(F64, W64, Unsigned));
        visit_f32_convert_i32_s() => convert(W32, Signed, F32);
        visit_f32_convert_i32_u() => convert(W32, Unsigned, F32);
        visit_f32_convert_i64_s() => convert(W64, Signed, F32);
        visit_f32_convert_i64_u() => convert(W64, Unsigned, F32);
        visit_f64_convert_i32_s() => convert(W32, Signed, F64);
        visit_f64_convert_i32_u() => convert(W32, Unsigned, F64);
        visit_f64_convert_i64_s() => convert(W64, Signed, F64);
        visit_f64_convert_i64_u() => convert(W64, Unsigned, F64);
        visit_f32_demote_f64() => float_demote();
        visit_f64_promote_f32() => float_promote();
        visit_i32_reinterpret_f32() => float_to_bits(I32);
        visit_i64_reinterpret_f64() => float_to_bits(I64);
        visit_f32_reinterpret_i32() => float_from_bits(F32);
        visit_f64_reinterpret_i64() => float_from_bits(F64);
    }
}

/// The type of a null reference.
fn null_type(ty: HeapType) -> ValType {
    if ty == HeapType::EXTERN { ValType::ExternRef } else { ValType::FuncRef }
}

fn sign_extend(w: &mut Writer<'_>, _: Width, dst: midstride_asm::Gpr, src: midstride_asm::Gpr) {
    w.movsxd_rr(dst, src);
}

fn sign_extend_memory(w: &mut Writer<'_>, _: Width, dst: midstride_asm::Gpr, src: midstride_asm::Mem) {
    w.movsxd_rm(dst, src);
}
