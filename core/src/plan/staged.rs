//! What the tests of plans share: the situation of a stage under a policy.

use super::Situation;
use crate::diagnose::api_tests::Stage;
use crate::diagnose::{Case, Scene, causes, liveness, operation};
use crate::policy::{Policy, parse_policy, ruling};

/// Does something with the situation of a stage under a policy.
pub(super) fn with<T>(stage: &Stage, policy: &str, act: impl FnOnce(&Situation<'_>) -> T) -> T {
    let policy: Policy = parse_policy(policy, "p.yaml").unwrap();
    let seen = stage.seen();
    let case = Case::new(&seen);
    let operation = operation(&case);
    let liveness = liveness(&case, &operation);
    let causes = causes(&Scene { case: &case, operation: &operation, liveness: &liveness });
    let (ruling, liveness) = ruling(&policy, &case, liveness);
    act(&Situation {
        case: &case,
        operation: &operation,
        liveness: &liveness,
        causes: &causes,
        summary: "",
        ruling: &ruling,
    })
}
