//! Chance that is the same in every run.

use serde_json::{Value, json};

/// A generator of numbers (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True in so many of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of some.
    pub fn pick<T: Clone>(&mut self, some: &[T]) -> T {
        let index = usize::try_from(self.below(some.len() as u64)).unwrap();
        some[index].clone()
    }

    /// A count near another, or nothing: mostly the same, so that rules further down are come to.
    pub fn near(&mut self, count: u64) -> Value {
        match self.below(20) {
            0 => Value::Null,
            1 => json!(0),
            2 | 3 => json!(count.saturating_sub(1)),
            4 => json!(count + 1),
            _ => json!(count),
        }
    }
}

/// An object of the members that aren't null.
pub fn object(members: &[(&str, Value)]) -> Value {
    let there = members.iter().filter(|(_, value)| !value.is_null());
    Value::Object(there.map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}
