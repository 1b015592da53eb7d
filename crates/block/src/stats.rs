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
    /// Landings placed apart from their block.
    pub extra_landings: u64,
    /// Table entries that another target had.
    pub table_conflicts: u64,
    /// Operands that were out of reach.
    pub far_operands: u64,
    /// Units retired.
    pub evictions: u64,
    /// Blocks retired because their code changed.
    pub invalidated: u64,
}
