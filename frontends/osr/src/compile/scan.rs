//! A quick look through a function's bytes before it is compiled: which locals are used how often,
//! which loops make calls, whether there are vectors.
//!
//! It validates nothing: what it cannot read ends it, and the compiler finds out why.

/// What was found.
#[derive(Default, Debug)]
pub(crate) struct Scan {
    /// Uses of each local; one inside a loop counts eight times, at most to the fourth loop.
    pub(crate) weights: Vec<u32>,
    /// For each loop, in the order of their starts: whether a call is inside.
    pub(crate) loops: Vec<LoopKind>,
    /// Whether an operator works on vectors.
    pub(crate) vectors: bool,
    /// Where the memory of `memory.size` or `memory.grow` is not the one byte it has to be.
    pub(crate) odd_memory: Option<usize>,
    /// Of each block that is open: the loop that was innermost before it.
    open: Vec<usize>,
    /// Where each loop begins.
    begun: Vec<usize>,
}

/// What a loop does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LoopKind {
    /// Its iterations keep registers.
    Leaf,
    /// The same, and they are so long that one more instruction makes no difference.
    Long,
    /// Its iterations may make calls, which lose all registers.
    Calls,
    /// The same, and there is a part of the iterations without a call or a block that is as long.
    LongCalls,
}

impl LoopKind {
    fn with_calls(self) -> Self {
        match self {
            Self::Leaf | Self::Calls => Self::Calls,
            Self::Long | Self::LongCalls => Self::LongCalls,
        }
    }

    fn long(self) -> Self {
        match self {
            Self::Leaf | Self::Long => Self::Long,
            Self::Calls | Self::LongCalls => Self::LongCalls,
        }
    }
}

/// From so many bytes on a loop is long: they make a hundred instructions and more.
const LONG_BODY: usize = 400;

/// What follows an opcode.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Shape {
    Bad,
    Plain,
    /// A number in LEB128.
    Leb,
    /// Two of them.
    Leb2,
    Bytes4,
    Bytes8,
    Block,
    Loop,
    End,
    Local,
    Call,
    Call2,
    /// A byte that is 0.
    Memory,
    /// As before, in a call.
    MemoryCall,
    Table,
    Types,
    /// A second opcode.
    Misc,
    Vector,
}

const fn shapes() -> [Shape; 256] {
    let mut shapes = [Shape::Bad; 256];
    let ranges: [(u8, u8, Shape); 21] = [
        (0x00, 0x01, Shape::Plain),
        (0x02, 0x02, Shape::Block),
        (0x03, 0x03, Shape::Loop),
        (0x04, 0x04, Shape::Block),
        (0x05, 0x05, Shape::Plain),
        (0x0b, 0x0b, Shape::End),
        (0x0c, 0x0d, Shape::Leb),
        (0x0e, 0x0e, Shape::Table),
        (0x0f, 0x0f, Shape::Plain),
        (0x10, 0x10, Shape::Call),
        (0x11, 0x11, Shape::Call2),
        (0x1a, 0x1b, Shape::Plain),
        (0x1c, 0x1c, Shape::Types),
        (0x20, 0x22, Shape::Local),
        (0x23, 0x26, Shape::Leb),
        (0x28, 0x3e, Shape::Leb2),
        (0x3f, 0x3f, Shape::Memory),
        (0x40, 0x40, Shape::MemoryCall),
        (0x41, 0x42, Shape::Leb),
        (0x45, 0xc4, Shape::Plain),
        (0xd0, 0xd2, Shape::Leb),
    ];
    let mut n = 0;
    while n < ranges.len() {
        let (first, last, shape) = ranges[n];
        let mut opcode = first as usize;
        while opcode <= last as usize {
            shapes[opcode] = shape;
            opcode += 1;
        }
        n += 1;
    }
    shapes[0x25] = Shape::Call;
    shapes[0x26] = Shape::Call;
    shapes[0x43] = Shape::Bytes4;
    shapes[0x44] = Shape::Bytes8;
    shapes[0xd1] = Shape::Plain;
    shapes[0xfc] = Shape::Misc;
    shapes[0xfd] = Shape::Vector;
    shapes
}

static SHAPES: [Shape; 256] = shapes();

/// The deepest loop that makes a difference.
const DEEPEST: u32 = 4;
const NO_LOOP: usize = usize::MAX;
/// From here on a byte of a number in LEB128 has another one behind it.
const LONG: u8 = 0x80;

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    found: Scan,
    /// The number of the innermost loop, or `NO_LOOP`.
    innermost: usize,
    depth: u32,
    /// What a use of a local weighs at this depth.
    weight: u32,
    /// Where the last block began or ended, or the last call was.
    last: usize,
}

/// Looks through the operators of a body (without its local declarations).
pub(crate) fn scan(bytes: &[u8], locals: usize, mut reused: Scan) -> Scan {
    reused.weights.clear();
    reused.weights.resize(locals, 0);
    reused.loops.clear();
    reused.open.clear();
    reused.begun.clear();
    (reused.vectors, reused.odd_memory) = (false, None);
    let mut scanner =
        Scanner { bytes, at: 0, found: reused, innermost: NO_LOOP, depth: 0, weight: 1, last: 0 };
    scanner.quick();
    while scanner.operator().is_some() {
        scanner.quick();
    }
    scanner.found
}

/// How many numbers in LEB128 follow an opcode, if nothing else does and nothing has to be known of it;
/// for a `Shape::Local` it is `LOCAL`, otherwise `NOT_QUICK`.
static NUMBERS: [u8; 256] = numbers();
const NOT_QUICK: u8 = 0xff;
const LOCAL: u8 = 0x81;

const fn numbers() -> [u8; 256] {
    let (shapes, mut numbers) = (shapes(), [NOT_QUICK; 256]);
    let mut opcode = 0;
    while opcode < shapes.len() {
        numbers[opcode] = match shapes[opcode] {
            Shape::Plain => 0,
            Shape::Leb => 1,
            Shape::Leb2 => 2,
            Shape::Local => LOCAL,
            _ => NOT_QUICK,
        };
        opcode += 1;
    }
    numbers
}

impl Scanner<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn leb(&mut self) -> Option<u32> {
        let first = self.byte()?;
        if first < LONG { Some(first.into()) } else { self.long_leb(first) }
    }

    fn long_leb(&mut self, first: u8) -> Option<u32> {
        let mut value = u32::from(first & 0x7f);
        for shift in (7..70).step_by(7) {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < LONG {
                return Some(value);
            }
        }
        None
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at += bytes;
        Some(())
    }

    /// Reads operators of the frequent kinds with short numbers. The few kinds are told apart by
    /// comparisons, which the processor guesses better than where a table of jumps leads.
    fn quick(&mut self) {
        let (bytes, weight, weights) = (self.bytes, self.weight, &mut *self.found.weights);
        let mut at = self.at;
        while let Some(&[opcode, first, second, third]) = bytes.get(at..).and_then(|rest| rest.first_chunk())
        {
            match NUMBERS[usize::from(opcode)] {
                LOCAL => match weights.get_mut(usize::from(first)) {
                    Some(of_local) if first < LONG => {
                        *of_local = of_local.saturating_add(weight);
                        at += 2;
                    }
                    _ => break,
                },
                0 => at += 1,
                1 if first < LONG => at += 2,
                1 if second < LONG => at += 3,
                2 if first | second < LONG => at += 3,
                2 if first < LONG && third < LONG => at += 4,
                _ => break,
            }
        }
        self.at = at;
    }

    fn operator(&mut self) -> Option<()> {
        let opcode = self.byte()?;
        match SHAPES[usize::from(opcode)] {
            Shape::Plain => Some(()),
            Shape::Local => self.local(),
            Shape::Leb => self.leb().map(drop),
            Shape::Leb2 => self.leb().and_then(|_| self.leb()).map(drop),
            Shape::Bytes4 => self.skip(4),
            Shape::Bytes8 => self.skip(8),
            Shape::Block => self.block(Shape::Block),
            Shape::Loop => self.block(Shape::Loop),
            Shape::End => self.end(),
            Shape::Call => self.call().and_then(|()| self.leb()).map(drop),
            Shape::Call2 => self.call().and_then(|()| self.leb()).and_then(|_| self.leb()).map(drop),
            Shape::Memory => self.memory(),
            Shape::MemoryCall => self.call().and_then(|()| self.memory()),
            Shape::Table => self.leb().and_then(|n| (0..=n).try_for_each(|_| self.leb().map(drop))),
            Shape::Types => self.leb().and_then(|n| (0..n).try_for_each(|_| self.leb().map(drop))),
            Shape::Misc => self.misc(),
            Shape::Vector => self.vector(),
            Shape::Bad => None,
        }
    }

    fn memory(&mut self) -> Option<()> {
        let at = self.at;
        if self.byte()? == 0 {
            return Some(());
        }
        self.found.odd_memory = Some(at);
        None
    }

    fn local(&mut self) -> Option<()> {
        let local = self.leb()?;
        let weight = self.found.weights.get_mut(local as usize)?;
        *weight = weight.saturating_add(self.weight);
        Some(())
    }

    fn enter(&mut self, depth: u32) {
        (self.depth, self.weight) = (depth, 1 << (3 * depth.min(DEEPEST)));
    }

    /// A block begins or ends here, and with it what may be a long straight part of the innermost loop itself.
    fn end_straight_part(&mut self) {
        if self.at - self.last > LONG_BODY && self.found.open.last() != Some(&self.innermost) {
            self.change_innermost(LoopKind::long);
        }
        self.last = self.at;
    }

    fn change_innermost(&mut self, change: impl FnOnce(LoopKind) -> LoopKind) {
        if let Some(kind) = self.found.loops.get_mut(self.innermost) {
            *kind = change(*kind);
        }
    }

    fn block(&mut self, shape: Shape) -> Option<()> {
        self.end_straight_part();
        self.found.open.push(self.innermost);
        if shape == Shape::Loop {
            self.innermost = self.found.loops.len();
            self.found.loops.push(LoopKind::Leaf);
            self.found.begun.push(self.at);
            self.enter(self.depth + 1);
        }
        self.leb().map(drop)
    }

    fn end(&mut self) -> Option<()> {
        self.end_straight_part();
        let outer = self.found.open.pop()?;
        let inner = std::mem::replace(&mut self.innermost, outer);
        if inner != outer {
            match self.found.loops[inner] {
                LoopKind::Calls | LoopKind::LongCalls => drop(self.call()),
                _ if self.at - self.found.begun[inner] > LONG_BODY => {
                    self.found.loops[inner] = LoopKind::Long
                }
                _ => {}
            }
            self.enter(self.depth - 1);
        }
        Some(())
    }

    /// Marks the innermost loop, which at its end marks the one around it. What is called looks whether it is
    /// to stop.
    fn call(&mut self) -> Option<()> {
        self.change_innermost(LoopKind::with_calls);
        self.last = self.at;
        Some(())
    }

    /// Saturating conversions (0 to 7); the rest are calls of the runtime with one or two numbers.
    fn misc(&mut self) -> Option<()> {
        let operands = match self.leb()? {
            0..=7 => return Some(()),
            9 | 11 | 13 | 15 | 16 | 17 => 1,
            8 | 10 | 12 | 14 => 2,
            _ => return None,
        };
        self.call()?;
        (0..operands).try_for_each(|_| self.leb().map(drop))
    }

    fn vector(&mut self) -> Option<()> {
        self.found.vectors = true;
        match self.leb()? {
            0..=11 | 92 | 93 => self.leb().and_then(|_| self.leb()).map(drop),
            12 | 13 => self.skip(16),
            21..=34 => self.skip(1),
            84..=91 => self.leb().and_then(|_| self.leb()).and_then(|_| self.skip(1)),
            _ => Some(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan_of(bytes: &[u8], locals: usize) -> Scan {
        scan(bytes, locals, Scan::default())
    }

    #[test]
    fn quick_and_thorough_reading_agree() {
        // local.get 1, i32.load offset=300, i64.const -1 in 9 bytes, local.set 130 (not there)
        let bytes = [
            0x20, 1, 0x28, 2, 0xac, 2, 0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x20, 0,
            0x21, 0x82, 1, 0x20, 0, 0x0b, 1, 1, 1, 1,
        ];
        let found = scan_of(&bytes, 3);
        assert_eq!(found.weights, [1, 1, 0]);
        let mut thorough = Scanner {
            bytes: &bytes,
            at: 0,
            found: Scan::default(),
            innermost: NO_LOOP,
            depth: 0,
            weight: 1,
            last: 0,
        };
        thorough.found.weights = vec![0; 3];
        while thorough.operator().is_some() {}
        assert_eq!(thorough.found.weights, found.weights);
    }

    #[test]
    fn uses_in_loops_weigh_more() {
        // local.get 0, loop, local.get 1, local.set 1, end, end
        let found = scan_of(&[0x20, 0, 0x03, 0x40, 0x20, 1, 0x21, 1, 0x0b, 0x0b], 2);
        assert_eq!(found.weights, [1, 16]);
        assert_eq!(found.loops, [LoopKind::Leaf]);
        assert!(!found.vectors);
    }

    #[test]
    fn a_call_marks_all_loops_around_it() {
        // loop, loop, end, loop, call 5, end, end, end
        let found = scan_of(&[3, 0x40, 3, 0x40, 0x0b, 3, 0x40, 0x10, 5, 0x0b, 0x0b, 0x0b], 0);
        assert_eq!(found.loops, [LoopKind::Calls, LoopKind::Leaf, LoopKind::Calls]);
    }

    #[test]
    fn a_loop_is_long_when_its_body_is() {
        let body = |nops: usize| [vec![3, 0x40], vec![1; nops], vec![0x0b, 0x0b]].concat();
        assert_eq!(scan_of(&body(LONG_BODY - 10), 0).loops, [LoopKind::Leaf]);
        assert_eq!(scan_of(&body(LONG_BODY + 10), 0).loops, [LoopKind::Long]);
    }

    #[test]
    fn a_loop_with_calls_is_long_when_it_has_a_long_part_of_its_own_without_any() {
        let nops = |nops: usize| vec![1; nops];
        let (rare, call) = (vec![4, 0x40, 0x10, 0, 0x0b], vec![0x10, 0]);
        let kind = |parts: &[Vec<u8>]| {
            scan_of(&[vec![3, 0x40], parts.concat(), vec![0x0b, 0x0b]].concat(), 0).loops[0]
        };
        let (long, short) = (nops(LONG_BODY + 1), nops(LONG_BODY / 2 + 1));
        assert_eq!(kind(&[long.clone(), rare.clone()]), LoopKind::LongCalls);
        assert_eq!(kind(&[rare.clone(), long.clone()]), LoopKind::LongCalls);
        assert_eq!(kind(&[rare.clone(), short.clone(), rare.clone(), short.clone()]), LoopKind::Calls);
        assert_eq!(kind(&[short.clone(), call, short]), LoopKind::Calls);
        // An arm that is long is one of many, and an inner loop has a start of its own.
        assert_eq!(kind(&[rare.clone(), vec![2, 0x40], long.clone(), vec![0x0b]]), LoopKind::Calls);
        assert_eq!(kind(&[rare, vec![3, 0x40], long, vec![0x0b]]), LoopKind::Calls);
    }

    #[test]
    fn the_byte_behind_memory_operators_must_be_0() {
        // memory.size 0, i32.const 1, memory.grow 0 (in two bytes), end
        let found = scan_of(&[0x3f, 0, 0x41, 1, 0x40, 0x80, 0, 0x0b], 0);
        assert_eq!(found.odd_memory, Some(5));
        assert_eq!(scan_of(&[0x3f, 0, 0x40, 0, 0x0b], 0).odd_memory, None);
    }

    #[test]
    fn damaged_bytes_end_the_scan() {
        for bytes in [&[0x20][..], &[0xff], &[0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f], &[0x0b, 0x0b], &[0x80; 40]]
        {
            assert_eq!(scan_of(bytes, 1).weights, [0]);
        }
    }
}
