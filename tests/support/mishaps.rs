//! A wire to the lab that goes wrong at the n-th write, as a test wants it.

use async_trait::async_trait;
use bytes::Bytes;
use reissue::wire::{Class, Kind, Reached, Wire, WireError};
use std::sync::Mutex;
use tokio::sync::Notify;

/// What happens to the n-th write, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It is carried out, and its answer never comes.
    ReplyLost,
    /// It never arrives, and nobody knows.
    RequestLost,
    /// The service will not do it: 400.
    Refused,
    /// It is carried out, and the answer says that it was not.
    Denied,
    /// A PATCH of certificates arrives without this entry: another writer had read an older list.
    Without(&'static str),
    /// The process dies when it was carried out.
    CrashAfter,
    /// The process dies before it is sent.
    CrashBefore,
}

/// A write that went out, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) path: String,
}

type Hangs = Box<dyn Fn(&http::Request<Bytes>) -> bool + Send + Sync>;
type Answers = Box<dyn Fn(&http::Request<Bytes>) -> Option<http::Response<Bytes>> + Send + Sync>;

/// The wire to the lab.
pub(crate) struct Frail {
    pub(super) inner: Box<dyn Wire>,
    pub(crate) plan: Mutex<Vec<(usize, Mishap)>>,
    pub(crate) sent: Mutex<Vec<Sent>>,
    /// Answers of its own for some requests, reads among them.
    pub(crate) answers: Mutex<Option<Answers>>,
    /// Requests that are never answered.
    pub(crate) hangs: Mutex<Option<Hangs>>,
    pub(super) dead: Notify,
}

impl std::fmt::Debug for Frail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Frail")
    }
}

fn refusal() -> http::Response<Bytes> {
    let body = r#"{"error":{"code":"Request_BadRequest","message":"This is refused."}}"#;
    http::Response::builder().status(400).body(Bytes::from(body)).unwrap()
}

fn without(request: http::Request<Bytes>, name: &str) -> http::Request<Bytes> {
    let (parts, body) = request.into_parts();
    let mut json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let list = json["keyCredentials"].as_array_mut().unwrap();
    let before = list.len();
    list.retain(|entry| entry["displayName"] != name);
    assert_eq!(list.len() + 1, before, "there is such an entry");
    http::Request::from_parts(parts, Bytes::from(json.to_string()))
}

#[async_trait]
impl Wire for Frail {
    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        if self.hangs.lock().unwrap().as_ref().is_some_and(|hangs| hangs(&request)) {
            return std::future::pending().await;
        }
        let own = self.answers.lock().unwrap().as_ref().and_then(|answers| answers(&request));
        if let Some(response) = own {
            return Ok(response);
        }
        if Class::of(&request) != Class::Write {
            return self.inner.call(request).await;
        }
        let n = {
            let mut sent = self.sent.lock().unwrap();
            let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
            sent.push(Sent { method, path });
            sent.len()
        };
        let mishap = self.plan.lock().unwrap().iter().find(|(at, _)| *at == n).map(|(_, m)| *m);
        let lost = WireError::new(Kind::Cut, Reached::Unknown, request.uri());
        match mishap {
            None => self.inner.call(request).await,
            Some(Mishap::ReplyLost) => {
                let _ = self.inner.call(request).await;
                Err(lost)
            }
            Some(Mishap::RequestLost) => Err(lost),
            Some(Mishap::Refused) => Ok(refusal()),
            Some(Mishap::Denied) => {
                let _ = self.inner.call(request).await;
                Ok(refusal())
            }
            Some(Mishap::Without(name)) => self.inner.call(without(request, name)).await,
            Some(crash) => {
                if crash == Mishap::CrashAfter {
                    let _ = self.inner.call(request).await;
                }
                self.dead.notify_one();
                std::future::pending().await
            }
        }
    }
}
