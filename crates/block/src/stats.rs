//! Counters by cause.

/// What a cache did since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Blocks built.
    pub blocks: u64,
    /// Program bytes read into them.
    pub app_bytes: u64,
    /// Cache bytes written for them, hot and cold.
    pub cache_bytes: u64,
    /// Exits linked.
    pub links: u64,
    /// Of these, through a slot because the block lies in another region.
    pub far_links: u64,
    /// Of these, by removing a jump to what follows.
    pub fall_throughs: u64,
    /// Links taken out again.
    pub unlinks: u64,
    /// Table misses of targets without a block: it was built with a landing in front.
    pub landings: u64,
    /// Table misses of blocks without a landing for such branches: it was placed apart from them.
    pub extra_landings: u64,
    /// Table misses of blocks with a landing, which had been dropped from its chain or came a moment ago.
    pub landings_found: u64,
    /// Landings put in front of others of the same table entry.
    pub table_conflicts: u64,
    /// Operands that were out of reach.
    pub far_operands: u64,
    /// Units retired.
    pub evictions: u64,
    /// Blocks retired because their code changed.
    pub invalidated: u64,
}
