//! The order in which Go's `sort.Sort` leaves equal items.
//!
//! Kubernetes sorts lists by their merge key with a comparison that calls equal keys smaller, by an algorithm that isn't
//! stable. A key that is there twice (a port for TCP and for UDP, say) is legal, and which of the two is compared with which
//! follows from the steps taken. So these are the steps of Go 1.26 `sort/zsortinterface.go:pdqsort`.

use super::value::not_greater;

/// Takes the keys; gives the places of the items in sorted order.
pub(super) fn sorted_places(keys: &[String]) -> Vec<usize> {
    let mut sort = Sort { keys, places: (0..keys.len()).collect() };
    let length = keys.len();
    if length > 1 {
        sort.pattern_defeating(0, length, bit_length(length));
    }
    sort.places
}

/// How many bits the number takes.
fn bit_length(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}

struct Sort<'a> {
    keys: &'a [String],
    places: Vec<usize>,
}

/// What the choice of the pivot tells of the order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    Unknown,
    Increasing,
    Decreasing,
}

impl Sort<'_> {
    fn less(&self, left: usize, right: usize) -> bool {
        let key = |at: usize| self.places.get(at).and_then(|place| self.keys.get(*place));
        match (key(left), key(right)) {
            (Some(left), Some(right)) => not_greater(left, right),
            _ => false,
        }
    }

    fn swap(&mut self, left: usize, right: usize) {
        if left.max(right) < self.places.len() {
            self.places.swap(left, right);
        }
    }

    fn insertion(&mut self, start: usize, end: usize) {
        for next in start + 1..end {
            self.sink(next, start);
        }
    }

    /// Moves an item down while it is less than the one before it, no further than `floor`.
    fn sink(&mut self, from: usize, floor: usize) {
        let mut at = from;
        while at > floor && self.less(at, at - 1) {
            self.swap(at, at - 1);
            at -= 1;
        }
    }

    fn heap(&mut self, start: usize, end: usize) {
        let length = end - start;
        for root in (0..=(length - 1) / 2).rev() {
            self.sift_down(root, length, start);
        }
        for last in (0..length).rev() {
            self.swap(start, start + last);
            self.sift_down(0, last, start);
        }
    }

    fn sift_down(&mut self, mut root: usize, length: usize, start: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= length {
                return;
            }
            if child + 1 < length && self.less(start + child, start + child + 1) {
                child += 1;
            }
            if !self.less(start + root, start + child) {
                return;
            }
            self.swap(start + root, start + child);
            root = child;
        }
    }

    /// The recursion takes the smaller part, so it is no deeper than the length has bits.
    fn pattern_defeating(&mut self, mut start: usize, mut end: usize, mut bad_left: u32) {
        let (mut balanced, mut partitioned) = (true, true);
        loop {
            let length = end - start;
            if length <= 12 {
                return self.insertion(start, end);
            }
            if bad_left == 0 {
                return self.heap(start, end);
            }
            if !balanced {
                self.break_patterns(start, end);
                bad_left -= 1;
            }
            let (mut pivot, mut hint) = self.choose_pivot(start, end);
            if hint == Hint::Decreasing {
                if let Some(range) = self.places.get_mut(start..end) {
                    range.reverse();
                }
                pivot = (end - 1) - (pivot - start);
                hint = Hint::Increasing;
            }
            if balanced && partitioned && hint == Hint::Increasing && self.nearly_sorted(start, end) {
                return;
            }
            if start > 0 && !self.less(start - 1, pivot) {
                start = self.partition_equal(start, end, pivot);
                continue;
            }
            let (middle, already) = self.partition(start, end, pivot);
            partitioned = already;
            let (left, right) = (middle - start, end - middle);
            balanced = left.min(right) >= length / 8;
            if left < right {
                self.pattern_defeating(start, middle, bad_left);
                start = middle + 1;
            } else {
                self.pattern_defeating(middle + 1, end, bad_left);
                end = middle;
            }
        }
    }

    /// Gives where the pivot went, and whether nothing had to move.
    fn partition(&mut self, start: usize, end: usize, pivot: usize) -> (usize, bool) {
        self.swap(start, pivot);
        // `high` is one past what Go's index names, as that can fall below zero.
        let (mut low, mut high) = (start + 1, end);
        let mut untouched = true;
        loop {
            while low < high && self.less(low, start) {
                low += 1;
            }
            while low < high && !self.less(high - 1, start) {
                high -= 1;
            }
            if low >= high {
                self.swap(high - 1, start);
                return (high - 1, untouched);
            }
            untouched = false;
            self.swap(low, high - 1);
            low += 1;
            high -= 1;
        }
    }

    /// Gives the first that is greater than the pivot.
    fn partition_equal(&mut self, start: usize, end: usize, pivot: usize) -> usize {
        self.swap(start, pivot);
        let (mut low, mut high) = (start + 1, end);
        loop {
            while low < high && !self.less(start, low) {
                low += 1;
            }
            while low < high && self.less(start, high - 1) {
                high -= 1;
            }
            if low >= high {
                return low;
            }
            self.swap(low, high - 1);
            low += 1;
            high -= 1;
        }
    }

    /// Sorts what has few items out of order; gives whether it is sorted then.
    fn nearly_sorted(&mut self, start: usize, end: usize) -> bool {
        let mut at = start + 1;
        for _ in 0..5 {
            while at < end && !self.less(at, at - 1) {
                at += 1;
            }
            if at == end {
                return true;
            }
            if end - start < 50 {
                return false;
            }
            self.swap(at, at - 1);
            if at - start >= 2 {
                self.sink(at - 1, 0);
            }
            if end - at >= 2 {
                let mut next = at + 1;
                while next < end && self.less(next, next - 1) {
                    self.swap(next, next - 1);
                    next += 1;
                }
            }
        }
        false
    }

    fn break_patterns(&mut self, start: usize, end: usize) {
        let length = end - start;
        let mut random = length as u64;
        let mask = (1_u64 << bit_length(length)) - 1;
        let middle = start + (length / 4) * 2;
        for at in middle - 1..=middle + 1 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let other = (random & mask) as usize;
            let other = if other >= length { other - length } else { other };
            self.swap(at, start + other);
        }
    }

    fn choose_pivot(&self, start: usize, end: usize) -> (usize, Hint) {
        let length = end - start;
        let quarter = |number| start + length / 4 * number;
        let (mut first, mut second, mut third) = (quarter(1), quarter(2), quarter(3));
        let mut swaps = 0;
        if length >= 50 {
            for place in [&mut first, &mut second, &mut third] {
                *place = self.median(*place - 1, *place, *place + 1, &mut swaps);
            }
        }
        let pivot = self.median(first, second, third, &mut swaps);
        match swaps {
            0 => (pivot, Hint::Increasing),
            12 => (pivot, Hint::Decreasing),
            _ => (pivot, Hint::Unknown),
        }
    }

    fn median(&self, first: usize, second: usize, third: usize, swaps: &mut u32) -> usize {
        let mut ordered = |left, right| {
            if self.less(right, left) {
                *swaps += 1;
                (right, left)
            } else {
                (left, right)
            }
        };
        let (low, high) = ordered(first, second);
        let (middle, _) = ordered(high, third);
        ordered(low, middle).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_of_a_short_list_come_out_reversed() {
        let keys: Vec<_> = ["b", "a", "b", "a"].map(str::to_owned).into();
        assert_eq!(sorted_places(&keys), [3, 1, 2, 0]);
    }

    #[test]
    fn long_lists_are_sorted_and_nothing_is_lost() {
        for length in [0, 1, 2, 12, 13, 49, 50, 51, 300, 2000] {
            for distinct in [1, 2, 7, 5000] {
                let keys: Vec<_> = (0..length).map(|at| format!("{:05}", at * 7919 % distinct)).collect();
                let places = sorted_places(&keys);
                assert!(places.iter().map(|at| &keys[*at]).is_sorted(), "{length} {distinct}");
                let mut all = places;
                all.sort_unstable();
                assert_eq!(all, (0..length).collect::<Vec<_>>());
            }
        }
    }
}
