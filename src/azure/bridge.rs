//! The transport under Microsoft's own crates: their requests, over our wire.
//!
//! Three things are ours here. Requests are made repeatable: headers sorted, the request id from
//! `env`. Each gets its class and its cost. And errors keep their meaning for the crates: a
//! failed connection is `Connection`, all else `Io` (azure_core, `HttpClient::execute_request`).

use super::quota::{self, Operation};
use super::sign_in::read_refusal;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Env;
use crate::wire::budget::Draws;
use crate::wire::{Class, Kind, Reached, Wire, WireError};
use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, ClientOptions, HttpClient, Request, RetryOptions, Transport};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Whose requests pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    SignIn,
    Vault,
}

/// The transport of one client.
pub(crate) struct Bridge {
    wire: Arc<dyn Wire>,
    env: Env,
    client: Client,
    /// The only host this client may talk to: a next link or a poll address that names another
    /// would carry the token there.
    host: String,
    ear: Arc<Ear>,
}

/// What the token service last said. Two things get lost on the way through the crates: the end
/// of a token is computed from the machine's own clock (here it is counted from `env`'s, so that
/// simulated time expires it; RFC 6749, 5.1: `expires_in` is in seconds), and of a refusal whose
/// body is not JSON, even the status is dropped.
#[derive(Default)]
pub(crate) struct Ear(Mutex<Option<Heard>>);

#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    /// When a token was given, and for how long.
    pub(crate) given: Option<(Timestamp, Duration)>,
    pub(crate) refusal: Option<(u32, Text<64>)>,
    pub(crate) request_id: Option<String>,
}

impl Ear {
    pub(crate) fn heard(&self) -> Option<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn hear(&self, heard: Heard) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
    }
}

impl Bridge {
    pub(crate) fn new(wire: Arc<dyn Wire>, env: Env, client: Client, host: &str) -> Self {
        Self { wire, env, client, host: host.to_owned(), ear: Arc::default() }
    }
    pub(crate) fn ear(&self) -> Arc<Ear> {
        self.ear.clone()
    }
    /// The options every SDK client runs with: this transport, and no retries of its own. Their
    /// retry repeats writes, and after a failed first call repeats them without their body.
    pub(crate) fn client_options(self) -> ClientOptions {
        ClientOptions {
            transport: Some(Transport::new(Arc::new(self))),
            retry: RetryOptions::none(),
            ..Default::default()
        }
    }

    fn translate(&self, request: &Request) -> azure_core::Result<http::Request<Bytes>> {
        let Body::Bytes(body) = request.body() else {
            return Err(Error::with_message(ErrorKind::Other, "streaming bodies are not supported"));
        };
        let url = request.url();
        if url.scheme() != "https" || url.host_str() != Some(self.host.as_str()) || url.port().is_some() {
            return Err(Error::with_message(ErrorKind::Other, "the request leads to a foreign host"));
        }
        let headers: BTreeMap<&str, &str> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let class = self.class(request, headers.contains_key("authorization"), body.is_empty());
        let mut builder = http::Request::builder()
            .method(request.method().as_str())
            .uri(request.url().as_str())
            .extension(class)
            .extension(self.draws(request, class));
        for (name, value) in &headers {
            if *name != "x-ms-client-request-id" && *name != "content-length" {
                builder = builder.header(*name, *value);
            }
        }
        builder = builder.header("x-ms-client-request-id", self.env.new_guid("request-ids").as_str());
        let bad = |_| Error::with_message(ErrorKind::Other, "the request cannot be expressed in HTTP");
        let mut built = builder.body(body.clone()).map_err(bad)?;
        if let Some(value) = built.headers_mut().get_mut(http::header::AUTHORIZATION) {
            value.set_sensitive(true);
        }
        Ok(built)
    }

    /// A vault client's very first request goes out without token and without body, to learn
    /// whom to ask for a token: whatever its method, it changes nothing. Signing with a vault key
    /// is a POST that changes nothing either.
    fn class(&self, request: &Request, authorized: bool, empty: bool) -> Class {
        let method = request.method();
        let signs = method.as_str() == "POST" && request.url().path().starts_with("/keys/");
        let signs = signs && request.url().path().trim_end_matches('/').ends_with("/sign");
        match self.client {
            Client::SignIn => Class::Token,
            Client::Vault if method.is_safe() || signs || (!authorized && empty) => Class::Read,
            Client::Vault => Class::Write,
        }
    }

    fn draws(&self, request: &Request, class: Class) -> Draws {
        let host = request.url().host_str().unwrap_or("");
        let path = request.url().path();
        match (self.client, class) {
            (Client::SignIn, _) => Draws::default(),
            (Client::Vault, Class::Write) if path.starts_with("/certificates/") => {
                let kind = if path.ends_with("/create") {
                    Operation::VaultCreateCertificate(host)
                } else if path.ends_with("/import") {
                    Operation::VaultImport(host)
                } else {
                    Operation::VaultUpdate(host)
                };
                quota::draws(kind)
            }
            (Client::Vault, Class::Write) if request.method().as_str() == "PUT" => {
                quota::draws(Operation::VaultSetSecret(host))
            }
            (Client::Vault, Class::Write) => quota::draws(Operation::VaultUpdate(host)),
            (Client::Vault, _) => quota::draws(Operation::VaultRead(host)),
        }
    }

    fn hear(&self, response: &http::Response<Bytes>) {
        #[derive(serde::Deserialize)]
        struct Given {
            expires_in: u64,
        }
        let given = serde_json::from_slice::<Given>(response.body()).ok();
        // No token lives longer than a day and a bit (28 h with continuous access evaluation).
        let most = Duration::from_secs(30 * 3_600);
        let request_id = response.headers().get("x-ms-request-id").and_then(|v| v.to_str().ok());
        self.ear.hear(Heard {
            status: response.status().as_u16(),
            given: given.map(|g| (self.env.clock.now(), Duration::from_secs(g.expires_in).min(most))),
            refusal: read_refusal(response.body()),
            request_id: request_id.map(str::to_owned),
        });
    }
}

#[async_trait]
impl HttpClient for Bridge {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = self.wire.call(self.translate(request)?).await.map_err(wrap)?;
        if self.client == Client::SignIn {
            self.hear(&response);
        }
        let (parts, body) = response.into_parts();
        let mut headers = Headers::new();
        for (name, value) in &parts.headers {
            if let Ok(value) = value.to_str() {
                headers
                    .insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
            }
        }
        Ok(AsyncRawResponse::from_bytes(parts.status.as_u16().into(), headers, body))
    }
}

fn wrap(e: WireError) -> Error {
    let kind = match (e.kind, e.reached) {
        (Kind::Unpermitted | Kind::Invalid, _) => ErrorKind::Other,
        (_, Reached::No) => ErrorKind::Connection,
        (_, Reached::Unknown) => ErrorKind::Io,
    };
    Error::new(kind, e)
}

/// The line failure inside an SDK error, if there is one.
pub(crate) fn wire_error_of(e: &Error) -> Option<&WireError> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(e);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<WireError>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The response inside an SDK error, if there is one.
pub(crate) fn response_of(e: &Error) -> Option<&azure_core::http::RawResponse> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(e);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<Error>().map(Error::kind);
        if let Some(ErrorKind::HttpResponse { raw_response: Some(raw), .. }) = kind {
            return Some(raw);
        }
        cause = error.source();
    }
    None
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").field("client", &self.client).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Clock;
    use crate::wire::in_process::InProcess;
    use azure_core::http::{Method, Url};
    use azure_core::stream::BytesStream;

    const VAULT: &str = "kv-ir.vault.azure.net";

    fn bridge(client: Client, lost: Option<bool>) -> Bridge {
        let env = Env::simulated(Clock::starting_at(Timestamp::from_unix_s(0)), 1);
        let service = tower::service_fn(move |_: http::Request<Bytes>| {
            std::future::ready(lost.map_or(Ok(http::Response::new(Bytes::new())), Err))
        });
        let wire = Arc::new(InProcess::new(service, |may_have_reached: &bool| *may_have_reached));
        Bridge::new(wire, env, client, VAULT)
    }

    fn request(method: Method, path: &str, authorized: bool, body: &'static str) -> Request {
        let url = Url::parse(&format!("https://{VAULT}{path}")).unwrap();
        let mut request = Request::new(url, method);
        request.set_body(Bytes::from_static(body.as_bytes()));
        if authorized {
            request.insert_header("authorization", "Bearer canary");
        }
        request
    }

    #[tokio::test(start_paused = true)]
    async fn every_request_has_its_class() {
        let vault = bridge(Client::Vault, None);
        let class = |r: &Request| Class::of(&vault.translate(r).unwrap());
        assert_eq!(class(&request(Method::Get, "/secrets/a/", true, "")), Class::Read);
        assert_eq!(class(&request(Method::Put, "/secrets/a", false, "")), Class::Read, "the first probe");
        assert_eq!(class(&request(Method::Put, "/secrets/a", true, "{}")), Class::Write);
        assert_eq!(class(&request(Method::Put, "/secrets/a", false, "{}")), Class::Write);
        assert_eq!(class(&request(Method::Delete, "/certificates/a", true, "")), Class::Write);
        assert_eq!(class(&request(Method::Post, "/keys/a/1/sign", true, "{}")), Class::Read);
        assert_eq!(class(&request(Method::Post, "/secrets/sign/sign", true, "{}")), Class::Write);
        let sign_in = bridge(Client::SignIn, None);
        let token = sign_in.translate(&request(Method::Post, "/t/oauth2/v2.0/token", false, "x")).unwrap();
        assert_eq!(Class::of(&token), Class::Token);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_repeatable_and_stay_at_home() {
        let send = || {
            let mut r = request(Method::Put, "/secrets/a", true, "{}");
            for name in ["x-b", "accept", "x-a", "x-ms-client-request-id"] {
                r.insert_header(name, "1");
            }
            bridge(Client::Vault, None).translate(&r).unwrap()
        };
        let (one, two) = (send(), send());
        assert_eq!(format!("{:?}", one.headers()), format!("{:?}", two.headers()));
        assert!(!format!("{:?}", one.headers()).contains("canary"));
        let vault = bridge(Client::Vault, None);
        for foreign in
            ["https://evil.example/", "http://kv-ir.vault.azure.net/", "https://kv-ir.vault.azure.net:444/"]
        {
            let r = Request::new(Url::parse(foreign).unwrap(), Method::Get);
            assert!(vault.translate(&r).is_err(), "{foreign}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_keep_their_meaning_and_streams_are_refused() {
        let mut streamed = request(Method::Put, "/secrets/a", true, "");
        let stream = BytesStream::new(Bytes::from_static(b"x"));
        streamed.set_body(Body::SeekableStream(Box::new(stream)));
        assert!(bridge(Client::Vault, None).execute_request(&streamed).await.is_err());
        for (reached, kind) in [(false, ErrorKind::Connection), (true, ErrorKind::Io)] {
            let get = request(Method::Get, "/secrets/a/", true, "");
            let e = bridge(Client::Vault, Some(reached)).execute_request(&get).await.unwrap_err();
            assert_eq!(*e.kind(), kind);
            assert!(wire_error_of(&e).is_some() && response_of(&e).is_none());
        }
    }
}
