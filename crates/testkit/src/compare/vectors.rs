//! Vector and x87 states to start with.

use midstride_control::{F80, Registers, Valid, Vector, XsaveFormat};

use crate::Random;

/// How many there are.
const STATES: usize = 24;
/// MXCSR: exceptions masked with rounding, flushing and flags of any kind; now and then one is unmasked.
const MASKED: u64 = 0x1f80;

/// States in which everything is live.
pub(crate) fn states(random: &mut Random, format: &XsaveFormat, valid: Valid) -> Vec<Vec<u8>> {
    (0..STATES).map(|number| state(random, number, format, valid)).collect()
}

fn state(random: &mut Random, number: usize, format: &XsaveFormat, valid: Valid) -> Vec<u8> {
    let mut registers = Registers::new(valid);
    registers.vector.iter_mut().for_each(|vector| *vector = self::vector(random));
    let masks = [0, u64::MAX, random.next_u64(), 1, random.below(256), 0xffff, random.next_u64(), 0x8000];
    registers.mask = masks;
    registers.x87.st = std::array::from_fn(|_| float(random));
    registers.x87.in_use = [0xff, 0, 0x3c, random.next_u64() as u8][random.below(4) as usize];
    registers.x87.status = (random.below(8) << 11) as u16;
    registers.mxcsr = (MASKED | random.below(64) | random.below(4) << 13 | random.below(2) << 6) as u32;
    if number % 6 == 5 {
        registers.mxcsr &= !(0x80 << random.below(6)) & !0x3f;
        registers.x87.control &= !(1 << random.below(6));
    }
    let mut area = vec![0; format.bytes()];
    format.write(&registers, &mut area);
    area
}

fn vector(random: &mut Random) -> Vector {
    let mut vector = Vector::default();
    let kind = random.below(5);
    for lane in 0..8 {
        let double = (random.below(1 << 20) as f64 - 5e5) / 64.0;
        let word = match kind {
            0 => random.next_u64(),
            1 => double.to_bits(),
            2 => u64::from((double as f32).to_bits()) << 32 | u64::from((2.5 * double as f32).to_bits()),
            3 => random.below(64) << 32 | random.below(64),
            _ => [0, u64::MAX, 0x7ff0_0000_0000_0000, 0x7fc0_0000_7f80_0000][random.below(4) as usize],
        };
        vector.set_lane(lane, word);
    }
    vector
}

fn float(random: &mut Random) -> F80 {
    match random.below(4) {
        0 => F80 { significand: random.next_u64(), sign_exponent: random.next_u64() as u16 },
        1 => F80 { significand: random.next_u64(), sign_exponent: 0xffff },
        _ => F80::from(random.below(1000) as f64 / 8.0 - 60.0),
    }
}
