//! How long each item is: branches start wide and shrink while they reach.

use alloc::vec::Vec;

use midstride_addr::rel8;
use midstride_relocate::Flow;

use super::error::AssembleError;
use super::plan::{Item, Place, Plan};
use super::{Destination, Exits, emit};

/// A chain shall not be longer: everything in a region must reach everything else.
const MAX_BYTES: u64 = 1 << 29;
const SHORT: u32 = 2;
/// `mov dword [number], imm32; jmp gate`.
const GATE_EXIT: u32 = 15;
const TRAP_EXIT: u32 = 1;
/// Bytes of the detour behind a counted branch that does not reach: `jmp short` over `jmp`.
pub(crate) const ISLAND: u32 = 2 + WIDE_JUMP;
pub(crate) const WIDE_JUMP: u32 = 5;
const WIDE_BRANCH: u32 = 6;

/// Which form an item has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// A branch that reaches everything, or what has one form only.
    Wide,
    /// A branch with an 8-bit displacement.
    Short,
}

#[derive(Clone, Copy, Debug)]
struct Size {
    form: Form,
    wide: u32,
    /// The same where there is no short form.
    short: u32,
}

impl Size {
    fn fixed(len: u32) -> Self {
        Self { form: Form::Wide, wide: len, short: len }
    }

    fn branch(wide: u32, short: u32) -> Self {
        Self { form: Form::Wide, wide, short }
    }

    fn len(&self) -> u32 {
        match self.form {
            Form::Wide => self.wide,
            Form::Short => self.short,
        }
    }

    fn can_shrink(&self) -> bool {
        self.form == Form::Wide && self.short < self.wide
    }
}

/// Form and length of each item, and where each starts.
pub(crate) struct Sizes {
    sizes: Vec<Size>,
    /// One more than items: the last is the end.
    starts: Vec<u32>,
}

impl Sizes {
    pub(crate) fn measure(plan: &Plan<'_>, to: &Destination) -> Result<Self, AssembleError> {
        let mut sizes = Self { sizes: Vec::with_capacity(plan.items.len()), starts: Vec::new() };
        let mut total = 0;
        for item in &plan.items {
            let size = widest(plan, *item, to)?;
            total += u64::from(size.wide);
            if total > MAX_BYTES {
                return Err(AssembleError::TooBig { id: plan.id_of(*item), bytes: total });
            }
            sizes.sizes.push(size);
        }
        sizes.place();
        Ok(sizes)
    }

    pub(crate) fn form(&self, item: usize) -> Form {
        self.sizes[item].form
    }

    pub(crate) fn len(&self, item: usize) -> u32 {
        self.sizes[item].len()
    }

    pub(crate) fn start(&self, item: usize) -> u32 {
        self.starts[item]
    }

    pub(crate) fn end(&self) -> u32 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Gives an item of one form more room and starts again with wide branches: what was short may not
    /// reach any more.
    pub(crate) fn lengthen(&mut self, item: usize, len: u32) {
        self.sizes[item] = Size::fixed(len);
        self.sizes.iter_mut().for_each(|size| size.form = Form::Wide);
        self.place();
    }

    /// Makes branches short until no more of them reach. Shrinking brings everything closer together, so
    /// what is short stays in reach.
    pub(crate) fn relax(&mut self, plan: &Plan<'_>) {
        while self.shrink(plan) {
            self.place();
        }
    }

    fn shrink(&mut self, plan: &Plan<'_>) -> bool {
        let mut shrunk = false;
        for (index, item) in plan.items.iter().enumerate() {
            if self.sizes[index].can_shrink() && self.reaches(plan, index, *item) {
                self.sizes[index].form = Form::Short;
                shrunk = true;
            }
        }
        shrunk
    }

    fn place(&mut self) {
        let ends = self.sizes.iter().scan(0, |end, size| {
            *end += size.len();
            Some(*end)
        });
        self.starts = core::iter::once(0).chain(ends).collect();
    }

    /// Whether the short form reaches. Nothing grows between a branch and a target behind it, so the
    /// distance from the end of the wide form is an upper bound; backwards it is that from the short one.
    fn reaches(&self, plan: &Plan<'_>, index: usize, item: Item) -> bool {
        let Some(target) = target(item).map(|place| self.starts[plan.item_at(place)]) else { return false };
        let (start, size) = (self.starts[index], self.sizes[index]);
        let len = if target > start { size.wide } else { size.short };
        rel8(u64::from(start + len), u64::from(target)).is_some()
    }
}

/// Where an item branches to.
pub(crate) fn target(item: Item) -> Option<Place> {
    match item {
        Item::Node { jump, .. } => jump,
        Item::Glue { node } => Some(Place::Node(node)),
        Item::Exit { .. } => None,
    }
}

fn widest(plan: &Plan<'_>, item: Item, to: &Destination) -> Result<Size, AssembleError> {
    Ok(match item {
        Item::Glue { .. } => Size::branch(WIDE_JUMP, SHORT),
        Item::Exit { .. } => Size::fixed(exit_len(to)),
        Item::Node { node, .. } => match plan.node(node).flow() {
            Flow::Jump { .. } => Size::branch(WIDE_JUMP, SHORT),
            Flow::Branch { .. } => Size::branch(WIDE_BRANCH, SHORT),
            Flow::Counted { width, .. } => {
                let short = SHORT + emit::counter_prefix(width).len() as u32;
                Size::branch(short + ISLAND, short)
            }
            _ => Size::fixed(emit::fixed_len(plan, node, to)?),
        },
    })
}

pub(crate) fn exit_len(to: &Destination) -> u32 {
    match to.exits {
        Exits::Trap => TRAP_EXIT,
        Exits::Gate { .. } => GATE_EXIT,
    }
}
