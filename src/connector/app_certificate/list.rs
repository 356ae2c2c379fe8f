//! The list of certificates on an application. It is replaced as a whole, without an ETag, so it
//! is read until reads agree, compared with what the plan and our own effects lead to expect, and
//! only then replaced (Microsoft Learn, "Update application"; the race is reported).

use crate::azure::graph::credentials::{Holder, KeyCredential};
use crate::bent::{self, Bend};
use crate::connector::app_keys::Haste;
use crate::connector::app_reads::AppReads;
use crate::connector::entra::fault;
use crate::connector::reads::{AS_PROOF, Agreement, agree};
use crate::domain::credential::{CredentialRef, Form};
use crate::domain::event::{Fault, FaultClass};
use crate::domain::target::TargetState;
use crate::domain::text::Text;
use std::collections::BTreeSet;
use std::time::Duration;

/// Before a write: three reads over longer than half of the usual lag. The drift check has read
/// before, over longer.
pub(super) const BEFORE_WRITE: Agreement = Agreement { times: 3, apart: Duration::from_secs(6) };

/// The certificates on one object, as several reads agree.
pub(super) struct List {
    object: Text<128>,
    pub(super) keys: Vec<KeyCredential>,
}

/// How a list differs from what is expected, by key ids.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Odd {
    /// Planned to stay, and not there.
    Missing(Text<128>),
    /// Neither in the plan nor ours.
    Foreign(Text<128>),
}

impl List {
    pub(super) async fn read(apps: &AppReads, holder: &Holder, wanted: Agreement) -> Result<Self, Fault> {
        Self::read_in(Haste::Usual, apps, holder, wanted).await
    }

    /// As proof of a death: nothing is written after it, so others' lists may be read first.
    pub(super) async fn read_as_proof(apps: &AppReads, holder: &Holder) -> Result<Self, Fault> {
        Self::read_in(Haste::CanWait, apps, holder, AS_PROOF).await
    }

    async fn read_in(
        haste: Haste,
        apps: &AppReads,
        holder: &Holder,
        wanted: Agreement,
    ) -> Result<Self, Fault> {
        let first = Agreement { times: 1, ..wanted };
        let wanted = if bent::is(Bend::StaleList) { first } else { wanted };
        let keys = agree(apps.azure().env().clock, wanted, || async {
            let keys = apps.keys().read(holder, haste).await?;
            let mut keys = keys.ok_or_else(|| fault(FaultClass::NotYet, "Request_ResourceNotFound"))?;
            keys.sort_by(|a, b| a.key_id.cmp(&b.key_id));
            Ok(keys)
        })
        .await?;
        Ok(Self { object: Text::lossy(holder.object().as_str()), keys })
    }

    pub(super) fn find(&self, credential: &CredentialRef) -> Option<&KeyCredential> {
        self.keys.iter().find(|k| k.key_id.as_str() == credential.id.as_str())
    }

    /// What a replacement keeps: everything but `leave_out`, and nothing that this run took off
    /// before, which a lagging replica may still show.
    pub(super) fn keep(&self, state: &TargetState, leave_out: Option<&CredentialRef>) -> Vec<KeyCredential> {
        let own = state.own_effects();
        let gone = |k: &KeyCredential| own.gone.iter().any(|c| c.id.as_str() == k.key_id.as_str());
        let left_out = |k: &KeyCredential| leave_out.is_some_and(|c| c.id.as_str() == k.key_id.as_str());
        self.keys.iter().filter(|k| !gone(k) && !left_out(k)).cloned().collect()
    }

    /// What is not as expected, what is missing first.
    pub(super) fn odd(&self, state: &TargetState) -> Option<Odd> {
        let own = state.own_effects();
        let planned: Vec<&CredentialRef> = state
            .plan
            .observation
            .credentials
            .iter()
            .map(|c| &c.credential)
            .filter(|c| c.form == Form::Certificate && c.object == self.object)
            .collect();
        let here: BTreeSet<&str> = self.keys.iter().map(|k| k.key_id.as_str()).collect();
        let missing = planned.iter().find(|c| !own.gone.contains(*c) && !here.contains(c.id.as_str()));
        if let Some(missing) = missing {
            return Some(Odd::Missing(missing.id.clone()));
        }
        let known = |id: &str| planned.iter().chain(&own.ours).any(|c| c.id.as_str() == id);
        here.into_iter().find(|id| !known(id)).map(|id| Odd::Foreign(Text::lossy(id)))
    }
}
