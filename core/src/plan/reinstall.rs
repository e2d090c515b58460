//! Taking a release's objects away and making them anew, where neither the way on nor the way back is clear. Its records stay.

use super::work::Work;
use super::{Refusal, Way, finish, readable, uninstall};
use crate::diagnose::{Case, Operation};
use crate::observe::OperationKind;

/// Everything goes that `uninstall` would delete, and then all is made that the newest revision wants, which is what `resume` and `converge`
/// go to, with the hooks of an install, as nothing of what hooks made before is left.
pub(super) fn reinstall(case: &Case<'_>, operation: &Operation<'_>) -> Result<Work, Refusal> {
    let no = |why: String| Err(Refusal::NotApplicable(why));
    match case.kind {
        OperationKind::Install | OperationKind::Upgrade | OperationKind::Rollback => {}
        OperationKind::Uninstall => {
            return no("an uninstall is under way, which is finished and not turned round".to_owned());
        }
        OperationKind::None => return no("nothing failed and nothing is under way".to_owned()),
    }
    let newest = readable(case)?;
    let clear = uninstall::uninstall(case)?.remove;
    let namespace = &case.seen.id.namespace;
    if clear.iter().any(|removed| removed.words == format!("namespace/{namespace}")) {
        return no(format!("namespace/{namespace} is one of its objects, and its records would go with it"));
    }
    Ok(Work {
        clear,
        before: finish::fresh_hooks(case, newest, "pre-install")?,
        remove: Vec::new(),
        after: finish::fresh_hooks(case, newest, "post-install")?,
        ..finish::finish(case, operation, Way::Reinstall)?
    })
}
