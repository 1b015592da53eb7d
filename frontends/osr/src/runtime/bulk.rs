//! Operators on much memory, carried out in pieces.
//!
//! Between two pieces somebody can have the code stop. What is left to do is the same operator with other
//! operands: these go to their homes, so that an image has them and the operator is made for the rest after
//! a thaw; an instance that goes on in place has the rest done before its code is entered. Bounds are checked
//! for the whole before the first piece, and no memory or table gets smaller: a rest cannot trap.

use super::walk;
use crate::instance::Instance;
use crate::trap::Trap;

/// Bytes that are written at once: so long somebody waits who wants the code to stop.
const BYTES: u64 = 256 << 10;
/// Elements that are written at once; their functions' owners are looked at too.
const ELEMENTS: u64 = 16 << 10;

/// What an operator is called with: its operands, then its constants.
pub(crate) type Args = [u64; 5];
/// Carries out an operator; its result, if it has one.
type Operator = fn(&Instance, Args) -> Result<u64, Trap>;

/// An operator that was left in the middle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    operator: Operator,
    args: Args,
}

impl Rest {
    /// Does it; it may be left again.
    pub(crate) fn finish(self, instance: &Instance) -> Result<u64, Trap> {
        (self.operator)(instance, self.args)
    }
}

/// Operands of an operator on ranges: the target's start, the source's or a value, the length.
type Ranges = [u64; 3];

/// Which piece comes first, and how the operands move on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    /// That at the start; the second operand is a value.
    Fill,
    /// That at the start of both ranges.
    Forwards,
    /// That at the end of both: the target may overlap a source below it.
    Backwards,
}

impl Order {
    fn of_copy([to, from, ..]: Args) -> Self {
        if to > from { Self::Backwards } else { Self::Forwards }
    }

    /// Cuts off the next piece, shorter than the whole: that, and what is left.
    fn cut(self, [to, from, len]: Ranges, piece: u64) -> (Ranges, Ranges) {
        let left = len - piece;
        match self {
            Self::Fill => ([to, from, piece], [to + piece, from, left]),
            Self::Forwards => ([to, from, piece], [to + piece, from + piece, left]),
            Self::Backwards => ([to + left, from + left, piece], [to, from, left]),
        }
    }
}

/// Has an operator that is in bounds done in pieces of at most `most`.
fn in_pieces(
    instance: &Instance,
    (operator, args): (Operator, Args),
    (order, most): (Order, u64),
    piece: impl Fn(Ranges) -> Result<(), Trap>,
) -> Result<u64, Trap> {
    let [to, from, len, constants @ ..] = args;
    let mut left = [to, from, len];
    while left[2] > most {
        let (now, rest) = order.cut(left, most);
        piece(now)?;
        left = rest;
        let ([to, from, len], [a, b]) = (left, constants);
        leave_if_asked(instance, &left, Rest { operator, args: [to, from, len, a, b] })?;
    }
    piece(left)?;
    Ok(0)
}

/// Leaves if somebody wants the code to stop, with these operands in the place of the topmost ones.
fn leave_if_asked(instance: &Instance, operands: &[u64], rest: Rest) -> Result<(), Trap> {
    instance.poll_if_asked().inspect_err(|_| {
        // SAFETY: the context is this thread's.
        let fp = unsafe { (*instance.context().header()).wasm_fp };
        // SAFETY: compiled code has called the runtime and waits for this operator: it has left with this
        // frame pointer, or its frames were built or kept and it is continued from there.
        unsafe { walk::set_operands(instance, fp, operands) };
        instance.leave(rest);
    })
}

pub(crate) fn memory_fill(instance: &Instance, args: Args) -> Result<u64, Trap> {
    let [to, value, bytes, ..] = args;
    let memory = instance.memory_at(0)?;
    memory.check(to, bytes)?;
    in_pieces(instance, (memory_fill, args), (Order::Fill, BYTES), |[to, _, bytes]| {
        memory.fill(to, value as u8, bytes as u32)
    })
}

pub(crate) fn memory_copy(instance: &Instance, args: Args) -> Result<u64, Trap> {
    let [to, from, bytes, ..] = args;
    let memory = instance.memory_at(0)?;
    memory.check(to, bytes)?;
    memory.check(from, bytes)?;
    in_pieces(instance, (memory_copy, args), (Order::of_copy(args), BYTES), |[to, from, bytes]| {
        memory.copy(to, from, bytes as u32)
    })
}

pub(crate) fn memory_init(instance: &Instance, args: Args) -> Result<u64, Trap> {
    let [to, from, bytes, segment, _] = args;
    instance.memory_at(0)?.check(to, bytes)?;
    instance.check_data(segment as u32, from, bytes)?;
    in_pieces(instance, (memory_init, args), (Order::Forwards, BYTES), |[to, from, bytes]| {
        instance.init_memory(segment as u32, to, from, bytes)
    })
}

pub(crate) fn table_fill(instance: &Instance, args: Args) -> Result<u64, Trap> {
    let [to, value, len, table, _] = args;
    let table = instance.table_at(table as u32)?;
    table.check(to, len)?;
    instance.keep_in(table, value);
    in_pieces(instance, (table_fill, args), (Order::Fill, ELEMENTS), |[to, value, len]| {
        table.fill_bits(to as u32, value, len as u32)
    })
}

pub(crate) fn table_copy(instance: &Instance, args: Args) -> Result<u64, Trap> {
    let [to, from, len, to_table, from_table] = args;
    let (target, source) = (instance.table_at(to_table as u32)?, instance.table_at(from_table as u32)?);
    target.check(to, len)?;
    source.check(from, len)?;
    in_pieces(instance, (table_copy, args), (Order::of_copy(args), ELEMENTS), |[to, from, len]| {
        let bits = source.read_bits(from as u32, len as u32)?;
        bits.iter().for_each(|&bits| instance.keep_in(target, bits));
        target.write_bits(to as u32, &bits)
    })
}

pub(crate) fn table_init(instance: &Instance, args: Args) -> Result<u64, Trap> {
    let [to, from, len, segment, table] = args;
    instance.table_at(table as u32)?.check(to, len)?;
    instance.check_elements(segment as u32, from, len)?;
    in_pieces(instance, (table_init, args), (Order::Forwards, ELEMENTS), |[to, from, len]| {
        instance.init_table(table as u32, segment as u32, to as u32, from, len)
    })
}

/// Elements are prepared behind the last one and are the table's all at once, so that nobody sees some of
/// them. Those that are prepared are lost by a thaw, but not when the instance goes on in place.
pub(crate) fn table_grow(instance: &Instance, args: Args) -> Result<u64, Trap> {
    let [value, by, table, ..] = args;
    let table = instance.table_at(table as u32)?;
    instance.keep_in(table, value);
    loop {
        match table.prepare(by as u32, value, ELEMENTS as usize) {
            None => return Ok(u32::MAX.into()),
            Some(0) => return Ok(table.add_prepared(by as u32).into()),
            Some(_) => leave_if_asked(instance, &[value, by], Rest { operator: table_grow, args })?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_keeps_its_value_and_goes_upwards() {
        assert_eq!(Order::Fill.cut([10, 7, 5], 2), ([10, 7, 2], [12, 7, 3]));
    }

    #[test]
    fn a_copy_upwards_takes_the_end_first_and_only_gets_shorter() {
        let args = [20, 10, 15, 0, 0];
        assert_eq!(Order::of_copy(args), Order::Backwards);
        assert_eq!(Order::Backwards.cut([20, 10, 15], 4), ([31, 21, 4], [20, 10, 11]));
    }

    #[test]
    fn a_copy_downwards_moves_both_starts() {
        assert_eq!(Order::of_copy([10, 20, 15, 0, 0]), Order::Forwards);
        assert_eq!(Order::of_copy([10, 10, 15, 0, 0]), Order::Forwards);
        assert_eq!(Order::Forwards.cut([10, 20, 15], 4), ([10, 20, 4], [14, 24, 11]));
    }
}
