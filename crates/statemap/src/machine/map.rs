//! From code to machine states, and from operators to code.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::machine::diff::{MachineState, MachineStateDiff};
use crate::machine::index;
use crate::machine::map_error::StateMapError;
use crate::machine::value::{FUNCTION_HEADER, WasmAbstractValue};

/// `diff_id` of code that was compiled without state tracking.
pub const UNTRACKED: u64 = u64::MAX;

/// Why a function is suspended: which of its tables knows the place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SuspendKind {
    /// At the poll of a loop or of the function's header.
    Loop,
    /// In a call.
    Call,
    /// At an operator that trapped.
    Trappable,
}

/// A place where a function can be suspended: the table, and the key in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "borsh", derive(::borsh::BorshSerialize, ::borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SuspendOffset {
    /// A poll.
    Loop(u64),
    /// A return address.
    Call(u64),
    /// An instruction that may trap.
    Trappable(u64),
}

impl SuspendOffset {
    /// The table.
    #[must_use]
    pub const fn kind(self) -> SuspendKind {
        match self {
            Self::Loop(_) => SuspendKind::Loop,
            Self::Call(_) => SuspendKind::Call,
            Self::Trappable(_) => SuspendKind::Trappable,
        }
    }

    /// The key in it: bytes from the start of the module's code.
    #[must_use]
    pub const fn offset(self) -> u64 {
        match self {
            Self::Loop(offset) | Self::Call(offset) | Self::Trappable(offset) => offset,
        }
    }
}

/// What a table says of the code from its key on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "borsh", derive(::borsh::BorshSerialize, ::borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OffsetInfo {
    /// Where the code ends that it is about, exclusive.
    pub end_offset: u64,
    /// The state there: index in [`FunctionStateMap::diffs`], or [`UNTRACKED`].
    pub diff_id: u64,
    /// Where to go to continue: the poll again, the return address, the trapping instruction.
    pub activate_offset: u64,
}

/// The states of one function.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "borsh", derive(::borsh::BorshSerialize, ::borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FunctionStateMap {
    /// What chains of diffs start from.
    pub initial: MachineState,
    /// Number of the function, imports not counted.
    pub local_function_id: u64,
    /// Locals, parameters first.
    pub locals: Vec<WasmAbstractValue>,
    /// Bytes that belong to callees; a multiple of 8.
    pub shadow_size: u64,
    /// All states.
    pub diffs: Vec<MachineStateDiff>,
    /// Where the function's header is.
    pub wasm_function_header_target_offset: Option<SuspendOffset>,
    /// Where operators are.
    pub wasm_offset_to_target_offset: BTreeMap<u64, SuspendOffset>,
    /// Polls.
    pub loop_offsets: BTreeMap<u64, OffsetInfo>,
    /// Return addresses.
    pub call_offsets: BTreeMap<u64, OffsetInfo>,
    /// Instructions that may trap.
    pub trappable_offsets: BTreeMap<u64, OffsetInfo>,
}

/// The states of a module's functions, by the offset at which their code starts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "borsh", derive(::borsh::BorshSerialize, ::borsh::BorshDeserialize))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ModuleStateMap {
    /// By code offset.
    pub local_functions: BTreeMap<u64, FunctionStateMap>,
    /// Bytes of code.
    pub total_size: u64,
}

/// Where a function was found to be suspended.
#[derive(Clone, Copy, Debug)]
pub struct Suspended<'m> {
    /// The function.
    pub function: &'m FunctionStateMap,
    /// What the table says.
    pub info: OffsetInfo,
}

impl Suspended<'_> {
    /// The state there.
    ///
    /// # Errors
    /// [`StateMapError`]: the chain of diffs is broken.
    pub fn state(&self) -> Result<MachineState, StateMapError> {
        self.function.state(self.info.diff_id)
    }
}

impl FunctionStateMap {
    /// The most bytes a shadow may have.
    const LARGEST_SHADOW: u64 = 1 << 16;

    /// A function without places to be suspended at.
    #[must_use]
    pub fn new(
        initial: MachineState,
        local_function_id: u64,
        shadow_size: u64,
        locals: Vec<WasmAbstractValue>,
    ) -> Self {
        Self {
            initial,
            local_function_id,
            locals,
            shadow_size,
            diffs: Vec::new(),
            wasm_function_header_target_offset: None,
            wasm_offset_to_target_offset: BTreeMap::new(),
            loop_offsets: BTreeMap::new(),
            call_offsets: BTreeMap::new(),
            trappable_offsets: BTreeMap::new(),
        }
    }

    /// One of the three tables.
    #[must_use]
    pub const fn table(&self, kind: SuspendKind) -> &BTreeMap<u64, OffsetInfo> {
        match kind {
            SuspendKind::Loop => &self.loop_offsets,
            SuspendKind::Call => &self.call_offsets,
            SuspendKind::Trappable => &self.trappable_offsets,
        }
    }

    /// The state of a diff: the initial state, and every diff on the way.
    ///
    /// # Errors
    /// [`StateMapError`]
    pub fn state(&self, diff: u64) -> Result<MachineState, StateMapError> {
        let mut chain = Vec::new();
        let mut next = Some(diff);
        while let Some(diff) = next {
            let step = self.diffs.get(index(diff)).ok_or(StateMapError::NoSuchDiff { diff })?;
            chain.push((diff, step));
            next = step.last;
            if let Some(last) = next.filter(|last| *last >= diff) {
                return Err(StateMapError::DiffOrder { diff, last });
            }
        }
        let mut state = self.initial.clone();
        chain.into_iter().rev().try_for_each(|(diff, step)| state.apply(diff, step))?;
        Ok(state)
    }

    /// Where the code of an operator is; [`FUNCTION_HEADER`] is the function's header. `None`: it cannot be
    /// suspended there.
    ///
    /// # Errors
    /// [`StateMapError::NoSuchOffset`]
    pub fn target(&self, wasm_inst_offset: u64) -> Result<Option<(SuspendKind, OffsetInfo)>, StateMapError> {
        let offset = match wasm_inst_offset {
            FUNCTION_HEADER => self.wasm_function_header_target_offset,
            operator => self.wasm_offset_to_target_offset.get(&operator).copied(),
        };
        let Some(offset) = offset else { return Ok(None) };
        let info = self.table(offset.kind()).get(&offset.offset());
        Ok(Some((offset.kind(), *info.ok_or(StateMapError::NoSuchOffset { offset })?)))
    }

    /// Shadow size in words.
    pub(super) fn shadow_words(&self) -> Result<u64, StateMapError> {
        let bytes = self.shadow_size;
        if bytes.is_multiple_of(8) && bytes <= Self::LARGEST_SHADOW {
            Ok(bytes / 8)
        } else {
            Err(StateMapError::Shadow { bytes })
        }
    }
}

impl ModuleStateMap {
    /// Where the function at `ip` is suspended, for code that was placed at `base`. `None`: the address is not
    /// in a function, or the table does not have it, or it was compiled without state tracking.
    #[must_use]
    pub fn lookup_ip(&self, ip: u64, base: u64, kind: SuspendKind) -> Option<Suspended<'_>> {
        let offset = ip.checked_sub(base).filter(|offset| *offset < self.total_size)?;
        let (start, function) = self.local_functions.range(..=offset).next_back()?;
        let (_, info) = function.table(kind).range(start..=&offset).next_back()?;
        let found = offset < info.end_offset && info.diff_id < function.diffs.len() as u64;
        found.then_some(Suspended { function, info: *info })
    }

    /// [`lookup_ip`](Self::lookup_ip) for a return address.
    #[must_use]
    pub fn lookup_call_ip(&self, ip: u64, base: u64) -> Option<Suspended<'_>> {
        self.lookup_ip(ip, base, SuspendKind::Call)
    }

    /// [`lookup_ip`](Self::lookup_ip) for an instruction that trapped.
    #[must_use]
    pub fn lookup_trappable_ip(&self, ip: u64, base: u64) -> Option<Suspended<'_>> {
        self.lookup_ip(ip, base, SuspendKind::Trappable)
    }

    /// [`lookup_ip`](Self::lookup_ip) for a poll.
    #[must_use]
    pub fn lookup_loop_ip(&self, ip: u64, base: u64) -> Option<Suspended<'_>> {
        self.lookup_ip(ip, base, SuspendKind::Loop)
    }
}
