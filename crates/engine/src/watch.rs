//! Code that the program may change without a system call.
//!
//! A page from which blocks were built loses its write permission, so the next write to it faults, retires those
//! blocks and gives the permission back. A page that is written often, and one that can be written
//! through another mapping, is not protected: its blocks compare it each time they are entered.
#![allow(unsafe_code, reason = "changes the protection of the program's pages")]

use hashbrown::HashMap;
use midstride_addr::{AppPc, AppRange};
use midstride_block::{Care, page_of};
use midstride_os::mem::{Prot, mprotect};

use crate::code_map::{CodeMap, Writes};
use crate::heap::HeapRef;

/// Faults after which a page's blocks look for themselves.
const PATIENCE: u16 = 20;
const PAGE: u64 = 4096;

/// A page that was protected at least once.
#[derive(Clone, Copy, Debug)]
struct Page {
    state: State,
    faults: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Not writable now: blocks of it are trusted.
    Protected,
    /// As the program set it.
    Open,
}

/// What is known of pages that the program can write.
pub struct Watch {
    pages: HashMap<u64, Page, PageHasher, HeapRef>,
    protected: usize,
    protection: Protection,
}

/// Whether pages may lose their write permission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protection {
    /// They may: faults come to the engine.
    Pages,
    /// They keep it: blocks look for themselves.
    None,
}

/// Page numbers are hashed as they are: neighbours fill neighbouring buckets.
#[derive(Clone, Copy, Default)]
struct PageHasher;

struct PageHash(u64);

impl core::hash::Hasher for PageHash {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl core::hash::BuildHasher for PageHasher {
    type Hasher = PageHash;

    fn build_hasher(&self) -> PageHash {
        PageHash(0)
    }
}

fn set(page: u64, prot: Prot) -> bool {
    // SAFETY: one page of the program's, between two protections that the program itself allows or that
    // are stricter; a write that now faults is served by the engine's handler.
    unsafe { mprotect(page * PAGE, PAGE, prot) }.is_ok()
}

impl Watch {
    pub(crate) fn new_in(heap: HeapRef, protection: Protection) -> Self {
        Self { pages: HashMap::with_hasher_in(PageHasher, heap), protected: 0, protection }
    }

    /// How blocks of the code at `pc` are to be built; protects what is to be protected. Covers
    /// `bytes` from there.
    pub(crate) fn prepare(&mut self, code: &CodeMap, pc: AppPc, bytes: u64) -> Care {
        let mut care = Care::Trust;
        for page in page_of(pc)..=page_of(pc.add(bytes)) {
            let at = AppPc::new(pc.get().max(page * PAGE));
            match code.area(at).map(|area| area.writes) {
                Some(Writes::Elsewhere) => care = Care::Check,
                Some(Writes::Here) if self.protect(page) == Care::Check => care = Care::Check,
                _ => {}
            }
        }
        care
    }

    /// No page loses its write permission from now on.
    pub(crate) fn protect_no_more(&mut self) {
        self.protection = Protection::None;
    }

    fn protect(&mut self, page: u64) -> Care {
        if self.protection == Protection::None {
            return Care::Check;
        }
        let known = self.pages.entry(page).or_insert(Page { state: State::Open, faults: 0 });
        if known.state == State::Protected {
            return Care::Trust;
        }
        if known.faults >= PATIENCE || !set(page, Prot::READ | Prot::EXEC) {
            return Care::Check;
        }
        known.state = State::Protected;
        self.protected += 1;
        Care::Trust
    }

    /// The page of `address`, when it is protected: it can be written from now on.
    pub(crate) fn open(&mut self, address: u64) -> Option<AppRange> {
        let page = address / PAGE;
        let known = self.pages.get_mut(&page).filter(|known| known.state == State::Protected)?;
        known.state = State::Open;
        known.faults = known.faults.saturating_add(1);
        self.protected -= 1;
        set(page, Prot::READ | Prot::WRITE | Prot::EXEC);
        Some(AppRange::new(AppPc::new(page * PAGE), AppPc::new((page + 1) * PAGE)))
    }

    /// Whether the page of `address` was ever protected.
    pub(crate) fn knows(&self, address: u64) -> bool {
        self.pages.contains_key(&(address / PAGE))
    }

    /// Whether a write might fault because of us.
    pub(crate) fn any_protected(&self) -> bool {
        self.protected > 0
    }

    /// Any protected page.
    pub(crate) fn first_protected(&self) -> Option<u64> {
        self.pages.iter().find(|(_, page)| page.state == State::Protected).map(|(page, _)| page * PAGE)
    }

    /// The program set the protection of these pages itself, or they are gone.
    pub(crate) fn forget(&mut self, range: AppRange) {
        let inside = |page: u64| range.contains(AppPc::new(page * PAGE));
        self.pages.retain(|&page, known| {
            if !inside(page) {
                return true;
            }
            if known.state == State::Protected {
                known.state = State::Open;
                self.protected -= 1;
            }
            // What was written often will be written often, whatever its protection was meanwhile.
            known.faults >= PATIENCE
        });
    }
}
