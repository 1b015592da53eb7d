//! Every instruction of the cache has a meaning (invariant 3), whatever instruction of the program it stands for.

use iced_x86::{Code, Decoder, EncodingKind};
use midstride_addr::{AppPc, CachePc};
use midstride_block::{
    BlockId, BuildError, Care, Draft, Landing, MAX_INSNS, Order, PcSource, Probe, Restore, Rotate,
};
use midstride_testkit::arbitrary::Unstructured;
use midstride_testkit::{Random, instruction_like};

use crate::world::{Change, Choices, HIGH, LOW, World, plain};

/// Instructions tried per form.
const SAMPLES: usize = 2;

/// Forms of 64-bit mode that programs may have.
fn forms() -> impl Iterator<Item = Code> {
    Code::values().filter(|code| {
        let info = code.op_code();
        info.is_instruction()
            && info.mode64()
            && info.intel_decoder64()
            && !info.fwait()
            && info.decoder_option() == 0
            && matches!(info.encoding(), EncodingKind::Legacy | EncodingKind::VEX | EncodingKind::EVEX)
    })
}

/// A world whose blocks lie near their code, or out of its reach.
fn world(far: bool) -> World {
    let rotate = if far { Rotate::None } else { Rotate::Rorx };
    let mut world = World::with(Choices { rotate, ..Choices::default() });
    world.block(if far { LOW } else { HIGH }, &[0xc3]);
    world.cache.seal();
    world
}

/// Builds the block at `at`; when there is no room everything goes first.
fn build(world: &mut World, at: u64, order: Order, epoch: &mut u64) -> BlockId {
    let mut probe = Change(|draft: &mut Draft| draft.set_probe(0, Probe::Count { offset: 0x200 }));
    loop {
        match world.cache.build(AppPc::new(at), order, &world.program, &mut probe) {
            Ok(id) => return id,
            Err(BuildError::Full { .. }) => {
                world.cache.retire_all(*epoch);
                *epoch += 1;
                world.cache.reclaim(*epoch);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Program addresses at which an instruction of the block starts or the last one ends.
fn boundaries(world: &World, id: BlockId) -> Vec<AppPc> {
    let block = world.get(id);
    let mut draft = Draft::empty();
    draft.read(world.program.bytes(block.app.start()), block.app.start(), MAX_INSNS);
    let starts = draft.steps().map(|step| step.insn().pc());
    starts.take_while(|&pc| pc < block.app.end()).chain([block.app.end()]).collect()
}

/// Looks at every instruction of the block; answers how many there are.
fn judge(world: &mut World, id: BlockId) -> usize {
    let block = world.get(id);
    let exits = world.exits(id);
    let mut places = boundaries(world, id);
    places.extend(exits.iter().flat_map(|(_, exit)| [exit.at, exit.target]));
    let pieces = [(block.hot, block.hot_bytes), (block.cold, block.cold_bytes)];
    let mut count = 0;
    for (at, bytes) in pieces {
        let code = world.read(at, bytes.into());
        for insn in Decoder::with_ip(64, &code, at.get(), 0).iter() {
            let found = world.cache.find(CachePc::new(insn.ip()));
            let found = found.unwrap_or_else(|| panic!("{:#x} means nothing", insn.ip()));
            assert_eq!(found.block, id);
            let right = match found.translation.pc {
                PcSource::Known(pc) => places.contains(&pc),
                // Behind an indirect branch, or in a landing: rcx is in its slot.
                PcSource::BelowStack | PcSource::TargetSlot => found.translation.restore.has(Restore::RCX),
                PcSource::Exit(_) => false,
            };
            assert!(right, "{:#x} means {found:?}, not one of {places:?}", insn.ip());
            count += 1;
        }
    }
    count
}

#[test]
fn every_instruction_made_of_every_form_has_a_meaning() {
    let mut random = Random::new(9);
    for far in [false, true] {
        let mut world = world(far);
        let (mut epoch, mut count) = (1, 0);
        let orders =
            [plain(Some(Landing::Indirect)), Order { care: Care::Check, ..plain(Some(Landing::Return)) }];
        for code in forms() {
            for order in orders.iter().cycle().take(SAMPLES) {
                let data = random.bytes(256);
                let insn =
                    instruction_like(code, &mut Unstructured::new(&data)).expect("there is randomness");
                let at = HIGH + 0x40;
                world.program.put(at, &[&[0x90][..], &insn, &[0x75, 0x02]].concat());
                let id = build(&mut world, at, *order, &mut epoch);
                count += judge(&mut world, id);
                world.cache.retire(id);
                world.program.clear();
            }
        }
        assert!(count > 50_000, "only {count} instructions");
    }
}
