//! What flags say: a voice among the others, which overrules none.

use super::{Policy, Protected, Ruled, said};

/// Takes `--stale-after` and every `--protect`; gives what they say.
pub fn flagged(stale_after: Option<&str>, protect: &[String]) -> Result<Policy, String> {
    let silence = stale_after.map(said::stale_after).transpose()?;
    let mut policy = Policy {
        stale_after: silence.map(|value| Ruled { value, by: "--stale-after".to_owned() }),
        ..Policy::default()
    };
    for text in protect {
        let found = Protected::line(text)?;
        policy.protected.extend(found.into_iter().map(|value| Ruled { value, by: "--protect".to_owned() }));
    }
    Ok(policy)
}
