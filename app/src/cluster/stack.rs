//! The HTTP stack below the Kubernetes client: its own authentication, TLS settings and headers, over connections tuned for
//! many small reads.
//!
//! Over HTTP/2 one connection carries all reads, and a read of which only the head is wanted is cut short: the server has
//! then sent no more than one window of it. Small packets go out at once; without that every request pays for the kernel's
//! delayed acknowledgement, 40 ms.

use http_body_util::BodyExt;
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use kube::{Client, Config, Error};
use tower::{BoxError, ServiceBuilder, ServiceExt};

/// How much of an answer the server may send ahead. A head takes a few kilobytes; a larger window speeds up whole payloads
/// over slow lines.
const WINDOW: u32 = 64 << 10;
/// The same over all answers together.
const CONNECTION_WINDOW: u32 = 8 << 20;

/// Takes a configuration; gives a client. Behind a proxy it is the library's own stack.
pub(super) fn client(config: Config) -> Result<Client, Error> {
    if config.proxy_url.is_some() {
        return Client::try_from(config);
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(config.connect_timeout);
    let tls = config.rustls_client_config()?;
    let mut https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    if let Some(name) = config.tls_server_name.clone() {
        let name = name.try_into().map_err(|_| Error::Service("tls-server-name is no server name".into()))?;
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = https.enable_all_versions().wrap_connector(tcp);
    let transport: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .http2_initial_stream_window_size(WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(transport)
        .map_response(|response: http::Response<_>| {
            response.map(|body: hyper::body::Incoming| body.map_err(BoxError::from))
        });
    Ok(Client::new(service, config.default_namespace))
}
