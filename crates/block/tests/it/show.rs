//! Blocks as text: their code with what each instruction means to the program, their constants, their exits.

use std::fmt::Write;

use midstride_addr::{AppPc, CachePc, CodeOffset};
use midstride_block::{BlockId, Door, ExecBlock, ExitKind, Found, PcSource, Slot, SlotBase};
use midstride_testkit::Listing;

use crate::world::{DOORS, World};

/// Names of the doors, in their order.
const DOOR_NAMES: [&str; 7] = ["direct", "return", "indirect", "syscall", "emulate", "callout", "stale"];
const SLOTS: [(Slot, &str); 8] = [
    (Slot::Context, "context"),
    (Slot::R11, "r11"),
    (Slot::Rcx, "rcx"),
    (Slot::Target, "target"),
    (Slot::Exit, "exit"),
    (Slot::Scratch, "scratch"),
    (Slot::Probe, "probe"),
    (Slot::Resume, "resume"),
];

/// Everything about a block.
pub(crate) fn show(world: &mut World, id: BlockId) -> String {
    let block = world.get(id);
    let mut text = format!("{} instructions at {}\n", block.insns, block.app);
    text += &code(world, &block, "hot", block.hot, block.hot_bytes.into());
    text += &code(world, &block, "cold", block.cold, block.cold_bytes.into());
    text += &exits(world, id);
    text + &far_links(world, id)
}

/// The words through which exits lead to blocks out of reach.
fn far_links(world: &mut World, id: BlockId) -> String {
    let mut text = String::new();
    let block = world.get(id);
    let code = world.read(block.hot, block.hot_bytes.into());
    let mut decoder = iced_x86::Decoder::with_ip(64, &code, block.hot.get(), 0);
    while decoder.can_decode() {
        let insn = decoder.decode();
        let target = CachePc::new(insn.near_branch_target());
        let own = [(block.hot, block.hot_bytes), (block.cold, block.cold_bytes)];
        let is_own = own.iter().any(|&(start, len)| target.get().wrapping_sub(start.get()) < len.into());
        let lies_here = world.cache.find(target).is_some_and(|found| found.block == id);
        if insn.is_jmp_near() && lies_here && !is_own {
            let link = world.read(target, 16);
            let listing = Listing::new(&link[..8]).at(target).symbol(target.add(8).get(), "word");
            let word = u64::from_le_bytes(link[8..].try_into().expect("eight bytes are left"));
            write!(text, "far link {target}\n{listing}word: {word:#x}\n").expect("strings take everything");
        }
    }
    text
}

/// A landing that lies apart from its block.
pub(crate) fn show_landing(world: &mut World, id: BlockId, at: CachePc) -> String {
    let block = world.get(id);
    let bytes = (1..256).take_while(|&n| is_at(world, at, n)).count() + 1;
    code(world, &block, "landing", at, bytes)
}

/// Whether the byte `n` behind `at` is of the same piece of code: only its own bytes have a meaning.
fn is_at(world: &World, at: CachePc, n: u64) -> bool {
    world.cache.find(at.add(n)).is_some_and(|found| found.hot_offset.is_none())
}

fn code(world: &mut World, block: &ExecBlock, name: &str, at: CachePc, bytes: usize) -> String {
    if bytes == 0 {
        return String::new();
    }
    let code = world.read(at, bytes);
    let mut listing = named(world, Listing::new(&code).at(at), block);
    let mut decoder = iced_x86::Decoder::with_ip(64, &code, at.get(), 0);
    let starts: Vec<u64> =
        std::iter::from_fn(|| decoder.can_decode().then(|| decoder.decode().ip())).collect();
    for start in starts {
        let meaning = match world.cache.find(CachePc::new(start)) {
            Some(found) => meaning(block, &found),
            None => "means nothing".to_owned(),
        };
        listing = listing.note(CodeOffset::new((start - at.get()) as u32), meaning);
    }
    format!("{name} {at}\n{listing}{}", constants(world, &code, at))
}

/// Names for what the code of a block mentions.
fn named<'c>(world: &World, mut listing: Listing<'c>, block: &ExecBlock) -> Listing<'c> {
    for (door, name) in Door::ALL.into_iter().zip(DOOR_NAMES) {
        listing = listing.symbol(DOORS.gates as u64 + door as u64 * 8, format!("{name} door"));
    }
    listing = listing.symbol(DOORS.returns as u64, "returns").symbol(DOORS.indirects as u64, "indirects");
    if let SlotBase::Absolute(base) = world.slots {
        for (slot, name) in SLOTS {
            listing = listing.symbol(base as u64 + slot.offset() as u64, format!("{name} slot"));
        }
    }
    listing = listing.symbol(block.body.get(), "body");
    let id = world.cache.lookup(block.app.start());
    for (number, (_, exit)) in id.map_or(Vec::new(), |id| world.exits(id)).into_iter().enumerate() {
        listing = listing.symbol(exit.stub.get(), format!("stub {number}"));
        if let Some(to) = exit.linked.map(|to| world.get(to)).filter(|to| to.body != block.body) {
            listing = listing.symbol(to.body.get(), format!("body of {}", to.app.start()));
        }
    }
    listing
}

/// Where the program is, and which of its registers are in slots.
fn meaning(block: &ExecBlock, found: &Found) -> String {
    let translation = found.translation;
    let mut text = match translation.pc {
        PcSource::Known(pc) => at(block, pc),
        PcSource::BelowStack => "at [rsp-8]".to_owned(),
        PcSource::TargetSlot => "at [target]".to_owned(),
        PcSource::Exit(number) => format!("unresolved exit {number}"),
    };
    for (reg, slot) in translation.saved() {
        let slot = format!("{slot:?}").to_lowercase();
        write!(text, ", {reg:?} in {slot} slot").expect("strings take everything");
    }
    text
}

fn at(block: &ExecBlock, pc: AppPc) -> String {
    if pc == block.app.start() || block.app.contains(pc) || pc == block.app.end() {
        format!("at +{}", pc.get() - block.app.start().get())
    } else {
        format!("at {pc}")
    }
}

/// The words that the code reads.
fn constants(world: &mut World, code: &[u8], at: CachePc) -> String {
    let mut decoder = iced_x86::Decoder::with_ip(64, code, at.get(), 0);
    let mut text = String::new();
    while decoder.can_decode() {
        let insn = decoder.decode();
        let is_constant = matches!(insn.code(), iced_x86::Code::Push_rm64 | iced_x86::Code::Jmp_rm64);
        if is_constant && insn.is_ip_rel_memory_operand() {
            let address = insn.ip_rel_memory_address();
            if world.cache.regions_mut().locate(CachePc::new(address)).is_some() {
                let word = world.read(CachePc::new(address), 8);
                let word = u64::from_le_bytes(word.try_into().expect("eight bytes were read"));
                writeln!(text, "data {address:x}: {word:#x}").expect("strings take everything");
            }
        }
    }
    text
}

fn exits(world: &World, id: BlockId) -> String {
    let mut text = String::new();
    for (number, (exit_id, exit)) in world.exits(id).into_iter().enumerate() {
        let kind = match exit.kind {
            ExitKind::Direct => "direct".to_owned(),
            ExitKind::Syscall => "syscall".to_owned(),
            ExitKind::Emulate => "emulate".to_owned(),
            ExitKind::Callout { id, resume } => format!("callout {id}, resumes at {resume}"),
            ExitKind::Stale => "stale".to_owned(),
        };
        let linked = exit.linked.map_or(String::new(), |to| format!(", linked to block {}", to.get()));
        let line = format!(
            "stub {number}: exit {}, at {} to {}, {kind}{linked}",
            exit_id.get(),
            exit.at,
            exit.target
        );
        writeln!(text, "{line}").expect("strings take everything");
    }
    text
}
