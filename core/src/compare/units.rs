//! Texts that mean an amount: Kubernetes' quantities and Go's durations.

/// Powers of ten, and of two, by a quantity's suffix (Kubernetes 1.35 apimachinery `pkg/api/resource/suffix.go`).
const DECIMAL: [(&str, u32); 10] =
    [("n", 0), ("u", 3), ("m", 6), ("", 9), ("k", 12), ("M", 15), ("G", 18), ("T", 21), ("P", 24), ("E", 27)];
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
/// A quantity is exact to the billionth; what is finer is rounded up.
const NANO: i128 = 1_000_000_000;

/// Takes a quantity such as `1.5Gi`; gives it in billionths, or nothing if it is none or too big.
pub(super) fn quantity(text: &str) -> Option<i128> {
    let (sign, text) = signed(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let power = |table: &[(&str, u32)]| table.iter().find(|(known, _)| *known == suffix).map(|(_, power)| *power);
    let amount = match (power(&DECIMAL), power(&BINARY)) {
        (Some(power), _) => scaled(number, 10i128.checked_pow(power)?, 1)?,
        (_, Some(power)) => scaled(number, NANO.checked_mul(2i128.checked_pow(power)?)?, 1)?,
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10i128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 { scaled(number, NANO, power)? } else { scaled(number, NANO.checked_mul(power)?, 1)? }
        }
    };
    Some(sign * amount)
}

/// Takes a duration such as `1h30m` as Go's `time.ParseDuration` does; gives nanoseconds.
pub(super) fn duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = signed(text);
    if rest == "0" {
        return Some(0);
    }
    let mut sum: Option<i128> = None;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        let unit = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => NANO,
            "m" => 60 * NANO,
            "h" => 3600 * NANO,
            _ => return None,
        };
        sum = Some(sum.unwrap_or(0).checked_add(scaled(number, unit, 1)?)?);
        rest = behind;
    }
    sum.map(|sum| sign * sum)
}

fn signed(text: &str) -> (i128, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// A decimal number times `unit` divided by `part`, rounded up.
fn scaled(number: &str, unit: i128, part: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    // More digits than that don't fit, and aren't worth a bigger type.
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: i128 = digits.parse().ok()?;
    let part = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?.checked_mul(part)?;
    let product = digits.checked_mul(unit)?;
    Some(product / part + i128::from(product % part != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        let same = [
            ("1", "1000m"),
            ("0.5", "500m"),
            ("1Gi", "1073741824"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("2E", "2000P"),
            ("12e-1", "1200m"),
            ("-1", "-1000m"),
            ("+1", "1"),
            ("0", "0Mi"),
            (".5", "0.5"),
            ("1.", "1"),
            ("0.1n", "1n"),
        ];
        for (a, b) in same {
            assert!(quantity(a).is_some() && quantity(a) == quantity(b), "{a} {b}");
        }
        for (a, b) in [("1", "1m"), ("1Ki", "1k"), ("1M", "1Mi"), ("1", "-1")] {
            assert_ne!(quantity(a), quantity(b), "{a} {b}");
        }
        let huge = "9".repeat(40);
        for none in ["", "-", ".", "x", "1x", "1.2.3", "1 ", "1e", "1e999", "1Kii", "ä", "1ä", huge.as_str()] {
            assert_eq!(quantity(none), None, "{none}");
        }
    }

    #[test]
    fn durations() {
        for (a, b) in
            [("1h", "60m"), ("1h0m0s", "1h"), ("1.5s", "1500ms"), ("0", "0s"), ("-1m", "-60s"), ("1µs", "1us")]
        {
            assert!(duration(a).is_some() && duration(a) == duration(b), "{a} {b}");
        }
        for none in ["", "1", "h", "1x", "1h1", "ä", "1.1.1s"] {
            assert_eq!(duration(none), None, "{none}");
        }
    }
}
