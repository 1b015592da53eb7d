//! Reads steps and takes them.

use midstride_frame::Register;

use super::{
    LOCAL_CONSTANT, LOCAL_COPY, LOCAL_GPR, LOCAL_HOME, LOCAL_VECTOR, LOCAL_ZEROS, LOCALS_HOME, Locals,
    NEAR_POP, NOTE, OPERANDS_HOME, POP, POP_FAR, PUSH_ANY, PUSH_CONSTANT, PUSH_FLAGS, PUSH_HOME, PUSH_LOCAL,
    PUSH_LOCAL_FAR, PUSH_REGISTER, constant_from_number, operand_fits,
};
use crate::compact::error::{MapError, offset};
use crate::compact::site::{Condition, Operand, Place, SiteState, Slot};
use crate::value::ValType;
use crate::varint::{self, Cursor};

/// Reads one step and takes it.
pub(in crate::compact) fn apply(
    cursor: &mut Cursor<'_>,
    locals: &Locals<'_>,
    state: &mut SiteState,
) -> Result<(), MapError> {
    let mut step = Step { start: cursor.position(), cursor, locals, state };
    let byte = step.byte()?;
    match byte {
        0x00..0x50 => step.push_register(byte),
        PUSH_LOCAL..LOCAL_GPR => step.push_copy(u32::from(byte - PUSH_LOCAL)),
        LOCAL_GPR..POP => step.local_register(byte),
        POP..PUSH_HOME => step.pop(u32::from(byte - POP) + 1),
        PUSH_HOME..PUSH_CONSTANT => step.push_home(byte),
        PUSH_CONSTANT..LOCAL_HOME => step.push_constant(byte),
        _ => step.rare(byte),
    }
}

struct Step<'c, 'b, 'l, 's> {
    start: usize,
    cursor: &'c mut Cursor<'b>,
    locals: &'l Locals<'l>,
    state: &'s mut SiteState,
}

impl Step<'_, '_, '_, '_> {
    fn byte(&mut self) -> Result<u8, MapError> {
        self.cursor.byte().map_err(|broken| MapError::broken(broken, self.start))
    }

    fn number(&mut self) -> Result<u64, MapError> {
        self.cursor.u64().map_err(|broken| MapError::broken(broken, self.start))
    }

    fn u32(&mut self) -> Result<u32, MapError> {
        self.cursor.u32().map_err(|broken| MapError::broken(broken, self.start))
    }

    fn bad_slot(&self, slot: Slot) -> MapError {
        MapError::BadSlot { offset: offset(self.start), slot }
    }

    fn unknown(&self, byte: u8) -> MapError {
        MapError::UnknownByte { offset: offset(self.start), byte }
    }

    fn push(&mut self, ty: ValType, place: Place) -> Result<(), MapError> {
        self.state.operands.push(Operand { ty, place });
        Ok(())
    }

    fn push_register(&mut self, byte: u8) -> Result<(), MapError> {
        let (ty, first) = PUSH_REGISTER[usize::from(byte >> 4)];
        let number = byte - first;
        let integer = matches!(ty, ValType::I32 | ValType::I64);
        let register = if integer { Register::gpr(number) } else { Register::vector(number) };
        self.push(ty, Place::Register(register.ok_or_else(|| self.unknown(byte))?))
    }

    fn push_copy(&mut self, local: u32) -> Result<(), MapError> {
        let ty = self.local_type(local)?;
        self.push(ty, Place::Local(local))
    }

    fn push_home(&mut self, byte: u8) -> Result<(), MapError> {
        let ty = ValType::from_byte(byte - PUSH_HOME).ok_or_else(|| self.unknown(byte))?;
        self.push(ty, Place::Home)
    }

    fn push_constant(&mut self, byte: u8) -> Result<(), MapError> {
        let ty = ValType::from_byte(byte - PUSH_CONSTANT).ok_or_else(|| self.unknown(byte))?;
        let bits = constant_from_number(ty, self.number()?);
        self.push(ty, Place::Constant(bits))
    }

    fn local_type(&self, local: u32) -> Result<ValType, MapError> {
        self.locals.ty(local).ok_or_else(|| self.bad_slot(Slot::Local(local)))
    }

    fn set_local(&mut self, local: u32, place: Place) -> Result<(), MapError> {
        self.local_type(local)?;
        self.state.set_local(local, place);
        Ok(())
    }

    fn local_register(&mut self, byte: u8) -> Result<(), MapError> {
        let local = self.u32()?;
        let number = byte & 15;
        let register = if byte < LOCAL_VECTOR { Register::gpr(number) } else { Register::vector(number) };
        self.set_local(local, Place::Register(register.ok_or_else(|| self.unknown(byte))?))
    }

    fn pop(&mut self, count: u32) -> Result<(), MapError> {
        let operands = &mut self.state.operands;
        let Some(height) = operands.len().checked_sub(count as usize) else {
            let height = offset(operands.len());
            return Err(self.bad_slot(Slot::Operand(height)));
        };
        operands.truncate(height);
        Ok(())
    }

    fn rare(&mut self, byte: u8) -> Result<(), MapError> {
        match byte {
            LOCAL_HOME => self.local(|_| Ok(Place::Home)),
            LOCAL_CONSTANT => self.local(|step| {
                let bits = varint::unzigzag(step.number()?).cast_unsigned();
                Ok(Place::Constant(bits))
            }),
            LOCAL_COPY => self.local(Self::copied),
            PUSH_LOCAL_FAR => self.u32().and_then(|local| self.push_copy(local)),
            PUSH_ANY => self.push_any(),
            PUSH_FLAGS => self.push_flags(),
            POP_FAR => self.u32().and_then(|more| self.pop(more.saturating_add(NEAR_POP + 1))),
            LOCALS_HOME => self.locals_home(),
            OPERANDS_HOME => self.operands_home(),
            LOCAL_ZEROS => self.zeros(),
            NOTE => self.byte().map(|note| self.state.note = note),
            _ => Err(self.unknown(byte)),
        }
    }

    fn locals_home(&mut self) -> Result<(), MapError> {
        self.state.locals.clear();
        Ok(())
    }

    fn operands_home(&mut self) -> Result<(), MapError> {
        self.state.operands.iter_mut().for_each(|operand| operand.place = Place::Home);
        Ok(())
    }

    /// A local, and where it is.
    fn local(&mut self, place: fn(&mut Self) -> Result<Place, MapError>) -> Result<(), MapError> {
        let local = self.u32()?;
        let place = place(self)?;
        self.set_local(local, place)
    }

    fn copied(&mut self) -> Result<Place, MapError> {
        let other = self.u32()?;
        self.local_type(other)?;
        Ok(Place::Local(other))
    }

    fn push_any(&mut self) -> Result<(), MapError> {
        let [ty, register] = [self.byte()?, self.byte()?];
        let ty = ValType::from_byte(ty).ok_or_else(|| self.unknown(ty))?;
        let place = Register::from_byte(register).map(Place::Register);
        match place.filter(|place| operand_fits(ty, *place)) {
            Some(place) => self.push(ty, place),
            None => Err(self.unknown(register)),
        }
    }

    fn push_flags(&mut self) -> Result<(), MapError> {
        let code = self.byte()?;
        let condition = Condition::new(code).ok_or_else(|| self.unknown(code))?;
        self.push(ValType::I32, Place::Flags(condition))
    }

    fn zeros(&mut self) -> Result<(), MapError> {
        let first = self.u32()?;
        let count = self.u32()?;
        let end = first.checked_add(count).filter(|end| *end <= self.locals.count());
        let end = end.ok_or_else(|| self.bad_slot(Slot::Local(first)))?;
        for local in first..end {
            self.state.set_local(local, Place::Constant(0));
        }
        Ok(())
    }
}
