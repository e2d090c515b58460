//! Times as Helm shows them, and ages as kubectl does.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// Takes a time as stored in a record; gives it as Go's `time.Time.String` prints it, which is what `helm list` shows
/// (`2026-08-01 10:00:00.123456789 +0200 CEST`).
///
/// Go names the zone only when the stored offset is what the local zone has at that time; otherwise it prints the offset
/// twice. Text that is no time is given back as it is.
pub fn go_string(stored: &str, local: &TimeZone) -> String {
    let Some((at, offset)) = parse(stored) else { return stored.to_owned() };
    let zone = if stored.ends_with('Z') { Some("UTC".to_owned()) } else { zone_name(&at, offset, local) };
    let fraction = fraction(&at);
    let text = strtime::format("%Y-%m-%d %H:%M:%S", &at).unwrap_or_default();
    let offset = strtime::format("%z", &at).unwrap_or_default();
    format!("{text}{fraction} {offset} {}", zone.unwrap_or_else(|| offset.clone()))
}

/// Takes a time as stored; gives it as Go's `time.ANSIC` prints it, in its own offset: `helm history` and `helm status`
/// (`Mon Jan  2 15:04:05 2006`).
pub fn ansic(stored: &str) -> String {
    parse(stored)
        .and_then(|(at, _)| strtime::format("%a %b %e %H:%M:%S %Y", &at).ok())
        .unwrap_or_else(|| stored.to_owned())
}

/// Takes how long something is still away; gives it in the form of [`age`], rounded up, so that whoever waits that long has waited long enough.
pub fn left(duration: SignedDuration) -> String {
    let seconds = duration.as_secs() + i64::from(duration.subsec_nanos() > 0);
    // The smallest unit that is shown.
    let unit = match seconds {
        ..600 => 1,
        600..28800 => 60,
        28800..691_200 => 3600,
        _ => 86400,
    };
    age(SignedDuration::from_secs((seconds + unit - 1).div_euclid(unit) * unit))
}

/// Takes how long ago something was; gives it as kubectl does: `45s`, `12m`, `3h5m`, `2d4h`, `400d`
/// (Kubernetes 1.35 `apimachinery/pkg/util/duration/duration.go:HumanDuration`).
pub fn age(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let two = |large: i64, l: &str, small: i64, s: &str| {
        if small == 0 { format!("{large}{l}") } else { format!("{large}{l}{small}{s}") }
    };
    match seconds {
        ..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10800 => format!("{minutes}m"),
        10800..28800 => two(hours, "h", minutes % 60, "m"),
        28800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// The time and its offset in seconds, as written.
fn parse(stored: &str) -> Option<(Zoned, i32)> {
    let timestamp: Timestamp = stored.parse().ok()?;
    let offset = jiff::fmt::temporal::Pieces::parse(stored).ok()?.to_numeric_offset()?;
    Some((timestamp.to_zoned(TimeZone::fixed(offset)), offset.seconds()))
}

fn zone_name(at: &Zoned, offset: i32, local: &TimeZone) -> Option<String> {
    let there = local.to_offset_info(at.timestamp());
    // A zone without letters, such as +03, is printed by its offset.
    let named = there.abbreviation().starts_with(|c: char| c.is_ascii_alphabetic());
    (there.offset().seconds() == offset && named).then(|| there.abbreviation().to_owned())
}

/// Nanoseconds with a point before and no zeros behind; nothing if there are none.
fn fraction(at: &Zoned) -> String {
    match at.subsec_nanosecond() {
        0 => String::new(),
        nanos => format!(".{nanos:09}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_go_does() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::fixed(jiff::tz::offset(2)));
        let table = [
            ("2020-06-18T14:17:46.125134977Z", "2020-06-18 14:17:46.125134977 +0000 UTC"),
            ("2026-08-01T10:00:00Z", "2026-08-01 10:00:00 +0000 UTC"),
            ("2026-08-01T10:00:00.1200+05:30", "2026-08-01 10:00:00.12 +0530 +0530"),
            ("2026-08-01T10:00:00-07:00", "2026-08-01 10:00:00 -0700 -0700"),
            ("", ""),
            ("soon", "soon"),
        ];
        for (stored, shown) in table {
            assert_eq!(go_string(stored, &TimeZone::UTC), shown);
            assert_eq!(go_string(stored, &berlin), shown);
        }
    }

    #[test]
    fn the_zone_is_named_where_the_offset_is_local() {
        let Ok(berlin) = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3") else { unreachable!() };
        assert_eq!(go_string("2026-08-01T10:00:00+02:00", &berlin), "2026-08-01 10:00:00 +0200 CEST");
        assert_eq!(go_string("2026-12-01T10:00:00+01:00", &berlin), "2026-12-01 10:00:00 +0100 CET");
        assert_eq!(go_string("2026-12-01T10:00:00+02:00", &berlin), "2026-12-01 10:00:00 +0200 +0200");
    }

    #[test]
    fn ansic_pads_the_day_with_a_blank() {
        assert_eq!(ansic("2026-08-01T10:00:00.5+02:00"), "Sat Aug  1 10:00:00 2026");
        assert_eq!(ansic("2026-11-21T09:05:01Z"), "Sat Nov 21 09:05:01 2026");
    }

    #[test]
    fn what_is_left_is_rounded_up() {
        let minutes = |minutes: i64| minutes * 60_000;
        let table = [
            (0, "0s"),
            (1, "1s"),
            (1000, "1s"),
            (94_001, "95s"),
            (599_001, "10m"),
            (minutes(10) + 1, "11m"),
            (minutes(181) + 1, "3h2m"),
            (minutes(480) + 1, "9h"),
            (minutes(12_000), "9d"),
            (-1, "0s"),
            (-5000, "0s"),
        ];
        assert_eq!(table.map(|(millis, _)| left(SignedDuration::from_millis(millis))), table.map(|(_, said)| said));
    }

    #[test]
    fn ages_are_kubectls() {
        let table = [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (10799, "179m"),
            (10800, "3h"),
            (11100, "3h5m"),
            (28800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_072_000 + 86400, "2y1d"),
            (252_288_000, "8y"),
        ];
        for (seconds, shown) in table {
            assert_eq!(age(SignedDuration::from_secs(seconds)), shown);
        }
    }
}
