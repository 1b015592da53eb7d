//! Which instructions stand behind which.

use alloc::vec;
use alloc::vec::Vec;

use midstride_relocate::Flow;

use super::error::AssembleError;
use crate::point::{ExitKind, ExitPoint};
use crate::program::{InsnId, Node, Program};

/// What is placed, in order. Nodes and exits are named by index.
pub(crate) struct Plan<'p> {
    pub(crate) program: &'p Program,
    pub(crate) items: Vec<Item>,
    pub(crate) exits: Vec<ExitPoint>,
    /// For each node, the item it is.
    pub(crate) item_of: Vec<u32>,
    /// For each exit, the item it is.
    pub(crate) exit_item: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Item {
    /// An instruction; a direct branch goes to `jump`.
    Node { node: u32, jump: Option<Place> },
    /// A jump to an instruction that stands elsewhere.
    Glue { node: u32 },
    /// A way out.
    Exit { exit: u32 },
}

/// Where a branch of the code goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Node(u32),
    Exit(u32),
}

const UNPLACED: u32 = u32::MAX;

impl<'p> Plan<'p> {
    pub(crate) fn new(program: &'p Program) -> Result<Self, AssembleError> {
        if let Some(bad) = program.nodes().iter().find(|node| node.flow() == Flow::Unsupported16) {
            return Err(AssembleError::Unsupported { id: bad.id() });
        }
        let nodes = program.nodes().len();
        let mut plan = Self {
            program,
            items: Vec::new(),
            exits: Vec::new(),
            item_of: vec![UNPLACED; nodes],
            exit_item: Vec::new(),
        };
        let followed = plan.followed();
        let roots = (0..nodes).filter(|&node| !followed[node]);
        // What is left when all chains with a beginning are placed are circles.
        for node in roots.chain(0..nodes) {
            plan.place_chain(node as u32);
        }
        Ok(plan)
    }

    /// Where a place is among the items.
    pub(crate) fn item_at(&self, place: Place) -> usize {
        match place {
            Place::Node(node) => self.item_of[node as usize] as usize,
            Place::Exit(exit) => self.exit_item[exit as usize] as usize,
        }
    }

    /// The instruction an item belongs to.
    pub(crate) fn id_of(&self, item: Item) -> InsnId {
        match item {
            Item::Node { node, .. } | Item::Glue { node } => self.node(node).id(),
            Item::Exit { exit } => self.exits[exit as usize].insn,
        }
    }

    pub(crate) fn node(&self, node: u32) -> &'p Node {
        &self.program.nodes()[node as usize]
    }

    /// Which nodes come behind another.
    fn followed(&self) -> Vec<bool> {
        let mut followed = vec![false; self.program.nodes().len()];
        for node in 0..followed.len() {
            if let Some(next) = self.next(node as u32) {
                followed[next as usize] = true;
            }
        }
        followed
    }

    /// The node behind a node, when control gets there.
    fn next(&self, node: u32) -> Option<u32> {
        let node = self.node(node);
        node.next().filter(|_| !node.ends_path()).and_then(|id| self.program.index_of(id))
    }

    fn place_chain(&mut self, first: u32) {
        let mut exits = Vec::new();
        let mut at = Some(first).filter(|&node| !self.is_placed(node));
        while let Some(node) = at {
            let jump = self.jump(node, &mut exits);
            self.item_of[node as usize] = self.items.len() as u32;
            self.items.push(Item::Node { node, jump });
            at = self.go_on(node);
        }
        exits.into_iter().for_each(|exit| self.place_exit(exit));
    }

    fn is_placed(&self, node: u32) -> bool {
        self.item_of[node as usize] != UNPLACED
    }

    /// Where the node branches to; an exit for it is added to `exits`.
    fn jump(&mut self, node: u32, exits: &mut Vec<u32>) -> Option<Place> {
        let code = self.node(node);
        if !code.can_jump() {
            return None;
        }
        Some(match code.jump().and_then(|id| self.program.index_of(id)) {
            Some(target) => Place::Node(target),
            None => {
                let exit = self.new_exit(node, ExitKind::Jump);
                exits.push(exit);
                Place::Exit(exit)
            }
        })
    }

    /// The node to place behind `node`; ends the chain when there is none.
    fn go_on(&mut self, node: u32) -> Option<u32> {
        match self.next(node) {
            Some(next) if self.is_placed(next) => self.items.push(Item::Glue { node: next }),
            Some(next) => return Some(next),
            None if self.node(node).ends_path() => {}
            None => {
                let exit = self.new_exit(node, ExitKind::Next);
                self.place_exit(exit);
            }
        }
        None
    }

    fn new_exit(&mut self, node: u32, kind: ExitKind) -> u32 {
        self.exits.push(ExitPoint { insn: self.node(node).id(), kind });
        self.exit_item.push(UNPLACED);
        self.exits.len() as u32 - 1
    }

    fn place_exit(&mut self, exit: u32) {
        self.exit_item[exit as usize] = self.items.len() as u32;
        self.items.push(Item::Exit { exit });
    }
}
