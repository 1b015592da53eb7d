//! Patch sites: where they lie, and what their words do.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};
use midstride_addr::{CachePc, CodeOffset};
use midstride_asm::{Cond, EmitError, PatchKind, PatchSite, Writer};
use midstride_testkit::{BASE, Listing};

const KINDS: [PatchKind; 4] = [PatchKind::Jmp, PatchKind::Jcc, PatchKind::Call, PatchKind::JmpNop];

/// Where the branches lead at first.
const FIRST: CachePc = CachePc::new(BASE.get() + 0x1000);

fn emit(w: &mut Writer<'_>, kind: PatchKind) -> PatchSite {
    match kind {
        PatchKind::Jmp => w.jmp_patchable(FIRST),
        PatchKind::Jcc => w.jcc_patchable(Cond::Le, FIRST),
        PatchKind::Call => w.call_patchable(FIRST),
        PatchKind::JmpNop => w.jmp_nop_patchable(FIRST),
    }
}

/// Code whose memory starts at an aligned address: a lead of some bytes, a patchable branch, a tail.
struct Patched {
    bytes: [u8; 32],
    site: PatchSite,
}

impl Patched {
    /// The branch behind `lead` bytes of other code.
    fn new(kind: PatchKind, lead: u64) -> Self {
        let mut bytes = [0xf4; 32];
        let mut w = Writer::new(&mut bytes[lead as usize..], BASE.add(lead));
        let site = emit(&mut w, kind);
        let len = w.finish().unwrap().bytes().len();
        // The writer may have touched what lies behind its code.
        bytes[lead as usize + len..].fill(0xf4);
        Self { bytes, site }
    }

    fn at(pc: CachePc) -> usize {
        usize::try_from(pc.get() - BASE.get()).unwrap()
    }

    fn word(&self, pc: CachePc) -> u64 {
        u64::from_le_bytes(self.bytes[Self::at(pc)..][..8].try_into().unwrap())
    }

    /// Stores an aligned word, as the cache does.
    fn store(&mut self, (pc, word): (CachePc, u64)) {
        assert_eq!(pc.get() % 8, 0);
        self.bytes[Self::at(pc)..][..8].copy_from_slice(&word.to_le_bytes());
    }

    /// The word that is to be changed, as it is now.
    fn old(&self) -> u64 {
        self.word(self.site.word_address())
    }

    /// What stands at the site now.
    fn instruction(&self) -> Instruction {
        let pc = self.site.instruction();
        let code = &self.bytes[Self::at(pc)..];
        Decoder::with_ip(64, code, pc.get(), DecoderOptions::NONE).decode()
    }
}

/// Every kind at every position in a word.
fn all() -> impl Iterator<Item = (PatchKind, u64)> {
    KINDS.into_iter().flat_map(|kind| (0..8).map(move |lead| (kind, lead)))
}

#[test]
fn what_is_patched_never_crosses_a_word() {
    for (kind, lead) in all() {
        let site = Patched::new(kind, lead).site;
        let first = if kind == PatchKind::JmpNop { site.instruction() } else { site.field() };
        let last = site.end().offset(-1);
        assert_eq!(first.get() / 8, last.get() / 8, "{kind:?} behind {lead} bytes");
        assert_eq!(first.get() / 8 * 8, site.word_address().get());
    }
}

#[test]
fn padding_is_one_nop_and_no_longer_than_needed() {
    for (kind, lead) in all() {
        let patched = Patched::new(kind, lead);
        let padding = patched.site.instruction().get() - BASE.get() - lead;
        let (offset, bytes) = match kind {
            PatchKind::JmpNop => (0, 5),
            PatchKind::Jcc => (2, 4),
            _ => (1, 4),
        };
        let fits = |padding| (lead + padding + offset) % 8 + bytes <= 8;
        assert!(fits(padding) && !(0..padding).any(fits), "{kind:?} behind {lead}: {padding}");
        if padding > 0 {
            let code = &patched.bytes[lead as usize..];
            let nop = Decoder::new(64, code, DecoderOptions::NONE).decode();
            assert_eq!((nop.mnemonic(), nop.len() as u64), (Mnemonic::Nop, padding));
        }
    }
}

#[test]
fn a_new_site_leads_where_it_was_told() {
    for (kind, lead) in all() {
        let patched = Patched::new(kind, lead);
        assert_eq!(patched.instruction().near_branch_target(), FIRST.get());
        assert_eq!(patched.site.target_in(patched.old()), Some(FIRST));
        assert_eq!(patched.site.kind(), kind);
    }
}

#[test]
fn a_stored_word_redirects_and_changes_nothing_else() {
    for (kind, lead) in all() {
        for target in [BASE, BASE.add(0x7fff_0000), BASE.offset(-0x7fff_0000)] {
            let mut patched = Patched::new(kind, lead);
            let (before, mnemonic) = (patched.bytes, patched.instruction().mnemonic());
            let stored = patched.site.word_for(patched.old(), target).unwrap();
            patched.store(stored);
            let insn = patched.instruction();
            assert_eq!((insn.mnemonic(), insn.near_branch_target()), (mnemonic, target.get()));
            assert_eq!(patched.site.target_in(stored.1), Some(target));
            let field = Patched::at(patched.site.field());
            for at in (0..before.len()).filter(|at| !(field..field + 4).contains(at)) {
                assert_eq!(patched.bytes[at], before[at], "{kind:?} behind {lead}: byte {at}");
            }
        }
    }
}

#[test]
fn a_removable_jump_becomes_a_nop_and_a_jump_again() {
    for lead in 0..8 {
        let mut patched = Patched::new(PatchKind::JmpNop, lead);
        let before = patched.bytes;
        patched.store(patched.site.nop_word_for(patched.old()).unwrap());
        let nop = patched.instruction();
        assert_eq!((nop.mnemonic(), nop.len()), (Mnemonic::Nop, 5));
        assert_eq!(patched.site.target_in(patched.old()), None);
        patched.store(patched.site.word_for(patched.old(), FIRST).unwrap());
        assert_eq!(patched.bytes, before);
    }
}

#[test]
fn other_kinds_do_not_become_nops() {
    for kind in [PatchKind::Jmp, PatchKind::Jcc, PatchKind::Call] {
        let site = Patched::new(kind, 0).site;
        let instruction = site.instruction();
        assert_eq!(site.nop_word_for(0), Err(EmitError::NotRemovable { instruction }));
    }
}

#[test]
fn targets_out_of_reach_are_refused() {
    for kind in KINDS {
        let site = Patched::new(kind, 0).site;
        let far = site.end().add(0x8000_0000);
        assert_eq!(site.word_for(0, far), Err(EmitError::OutOfReach { from: site.end(), to: far.get() }));
        assert!(site.word_for(0, far.offset(-1)).is_ok());
        assert!(site.word_for(0, site.end().offset(-0x8000_0000)).is_ok());
    }
}

#[test]
fn sites_are_listed() {
    let mut buffer = [0; 96];
    let mut w = Writer::new(&mut buffer, BASE);
    let mut sites = Vec::new();
    for kind in KINDS {
        w.cld();
        sites.push(emit(&mut w, kind));
        w.ud2();
        sites.push(emit(&mut w, kind));
    }
    let code = w.finish().unwrap();
    let mut listing = Listing::new(code.bytes()).symbol(FIRST.get(), "first");
    for site in sites {
        let at = CodeOffset::new((site.instruction().get() - BASE.get()) as u32);
        listing = listing.note(at, format!("{:?}, field at {}", site.kind(), site.field()));
    }
    insta::assert_snapshot!(listing.to_string(), @r"
    0000: fc                             cld
    0001: e9 fa 0f 00 00                 jmp first  ; Jmp, field at 0x10000002
    0006: 0f 0b                          ud2
    0008: e9 f3 0f 00 00                 jmp first  ; Jmp, field at 0x10000009
    000d: fc                             cld
    000e: 0f 8e ec 0f 00 00              jle first  ; Jcc, field at 0x10000010
    0014: 0f 0b                          ud2
    0016: 0f 8e e4 0f 00 00              jle first  ; Jcc, field at 0x10000018
    001c: fc                             cld
    001d: 66 90                          xchg ax,ax
    001f: e8 dc 0f 00 00                 call first  ; Call, field at 0x10000020
    0024: 0f 0b                          ud2
    0026: 90                             nop
    0027: e8 d4 0f 00 00                 call first  ; Call, field at 0x10000028
    002c: fc                             cld
    002d: 0f 1f 00                       nop [rax]
    0030: e9 cb 0f 00 00                 jmp first  ; JmpNop, field at 0x10000031
    0035: 0f 0b                          ud2
    0037: 90                             nop
    0038: e9 c3 0f 00 00                 jmp first  ; JmpNop, field at 0x10000039
    ");
}
