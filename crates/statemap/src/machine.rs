//! State maps of whole machine states: the system of wasmer's singlepass tier, without its mistakes.
//!
//! A [`MachineState`] says what each 8-byte slot of a frame and each register holds. A
//! [`FunctionStateMap`] has one per place where the function can be suspended, as chains of
//! [`MachineStateDiff`]s; three tables (loops, calls, operators that trap) lead from code offsets to them,
//! and one leads back from the operator to the code. [`read_stack`] turns a native stack into an
//! [`ExecutionStateImage`], [`build_stack`] does the reverse.
//!
//! Numbers are `u64` where that system had `usize`, which is what they are in its bytes: with the feature
//! `borsh` all types read and write them, and [`InstanceImage`] has its own `from_bytes` and `to_bytes`.
//! For code of our own tiers use [`CompactMap`](crate::CompactMap): records here cost 8 bytes for each
//! number, a look-up costs the length of a chain, and values are 64 bits without a type.

mod build;
mod build_error;
mod bytes;
mod diff;
mod dump;
mod map;
mod map_error;
mod read;
mod validate;
mod value;
mod versions;
mod x64;

#[cfg(feature = "borsh")]
mod borsh;

#[cfg(feature = "borsh")]
pub use borsh::BorshError;
pub use build::{BuiltStack, CallResult, SAVED_WORDS, StackTarget, build_stack};
pub use build_error::{BuildFrameError, BuildStackError};
pub use bytes::ImageBytesError;
pub use diff::{MachineState, MachineStateDiff};
pub use dump::{ExecutionStateImage, InstanceImage, UntypedError, WasmFunctionStateDump};
pub use map::{
    FunctionStateMap, ModuleStateMap, OffsetInfo, SuspendKind, SuspendOffset, Suspended, UNTRACKED,
};
pub use map_error::StateMapError;
pub use read::{BoundaryRegisters, StackEnd, StackMemory, StackRead, StackStart, read_stack};
pub use value::{FUNCTION_HEADER, Half, KnownRegisters, MachineValue, RegisterIndex, WasmAbstractValue};
pub use versions::{CodeVersion, CodeVersions, Tier, VersionError, VersionId};
pub use x64::{ArgumentRegisterAllocator, mov_to_stack};

/// An index as memory has it; out of reach of every slice when it does not fit.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
