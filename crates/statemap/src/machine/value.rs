//! What a slot or a register holds.

use alloc::vec::Vec;

use midstride_frame::Register;

/// `wasm_inst_offset` of a function's header, before its first operator.
pub const FUNCTION_HEADER: u64 = u64::MAX;

/// A register by its number in maps: 0 to 15 are the general registers in hardware order, 16 to 31 are
/// xmm0 to xmm15.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "borsh", derive(::borsh::BorshSerialize, ::borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RegisterIndex(pub u64);

impl RegisterIndex {
    /// How many registers have a number.
    pub const COUNT: usize = 32;

    /// The number of a register; `None` when it has none.
    #[must_use]
    pub fn new(register: Register) -> Option<Self> {
        let vector = register.vector_number().filter(|number| *number < 16).map(|number| number + 16);
        register.gpr_number().or(vector).map(|number| Self(number.into()))
    }

    /// The register with this number.
    #[must_use]
    pub fn register(self) -> Option<Register> {
        let number = u8::try_from(self.0).ok()?;
        Register::gpr(number).or_else(|| Register::vector(number.checked_sub(16)?).filter(|_| number < 32))
    }

    /// The register that call frame information means by `number`.
    #[must_use]
    pub fn from_dwarf(number: u16) -> Option<Self> {
        midstride_frame::dwarf::register(number).and_then(Self::new)
    }
}

/// 64 bits of each register, where they are known.
pub type KnownRegisters = [Option<u64>; RegisterIndex::COUNT];

/// What is known of a local or operand when code is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "borsh", derive(::borsh::BorshSerialize, ::borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum WasmAbstractValue {
    /// Nothing: a slot or register has it.
    Runtime,
    /// All of it: it needs no slot and no register.
    Const(u64),
}

/// What an 8-byte slot or a register holds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MachineValue {
    /// Nothing that means anything.
    Undefined,
    /// The address of the instance's context.
    Vmctx,
    /// What is found from the context: its address plus the first number; for each further number, the word
    /// there plus that number.
    VmctxDeref(Vec<u64>),
    /// The caller's value of a register that the function must give back.
    PreserveRegister(RegisterIndex),
    /// A copy of the slot at this many bytes from the frame pointer.
    CopyStackBPRelative(i32),
    /// Not a slot: `shadow_size` bytes that belong to the callee. Without it they are below all slots.
    ExplicitShadow,
    /// Element of the operand stack, 0 is the bottom.
    WasmStack(u64),
    /// A local.
    WasmLocal(u64),
    /// Two 32-bit values: the low half, then the high half.
    TwoHalves(Half, Half),
}

/// What 32 bits hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Half {
    /// Nothing that means anything.
    Undefined,
    /// Low 32 bits of what is found from the context, as in [`MachineValue::VmctxDeref`].
    VmctxDeref(Vec<u64>),
    /// Element of the operand stack.
    WasmStack(u64),
    /// A local.
    WasmLocal(u64),
}
