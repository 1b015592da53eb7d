//! From code to machine states, and from operators to code.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::machine::diff::{MachineState, MachineStateDiff};
use crate::machine::index;
use crate::machine::value::{FUNCTION_HEADER, RegisterIndex, WasmAbstractValue};

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

/// A map that contradicts itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StateMapError {
    /// A diff that does not exist.
    NoSuchDiff {
        /// Which.
        diff: u64,
    },
    /// A diff that starts from one that is not before it.
    DiffOrder {
        /// Which.
        diff: u64,
        /// What it starts from.
        last: u64,
    },
    /// A diff that pops more than there is.
    Underflow {
        /// Which.
        diff: u64,
    },
    /// A diff of a register that the state does not have.
    NoSuchRegister {
        /// Which diff.
        diff: u64,
        /// Which register.
        register: RegisterIndex,
    },
    /// A shadow that is not a multiple of 8 bytes, or absurdly large.
    Shadow {
        /// Bytes.
        bytes: u64,
    },
    /// A place that its table does not have.
    NoSuchOffset {
        /// The place.
        offset: SuspendOffset,
    },
    /// An entry that ends before it starts, or beyond the module's code.
    BadOffset {
        /// Its key.
        offset: u64,
    },
    /// Two functions with the same number.
    SameFunction {
        /// The number.
        function: u64,
    },
}

impl fmt::Display for StateMapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDiff { diff } => write!(f, "there is no diff {diff}"),
            Self::DiffOrder { diff, last } => {
                write!(f, "diff {diff} starts from {last}, which is not before it")
            }
            Self::Underflow { diff } => write!(f, "diff {diff} pops more than there is"),
            Self::NoSuchRegister { diff, register } => {
                write!(f, "diff {diff} changes register {}, which the state does not have", register.0)
            }
            Self::Shadow { bytes } => write!(f, "a shadow cannot have {bytes:#x} bytes"),
            Self::NoSuchOffset { offset } => write!(f, "the table has no entry for {offset:?}"),
            Self::BadOffset { offset } => write!(f, "the entry at {offset:#x} does not lie in the code"),
            Self::SameFunction { function } => write!(f, "there are two functions {function}"),
        }
    }
}

impl core::error::Error for StateMapError {}

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

    /// Whether everything that refers to something refers to something that is there.
    fn validate(&self, total_size: u64) -> Result<(), StateMapError> {
        self.shadow_words()?;
        self.validate_diffs()?;
        let kinds = [SuspendKind::Loop, SuspendKind::Call, SuspendKind::Trappable];
        for (&offset, info) in kinds.into_iter().flat_map(|kind| self.table(kind)) {
            if info.end_offset <= offset || info.end_offset.max(info.activate_offset) > total_size {
                return Err(StateMapError::BadOffset { offset });
            }
            if info.diff_id != UNTRACKED && info.diff_id >= self.diffs.len() as u64 {
                return Err(StateMapError::NoSuchDiff { diff: info.diff_id });
            }
        }
        let header = self.wasm_function_header_target_offset.iter();
        for &offset in header.chain(self.wasm_offset_to_target_offset.values()) {
            let known = self.table(offset.kind()).contains_key(&offset.offset());
            known.then_some(()).ok_or(StateMapError::NoSuchOffset { offset })?;
        }
        Ok(())
    }

    /// Follows heights instead of states: one step for each diff.
    fn validate_diffs(&self) -> Result<(), StateMapError> {
        let registers = self.initial.register_values.len() as u64;
        let initial = [self.initial.stack_values.len(), self.initial.wasm_stack.len()];
        let mut heights: Vec<[usize; 2]> = Vec::with_capacity(self.diffs.len());
        for (diff, step) in (0..).zip(&self.diffs) {
            let before = match step.last {
                None => initial,
                Some(last) if last < diff => heights[index(last)],
                Some(last) => return Err(StateMapError::DiffOrder { diff, last }),
            };
            let height = |before: usize, pop: u64, push: usize| {
                before
                    .checked_sub(index(pop))
                    .map(|left| left + push)
                    .ok_or(StateMapError::Underflow { diff })
            };
            let slots = height(before[0], step.stack_pop, step.stack_push.len())?;
            let operands = height(before[1], step.wasm_stack_pop, step.wasm_stack_push.len())?;
            heights.push([slots, operands]);
            if let Some((register, _)) = step.reg_diff.iter().find(|(register, _)| register.0 >= registers) {
                return Err(StateMapError::NoSuchRegister { diff, register: *register });
            }
        }
        Ok(())
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

    /// Whether everything that refers to something refers to something that is there: for maps that come
    /// from outside. (Look-ups are total without it.)
    ///
    /// # Errors
    /// The first [`StateMapError`].
    pub fn validate(&self) -> Result<(), StateMapError> {
        let mut numbers: Vec<u64> = Vec::with_capacity(self.local_functions.len());
        for (&offset, function) in &self.local_functions {
            if offset >= self.total_size {
                return Err(StateMapError::BadOffset { offset });
            }
            function.validate(self.total_size)?;
            numbers.push(function.local_function_id);
        }
        numbers.sort_unstable();
        match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(StateMapError::SameFunction { function: pair[0] }),
            None => Ok(()),
        }
    }
}
