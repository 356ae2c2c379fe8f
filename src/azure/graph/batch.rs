//! Several reads in one request.
//!
//! Source: Microsoft Learn, "Combine multiple HTTP requests using JSON batching": at most twenty,
//! answered in any order, each charged by itself. Only reads are batched: a write has its own
//! permit, intent and answer.

use super::GraphError;
use super::credentials::{CredentialLists, Holder, PasswordCredential};
use super::http::{Ask, Graph, read_inner_error};
use crate::azure::fault::{ApiError, Service};
use crate::azure::quota::Operation;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The most requests in one batch.
const BATCH_MAX: usize = 20;
/// How often what was throttled inside a batch is asked for again.
const ROUNDS_MAX: u32 = 6;

#[derive(Serialize)]
struct Inner {
    id: String,
    method: &'static str,
    url: String,
}

#[derive(Serialize)]
struct Body {
    requests: Vec<Inner>,
}

#[derive(Deserialize)]
struct Answers {
    responses: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    status: u16,
    #[serde(default)]
    body: Option<Box<RawValue>>,
}

impl Graph {
    /// The secrets of many objects; `None` where an object is not found. In the order asked for.
    pub async fn passwords_of(
        &self,
        holders: &[Holder],
    ) -> Result<Vec<Option<Vec<PasswordCredential>>>, GraphError> {
        let urls: Vec<String> =
            holders.iter().map(|h| format!("{}?$select=id,passwordCredentials", h.path())).collect();
        let found: Vec<Option<CredentialLists>> = self.read_many(&urls, Operation::ReadObject).await?;
        Ok(found.into_iter().map(|lists| lists.map(|l| l.passwords)).collect())
    }

    /// Reads `urls` (relative, without version), twenty at a time.
    async fn read_many<T: DeserializeOwned>(
        &self,
        urls: &[String],
        each: Operation<'static>,
    ) -> Result<Vec<Option<T>>, GraphError> {
        let mut out = Vec::with_capacity(urls.len());
        for chunk in urls.chunks(BATCH_MAX) {
            let mut slots: Vec<Option<Result<Option<T>, GraphError>>> = chunk.iter().map(|_| None).collect();
            for _ in 0..ROUNDS_MAX {
                self.round(chunk, each, &mut slots).await?;
                if slots.iter().all(|s| !is_open(s.as_ref())) {
                    break;
                }
                self.rest().await;
            }
            let missing = || Err(ApiError::unexpected(Service::Graph, "no_batch_answer", false));
            for slot in slots {
                out.push(slot.unwrap_or_else(missing)?);
            }
        }
        Ok(out)
    }

    /// One batch, of what is still open.
    async fn round<T: DeserializeOwned>(
        &self,
        urls: &[String],
        each: Operation<'static>,
        slots: &mut [Option<Result<Option<T>, GraphError>>],
    ) -> Result<(), GraphError> {
        let open = urls.iter().enumerate().filter(|(i, _)| is_open(slots[*i].as_ref()));
        let requests: Vec<Inner> =
            open.map(|(i, url)| Inner { id: i.to_string(), method: "GET", url: url.clone() }).collect();
        let times = u32::try_from(requests.len()).unwrap_or(u32::MAX);
        let ask = Ask::batch(each, times).body(&Body { requests });
        let answers: Answers = self.read(&ask).await?;
        for answer in answers.responses {
            let slot = answer.id.parse::<usize>().ok().and_then(|i| slots.get_mut(i));
            if let Some(slot) = slot {
                *slot = Some(read_answer(&answer));
            }
        }
        Ok(())
    }
}

/// Not answered, or answered with something that another try may change.
fn is_open<T>(slot: Option<&Result<Option<T>, GraphError>>) -> bool {
    use crate::domain::event::FaultClass;
    match slot {
        None => true,
        Some(Ok(_)) => false,
        Some(Err(e)) => matches!(e.class, FaultClass::Busy | FaultClass::Line),
    }
}

fn read_answer<T: DeserializeOwned>(answer: &Answer) -> Result<Option<T>, GraphError> {
    if (200..300).contains(&answer.status) {
        let body = answer.body.as_ref().map_or("null", |b| b.get());
        return match serde_json::from_str(body) {
            Ok(found) => Ok(Some(found)),
            Err(_) => Err(ApiError::unexpected(Service::Graph, "unreadable_answer", false)),
        };
    }
    match read_inner_error(answer.status, answer.body.as_deref()) {
        e if e.is_not_found() => Ok(None),
        e => Err(e),
    }
}
