//! What the cache knows of a block and of an exit once they are placed.

use core::fmt;
use core::num::NonZeroU32;

use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_asm::PatchSite;
use midstride_slab::{RegionId, UnitId};

use crate::cache::ChainLink;
use crate::emit::Landing;
use crate::exit::{ExitKind, ExitPlan};

// One more than the number is kept, so that an `Option` of it takes no room of its own: blocks and exits
// are full of them.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The number itself.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0.get() - 1
            }

            /// From a number that [`Self::get`] gave. A number that names nothing is answered by
            /// `None` from every look-up.
            #[must_use]
            pub const fn from_number(number: u32) -> Self {
                Self(NonZeroU32::MIN.saturating_add(number))
            }

            pub(crate) const fn index(self) -> usize {
                self.get() as usize
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.get())
            }
        }
    };
}

number! {
    /// Names a block of a cache; reused after the block's unit was evicted.
    BlockId
}
number! {
    /// Names an exit of a block of a cache.
    ExitId
}

/// A unit of one of the cache's regions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnitRef {
    /// The region.
    pub region: RegionId,
    /// The unit in it.
    pub unit: UnitId,
}

/// No instruction is longer (Intel SDM volume 2, 2.3.11).
const MAX_INSN_BYTES: u64 = 15;

/// Whether a block may still be entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockState {
    /// It stands for its program code.
    Live,
    /// Its program code changed or its unit is about to go: nothing leads to it, a thread may still be inside.
    Retired,
}

/// A placed exec block.
#[derive(Clone, Copy, Debug)]
pub struct ExecBlock {
    /// Program bytes it stands for.
    pub app: AppRange,
    /// Instructions in them.
    pub insns: u16,
    /// Chosen by the transformer: the number of its counter, say.
    pub tag: u32,
    /// Where it lies.
    pub unit: UnitRef,
    /// Its first hot byte (a landing, or the body).
    pub hot: CachePc,
    /// Its hot bytes.
    pub hot_bytes: u16,
    /// Where direct exits enter.
    pub body: CachePc,
    /// Its first cold byte.
    pub cold: CachePc,
    /// Its cold bytes.
    pub cold_bytes: u16,
    /// The landing in front of the body.
    pub inline_landing: Option<Landing>,
    /// Landings in the tables, or 0: for returns, for other indirect branches.
    pub landings: [CachePc; 2],
    pub(crate) chain: [ChainLink; 2],
    /// Behind the counting probe, in bytes from `hot`; 0 without one.
    pub probe_end: u16,
    /// Whether it may be entered.
    pub state: BlockState,
    /// The block whose last jump it took the place of.
    pub(crate) fused_to: Option<BlockId>,
    pub(crate) first_exit: Option<ExitId>,
    pub(crate) incoming: Option<ExitId>,
    pub(crate) first_record: u32,
    pub(crate) record_count: u16,
    /// Its neighbours in the list of each page it touches.
    pub(crate) on_page: [PageLinks; 2],
}

/// A block's neighbours in the list of a page.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct PageLinks {
    pub(crate) previous: Option<BlockId>,
    pub(crate) next: Option<BlockId>,
}

impl ExecBlock {
    /// Program bytes that the block depends on: its own; or, when there was no instruction to read, all that
    /// the first one could have.
    #[must_use]
    pub fn watched(&self) -> AppRange {
        if !self.app.is_empty() {
            return self.app;
        }
        let start = self.app.start();
        AppRange::new(start, AppPc::new(start.get().saturating_add(MAX_INSN_BYTES)))
    }
}

/// A placed exit.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// The block it belongs to.
    pub block: BlockId,
    /// Where the program is while control is in the stub.
    pub at: AppPc,
    /// Where it goes on.
    pub target: AppPc,
    /// What leaving through it means.
    pub kind: ExitKind,
    /// Its stub.
    pub stub: CachePc,
    /// The block it leads to without the gate.
    pub linked: Option<BlockId>,
    pub(crate) site: Option<PatchSite>,
    pub(crate) tail: Option<CachePc>,
    pub(crate) visits: u16,
    pub(crate) next_in_block: Option<ExitId>,
    pub(crate) next_incoming: Option<ExitId>,
    pub(crate) previous_incoming: Option<ExitId>,
}

impl Exit {
    /// An exit of a block about to be placed.
    pub(crate) fn planned(block: BlockId, plan: &ExitPlan) -> Self {
        Self {
            block,
            at: plan.at,
            target: plan.target,
            kind: plan.kind,
            stub: plan.stub,
            linked: None,
            site: plan.site,
            tail: plan.tail,
            visits: 0,
            next_in_block: None,
            next_incoming: None,
            previous_incoming: None,
        }
    }
}
