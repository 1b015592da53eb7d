//! Names of the engine's counters.

use midstride_tracer_abi::stat;

/// A counter's index, its name in JSON, and what it counts.
pub(super) struct Counter {
    pub(super) index: usize,
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
}

const fn counter(index: usize, name: &'static str, meaning: &'static str) -> Counter {
    Counter { index, name, meaning }
}

/// All counters. What hits does so without the engine, which could only count it at a price.
pub(super) const COUNTERS: &[Counter] = &[
    counter(stat::BLOCKS_BUILT, "blocks_built", "blocks built"),
    counter(stat::APP_BYTES, "app_bytes", "program bytes read into blocks"),
    counter(stat::CACHE_BYTES, "cache_bytes", "cache bytes written"),
    counter(stat::LINKS, "links", "direct exits linked"),
    counter(stat::FALL_THROUGHS, "fall_throughs", "of them without a jump"),
    counter(stat::FAR_LINKS, "far_links", "of them across regions"),
    counter(stat::UNLINKS, "unlinks", "direct exits unlinked again"),
    counter(stat::GATE_DIRECT, "gate_direct", "gate entries: unlinked direct exits"),
    counter(stat::GATE_RETURN, "gate_return", "gate entries: returns that missed the table"),
    counter(stat::GATE_INDIRECT, "gate_indirect", "gate entries: indirect jumps and calls that missed it"),
    counter(stat::GATE_SYSCALL, "gate_syscall", "gate entries: system calls"),
    counter(stat::GATE_OTHER, "gate_other", "gate entries: anything else"),
    counter(stat::MISSES_NEW, "misses_new", "table misses: no block for the target yet"),
    counter(stat::MISSES_LANDING, "misses_landing", "table misses: a block without a landing yet"),
    counter(stat::MISSES_DROPPED, "misses_dropped", "table misses: a landing dropped or just made"),
    counter(stat::CHAINED, "chained", "landings that share a table entry with older ones"),
    counter(stat::EVICTIONS, "evictions", "cache units evicted"),
    counter(stat::INVALIDATED, "invalidated", "blocks invalidated"),
    counter(stat::SIGNALS, "signals", "signals delivered"),
    counter(stat::FAR_OPERANDS, "far_operands", "operands re-addressed"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_counter_is_named_once() {
        let indices: HashSet<usize> = COUNTERS.iter().map(|counter| counter.index).collect();
        assert_eq!(indices, (0..stat::USED).collect());
        assert_eq!(indices.len(), COUNTERS.len());
    }
}
