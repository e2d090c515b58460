//! Objects other than records: so far, which namespaces there are.

use k8s_openapi::api::core::v1::Namespace;
use kube::Resource;
use kube::api::ListParams;
use kube::core::Request;
use serde_json::Value;

use super::{ClusterError, Http};

/// The names of all namespaces, sorted.
pub async fn namespaces(http: &Http) -> Result<Vec<String>, ClusterError> {
    let what = "listing namespaces";
    let request = Request::new(Namespace::url_path(&(), None));
    let request = request.list_metadata(&ListParams::default()).map_err(|_| ClusterError::Decode(what.into()))?;
    let list = http.object(request, what).await?.ok_or_else(|| ClusterError::Missing("namespaces".into()))?;
    let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<_> =
        items.filter_map(|item| Some(item.pointer("/metadata/name")?.as_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}
