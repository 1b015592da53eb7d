//! What can be wrong with a cache.

use core::fmt;

use midstride_addr::{AppPc, CachePc};

use crate::emit::Landing;
use crate::exec_block::{BlockId, ExitId};

/// An invariant of the cache that does not hold: see [`CodeCache::check`](crate::CodeCache::check).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Broken {
    /// The block's list of exits does not end, or has an exit of another block.
    Exits {
        /// Whose list.
        block: BlockId,
    },
    /// An exit belongs to no block's list, or to several.
    Owner {
        /// Exits there are.
        exits: usize,
        /// Exits in lists.
        listed: usize,
    },
    /// The exit's branch does not lead where the exit says.
    Branch {
        /// The exit.
        exit: ExitId,
        /// Where the branch leads; `None` when it was removed.
        leads_to: Option<CachePc>,
    },
    /// The exit is linked although it, or the block it leads to, is retired or gone.
    Link {
        /// The exit.
        exit: ExitId,
    },
    /// The block's list of what leads to it is not what leads to it.
    Incoming {
        /// The block.
        block: BlockId,
    },
    /// The index finds this block, which does not stand for the code there.
    Index {
        /// The program address.
        pc: AppPc,
        /// What is found.
        block: BlockId,
    },
    /// A live block is not found at its address.
    Unfound {
        /// The block.
        block: BlockId,
    },
    /// The page's list does not end, or has a block that is not live or lies elsewhere.
    Page {
        /// The page's number.
        page: u64,
    },
    /// Live blocks are missing in the lists of their pages.
    Listed {
        /// How often live blocks touch pages.
        wanted: usize,
        /// Members of all lists.
        listed: usize,
    },
    /// A table entry leads, directly or by way of a landing, to something that is not a landing for its targets.
    Entry {
        /// Which table.
        table: Landing,
        /// The low 16 bits of its targets.
        index: usize,
        /// Where it leads.
        at: CachePc,
    },
    /// Landings are missing behind the entries of their targets.
    Chained {
        /// In which table.
        table: Landing,
        /// Landings that should be found.
        wanted: usize,
        /// Landings that are.
        listed: usize,
    },
    /// A block's landing does not lie in code of that block.
    Landing {
        /// The block.
        block: BlockId,
    },
    /// What lies at this place overlaps its neighbour, leaves its unit or has no owner.
    Place {
        /// Its first byte.
        at: CachePc,
    },
    /// The records of what lies at this place are not sorted, or not there.
    Records {
        /// Its first byte.
        at: CachePc,
    },
    /// Blocks and places for blocks do not pair.
    Placed {
        /// Blocks there are.
        blocks: usize,
        /// Places for blocks.
        places: usize,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exits { block } => write!(f, "the exits of block {} are no list of its own", block.get()),
            Self::Owner { exits, listed } => write!(f, "{listed} of {exits} exits belong to a block"),
            Self::Branch { exit, leads_to: Some(to) } => write!(f, "exit {} leads to {to}", exit.get()),
            Self::Branch { exit, leads_to: None } => write!(f, "the branch of exit {} is gone", exit.get()),
            Self::Link { exit } => write!(f, "exit {} is linked from or to a retired block", exit.get()),
            Self::Incoming { block } => write!(f, "block {} does not know what leads to it", block.get()),
            Self::Index { pc, block } => write!(f, "block {} is found at {pc}", block.get()),
            Self::Unfound { block } => write!(f, "block {} is live and not found", block.get()),
            Self::Page { page } => write!(f, "the list of page {page:#x} is wrong"),
            Self::Listed { wanted, listed } => write!(f, "{listed} of {wanted} page memberships are listed"),
            Self::Entry { table, index, at } => write!(f, "{table:?} entry {index:#x} leads to {at}"),
            Self::Chained { table, wanted, listed } => {
                write!(f, "{listed} of {wanted} {table:?} landings are found")
            }
            Self::Landing { block } => write!(f, "block {} has a landing elsewhere", block.get()),
            Self::Place { at } => write!(f, "what lies at {at} is misplaced"),
            Self::Records { at } => write!(f, "the records of {at} are wrong"),
            Self::Placed { blocks, places } => write!(f, "{blocks} blocks have {places} places"),
        }
    }
}

impl core::error::Error for Broken {}
