//! Calls that are frozen again and again: made bytes, thawed in another instance, and continued there.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use midstride_osr::statemap::Phase;
use midstride_osr::{Frozen, Image, Instance, Linker, Outcome, Polls, Trap, Val};

/// An instance of a script, or the one that has taken its place.
pub(crate) struct Member {
    instance: RefCell<Instance>,
    linker: Linker,
    /// Others have its functions and memories: no copy can take its place.
    pub(crate) shared: Cell<bool>,
}

impl Member {
    pub(crate) fn new(instance: Instance, linker: Linker) -> Self {
        Self { instance: RefCell::new(instance), linker, shared: Cell::new(false) }
    }

    pub(crate) fn instance(&self) -> Instance {
        self.instance.borrow().clone()
    }
}

/// What has become of freezes.
#[derive(Default, Debug)]
pub(crate) struct Counts {
    /// Thawed in another instance.
    pub(crate) moved: usize,
    /// Made bytes, and continued in place: others have functions or memories of the instance.
    pub(crate) in_place: usize,
    /// Trapped again in another instance, with the same state.
    pub(crate) trapped: usize,
    /// Refused, by the reason.
    pub(crate) refused: BTreeMap<String, usize>,
}

/// How many polls there are between freezes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Distance {
    /// Calls are not frozen.
    Never,
    /// So many.
    Every(u64),
    /// Up to 16, by a generator with this state.
    Random(u64),
}

/// Freezes calls.
pub(crate) struct Freezer {
    distance: Distance,
    /// Of what it freezes. Stepping to each poll is a hundred times slower than comparing there.
    pub(crate) polls: Polls,
    pub(crate) counts: Counts,
}

/// No call is frozen more often, nor when it has more frames: some recurse until the stack ends, and each
/// freeze copies all of it.
const MOST: u32 = 120;

/// As often a host function may freeze it besides.
const HOST_CALLS: u32 = 100;

impl Freezer {
    pub(crate) fn new(polls: Polls, distance: Distance) -> Self {
        Self { distance, polls, counts: Counts::default() }
    }

    /// Whether calls are frozen at all.
    pub(crate) fn is_active(&self) -> bool {
        !matches!(self.distance, Distance::Never)
    }

    /// How many polls there are to the next freeze.
    fn next(&mut self) -> u64 {
        match &mut self.distance {
            Distance::Never => 0,
            Distance::Every(polls) => *polls,
            Distance::Random(state) => {
                *state =
                    state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                1 + (*state >> 60)
            }
        }
    }

    /// Calls an exported function; `None` when there is none of this name.
    pub(crate) fn call(
        &mut self,
        member: &Member,
        name: &str,
        params: &[Val],
    ) -> Option<Result<Vec<Val>, Trap>> {
        let func = member.instance().get_func(name)?;
        if !self.is_active() {
            return Some(func.call(params));
        }
        member.instance().freeze_handle().freeze_at_poll(self.next());
        let mut outcome = func.run(params);
        drop(func);
        for left in (0..=MOST + HOST_CALLS).rev().map(|left| left.saturating_sub(HOST_CALLS)) {
            match outcome {
                Ok(Outcome::Frozen(frozen)) => {
                    let frames = frozen.state().map_or(0, |state| state.frames().count());
                    let next = self.pass_on(member, frozen);
                    let polls = if left == 0 || frames > MOST as usize { 0 } else { self.next() };
                    next.instance().freeze_handle().freeze_at_poll(polls);
                    outcome = next.resume();
                }
                Ok(Outcome::Done(results)) => return Some(Ok(results)),
                Err(trap) => return Some(Err(self.trap_again(member, trap))),
            }
        }
        panic!("a call is frozen that nobody has asked to freeze");
    }

    /// Through bytes to another instance, if nothing keeps it here.
    fn pass_on(&mut self, member: &Member, frozen: Frozen) -> Frozen {
        let bytes = match frozen.image() {
            Ok(image) => image.to_bytes().expect("what was frozen can be written"),
            Err(error) => {
                *self.counts.refused.entry(error.to_string()).or_default() += 1;
                return frozen;
            }
        };
        let image = Image::read(&bytes).expect("what was written can be read");
        if member.shared.get() || !frozen.instance().same(&member.instance()) {
            self.counts.in_place += 1;
            return frozen;
        }
        let thawed = member.linker.thaw(frozen.instance().module(), &image).expect("what was frozen thaws");
        assert_eq!(thawed.image().expect("what was thawed can be frozen"), image);
        self.counts.moved += 1;
        member.instance.replace(thawed.instance().clone());
        thawed
    }

    /// Has a trap happen again in another instance, which takes the place of the first.
    fn trap_again(&mut self, member: &Member, trap: Trap) -> Trap {
        let instance = member.instance();
        let Ok(image) = instance.frozen().image() else { return trap };
        let at_trap = image.state.frames().next_back().is_some_and(|frame| frame.phase == Phase::Trap);
        if member.shared.get() || !at_trap {
            return trap;
        }
        let image = Image::read(&image.to_bytes().expect("a trap's state can be written")).expect("and read");
        let thawed = member.linker.thaw(instance.module(), &image).expect("what has trapped thaws");
        member.instance.replace(thawed.instance().clone());
        let again = thawed.resume().expect_err("the operator has the same operands");
        assert_eq!(again.kind(), trap.kind());
        assert_eq!(member.instance().frozen().image().expect("it has trapped again"), image);
        self.counts.trapped += 1;
        again
    }
}
