//! Objects other than records.

use async_trait::async_trait;
use http::header::ACCEPT;
use k8s_openapi::api::core::v1::Namespace;
use kube::Resource;
use kube::api::ListParams;
use kube::core::Request;
use refloat_core::observe::{Answer, Read, trimmed};
use refloat_core::record::Guard;
use serde_json::{Value, json};

use super::{ClusterError, Http, ReadObjects, WriteObjects};

/// Aggregated discovery, of Kubernetes 1.30 and of 1.27 (apiserver `pkg/endpoints/discovery/aggregated`).
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const JSON: &str = "application/json";

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

#[async_trait]
impl ReadObjects for Http {
    async fn answer(&self, read: &Read) -> Result<Answer, ClusterError> {
        let what = format!("reading {}", read.words());
        let fetched = match read {
            Read::Log { .. } => self.text(request(&read.to_string(), JSON, &what)?, &what).await,
            Read::Rules { namespace } => self.rules(namespace, &what).await,
            _ => {
                let path = read.to_string();
                let path = path.trim_end_matches("#metadata");
                self.object(request(path, accept(read), &what)?, &what).await
            }
        };
        match fetched {
            Ok(Some(value)) => Ok(Answer::Found(trimmed(value))),
            // A list whose kind isn't served is empty for all that anyone knows; an object isn't there.
            Ok(None) => Ok(Answer::Absent),
            Err(ClusterError::Forbidden(why)) => Ok(Answer::Forbidden(why)),
            Err(error @ (ClusterError::Rejected { .. } | ClusterError::Timeout { .. } | ClusterError::Decode(_))) => {
                Ok(Answer::Failed(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }
}

/// The field manager under which Helm writes objects (Helm 4.3 `pkg/kube/client.go:getManagedFieldsManager`). What is written
/// in its place has to be its own afterwards, or its next server-side apply would meet a conflict.
const HELM: &str = "helm";

#[async_trait]
impl WriteObjects for Http {
    fn reading(&self) -> &dyn ReadObjects {
        self
    }

    async fn create(&self, read: &Read, object: &Value) -> Result<Value, ClusterError> {
        let (collection, _) = parts(read)?;
        self.send_object("POST", &format!("{collection}?fieldManager={HELM}"), JSON, object, read).await
    }

    async fn replace_object(&self, read: &Read, object: &Value) -> Result<Value, ClusterError> {
        let (_, path) = parts(read)?;
        self.send_object("PUT", &format!("{path}?fieldManager={HELM}"), JSON, object, read).await
    }

    async fn apply(&self, read: &Read, object: &Value) -> Result<Value, ClusterError> {
        let (_, path) = parts(read)?;
        let path = format!("{path}?fieldManager={HELM}&force=false&fieldValidation=Strict");
        self.send_object("PATCH", &path, "application/apply-patch+yaml", object, read).await
    }

    async fn delete_object(&self, read: &Read, guard: &Guard) -> Result<(), ClusterError> {
        let (_, path) = parts(read)?;
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": {"uid": guard.uid, "resourceVersion": guard.version}
        });
        self.send_object("DELETE", &path, JSON, &options, read).await.map(drop)
    }
}

/// The path of an object's collection and its own.
fn parts(read: &Read) -> Result<(String, String), ClusterError> {
    let path = read.to_string();
    let collection = path.rsplit_once('/').map(|(collection, _)| collection.to_owned());
    match (read, collection) {
        (Read::Object { .. }, Some(collection)) => Ok((collection, path)),
        _ => Err(ClusterError::Decode(read.words())),
    }
}

impl Http {
    async fn send_object(
        &self,
        method: &str,
        path: &str,
        content: &str,
        body: &Value,
        read: &Read,
    ) -> Result<Value, ClusterError> {
        let what = read.words();
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, content)
            .header(ACCEPT, JSON)
            .body(body.to_string().into_bytes())
            .map_err(|_| ClusterError::Decode(what.clone()))?;
        self.write(request, &what).await
    }

    /// The server's version, such as `v1.35.0`; nothing if it doesn't say.
    pub async fn version(&self) -> Option<String> {
        let what = "asking for the server's version";
        let answer = self.object(request("/version", JSON, what).ok()?, what).await.ok()??;
        Some(answer.get("gitVersion")?.as_str()?.to_owned())
    }

    /// A text, such as a log.
    async fn text(&self, request: http::Request<Vec<u8>>, what: &str) -> Result<Option<Value>, ClusterError> {
        let response = match self.send(request, what).await {
            Err(ClusterError::Missing(_)) => return Ok(None),
            other => other?,
        };
        let bytes = self.bytes(response).await?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned().into()))
    }

    /// What the caller may do in a namespace. It is asked by a POST, which creates nothing.
    async fn rules(&self, namespace: &str, what: &str) -> Result<Option<Value>, ClusterError> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}
        });
        let request = http::Request::post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews")
            .header(http::header::CONTENT_TYPE, JSON)
            .body(review.to_string().into_bytes())
            .map_err(|_| ClusterError::Decode(what.to_owned()))?;
        self.object(request, what).await
    }
}

fn accept(read: &Read) -> &'static str {
    match read {
        Read::CoreKinds | Read::GroupKinds => DISCOVERY,
        Read::List { metadata_only: true, .. } => METADATA,
        _ => JSON,
    }
}

fn request(path: &str, accept: &'static str, what: &str) -> Result<http::Request<Vec<u8>>, ClusterError> {
    let request = http::Request::get(path).header(ACCEPT, accept).body(Vec::new());
    request.map_err(|_| ClusterError::Decode(what.to_owned()))
}
