//! Quantities: `500m`, `0.5` and `5e-1` are the same.

/// Takes two quantities as written; says whether they are the same amount
/// (apimachinery 0.37 `api/resource/quantity.go:ParseQuantity,Cmp`). What is no quantity equals only itself.
pub(super) fn same_amount(one: &str, other: &str) -> bool {
    one == other || matches!((amount(one), amount(other)), (Some(one), Some(other)) if one == other)
}

/// An amount as digits × 2ᵃ × 5ᵇ with neither factor left in the digits, so that equal amounts are equal here.
fn amount(written: &str) -> Option<(bool, u128, i32, i32)> {
    let unsigned = written.strip_prefix(['+', '-']).unwrap_or(written);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let (twos, tens) = scale(suffix)?;
    let tens = tens.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    if digits == 0 {
        return Some((false, 0, 0, 0));
    }
    let (digits, more_twos) = without(digits, 2);
    let (digits, more_fives) = without(digits, 5);
    let twos = twos.checked_add(tens)?.checked_add(more_twos)?;
    Some((written.starts_with('-'), digits, twos, tens.checked_add(more_fives)?))
}

/// What a suffix multiplies by, as powers of two and ten.
fn scale(suffix: &str) -> Option<(i32, i32)> {
    Some(match suffix {
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "" => (0, 0),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        _ => (0, suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// Takes a number that isn't 0; gives it without a factor, and how often that was in it.
fn without(mut number: u128, factor: u128) -> (u128, i32) {
    let mut times = 0;
    while number.is_multiple_of(factor) {
        number /= factor;
        times += 1;
    }
    (number, times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_compared_and_not_texts() {
        let same =
            [("500m", "0.5"), ("1Gi", "1073741824"), ("1000k", "1M"), ("5e-1", "500m"), ("0", "0m"), ("1024Mi", "1Gi")];
        for (one, other) in same {
            assert!(same_amount(one, other) && same_amount(other, one), "{one} {other}");
        }
        for (one, other) in [("1G", "1Gi"), ("-1", "1"), ("1", "1x"), ("", "0"), ("x", "y"), ("1e99999999999", "1")] {
            assert!(!same_amount(one, other) && !same_amount(other, one), "{one} {other}");
        }
        assert!(same_amount("1x", "1x"));
    }
}
