//! `reissue audit anchor --blob URL`: a blob that nobody may change for a time, with the acting
//! identity's own token.

use super::{Arguments, lines, show};
use crate::anchor::{self, Head};
use crate::azure::ApiError;
use crate::azure::blob::{BlobError, KeptBlob, Lock};
use crate::cli::codes;
use crate::cli::error::Failure;
use crate::cli::init;
use crate::cli::world::runtime;
use crate::cli::{ExitCode, Session};
use crate::domain::id::Digest;
use crate::domain::text::Text;
use crate::domain::time::{Timestamp, parse_span};
use crate::trail::anchors::record::Place;
use crate::trail::{Checkpoint, Home};
use crate::wire::budget::Start;
use std::path::Path;

const NOT_LOCKED: &str = "the checkpoint is there, but NOT locked: whoever may write there can change it";

/// Puts the head into a blob of its own, locks it, and keeps a record of where it is.
pub(super) fn keep(
    arguments: &Arguments,
    url: &str,
    session: &mut Session,
    (home, head): (&Home, &Head),
) -> Result<ExitCode, Failure> {
    if home.install.environment != arguments.acting.environment() {
        let what = format!("this installation is for {:?} use", home.install.environment).to_lowercase();
        let next = "a lab's installation needs `--lab DIR`; a real one must not have it";
        return Err(Failure::new(codes::ENVIRONMENT, what, next));
    }
    let span = arguments.keep_for.as_deref().unwrap_or_default();
    let span = parse_span(span)
        .map_err(|e| Failure::new(codes::ARGUMENT, format!("--keep-for: {e}"), "for example 365d"))?;
    let until = session.env.clock.now().after(span);
    let tenant = arguments.blob_tenant.as_deref().map(init::tenant).transpose()?;
    let tenant = tenant.as_ref().unwrap_or(&home.install.tenant);
    let azure = arguments.acting.session(session, home.install.cloud, tenant, Start::Full)?;
    let name = Digest::of(head.checkpoint.origin.as_bytes()).hex();
    let whole = format!("{}/{name}/{}", url.trim_end_matches('/'), Checkpoint::file_name(head.size()));
    let blob = azure.kept_blob(&whole).map_err(|_| {
        let what = format!("--blob: {:?} is not in a storage account of this cloud", anchor::without_passwords(url));
        let next = "write `https://ACCOUNT.blob.core.windows.net/CONTAINER`, without a query: the identity that acts \
                    needs the role Storage Blob Data Owner";
        Failure::new(codes::ARGUMENT, what, next)
    })?;
    let runtime = runtime()?;
    runtime.block_on(blob.put(head.note.as_bytes())).map_err(|e| put_failure(session, &blob, &e))?;
    let locked = runtime.block_on(lock(&blob, until));
    let locked_until = locked.as_ref().ok().map(|lock| lock.until);
    let place = Place::Blob { locked_until, url: Text::lossy(&blob.url()) };
    let done = anchor::record(head, place, blob.url(), None).map_err(|e| {
        Failure::new(codes::NOT_ANCHORED, e.to_string(), "check the installation's folder and the disk")
    })?;
    show(session, &done, None);
    match locked {
        Ok(lock) => {
            session
                .out
                .line(&format!("  locked   until {}: nobody may change it before", lock.until.short()));
            session.out.line(&format!(
                "To judge by it later, fetch the blob and give it with `--anchor`: it covers {}.",
                lines(head.size())
            ));
            Ok(ExitCode::Done)
        }
        Err(why) => {
            let next = "give the container version-level immutability support (when it is made, or by migration), and \
                        the identity the role Storage Blob Data Owner; then run the command again";
            let failure = Failure::new(codes::NOT_ANCHORED, why, next).at(blob.url()).state(NOT_LOCKED);
            Err(session.line.explain(failure))
        }
    }
}

/// The lock that is in force afterwards, in the service's own words; or why there is none.
async fn lock(blob: &KeptBlob, until: Timestamp) -> Result<Lock, String> {
    let said = |e: ApiError| format!("the blob cannot be locked: {e}");
    let earlier = blob.policy().await.map_err(said)?;
    // What is locked for longer already stays so.
    if let Some(lock) = earlier.filter(|lock| lock.locked && lock.until >= until) {
        return Ok(lock);
    }
    blob.lock(until).await.map_err(said)?;
    match blob.policy().await.map_err(said)? {
        Some(lock) if lock.locked => Ok(lock),
        Some(_) => Err("the service says that the blob's policy is not locked".into()),
        None => Err("the service took the policy, but shows none for the blob".into()),
    }
}

fn put_failure(session: &Session, blob: &KeptBlob, e: &BlobError) -> Failure {
    let (what, next) = match e {
        BlobError::Taken => (
            "another checkpoint of this size is kept there".to_owned(),
            "fetch it, and compare it with `checkpoints/` and with `reissue audit verify --anchor FILE`: one of the two \
             logs was rewritten",
        ),
        e => (e.to_string(), "check that the container exists, and that the identity may write there"),
    };
    let state = "nothing was anchored; the log and its anchors are as they were";
    let failure = Failure::new(codes::NOT_ANCHORED, what, next).at(Path::new(&blob.url())).state(state);
    session.line.explain(failure)
}
