//! Patches of placed code. Everything that changes code which threads may be running goes through
//! [`redirect`]; one of the crate's two modules with `unsafe`.
#![allow(unsafe_code, reason = "the argument why each patch is right for running threads is made here")]

use midstride_addr::CachePc;
use midstride_asm::{EmitError, PatchSite};
use midstride_slab::Region;

/// Lets the branch at `site` lead to `target`, for all threads, with one aligned store.
///
/// # Errors
/// [`EmitError::OutOfReach`].
pub(crate) fn redirect(region: &Region, site: &PatchSite, target: CachePc) -> Result<(), EmitError> {
    let old = word_at(region, site.word_address());
    let (at, new) = site.word_for(old, target)?;
    store(region, at, new);
    Ok(())
}

/// Lets the jump at `site` become a nop, so that control goes on behind it.
///
/// # Errors
/// [`EmitError::NotRemovable`].
pub(crate) fn remove(region: &Region, site: &PatchSite) -> Result<(), EmitError> {
    let old = word_at(region, site.word_address());
    let (at, new) = site.nop_word_for(old)?;
    store(region, at, new);
    Ok(())
}

/// Stores a word of data that running code reads.
pub(crate) fn set_data(region: &Region, at: CachePc, word: u64) {
    store(region, at, word);
}

fn word_at(region: &Region, at: CachePc) -> u64 {
    region.read_word(at).expect("sites and stubs lie in the region they were written to")
}

fn store(region: &Region, at: CachePc, word: u64) {
    // SAFETY: the store changes either the displacement of one branch inside its word, or one whole
    // 5-byte instruction inside its word into another of 5 bytes (PatchSite makes no others), or a
    // data word that one jump reads. Both targets of a branch are complete blocks or stubs: a thread that runs the old
    // version ends up in the gate or in the block linked before, a thread that runs the new one in
    // the block linked now (invariant 4). The engine's lock makes this the only writer.
    unsafe { region.patch_word(at, word) }.expect("sites and stubs lie in the region they were written to");
}
