//! The tenant's sign-in log: which applications still sign in with an old credential.
//!
//! Several applications share a query, and memory holds one page of it. Where the service refuses the
//! combined filter, or there is more than is looked at, each application is asked for alone.

use super::SignInLog;
use crate::azure::Azure;
use crate::azure::fault::{ApiError, MessageClass};
use crate::domain::event::FaultClass;
use crate::domain::id::ClientId;
use crate::domain::sign_ins::{Asked, SignIns, Tally, Unread};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// Pages of up to 1,000 rows that are looked at for one query: at the log's quota, ten minutes.
const PAGES_MAX: u32 = 200;

pub(super) struct EntraSignIns(pub(super) Azure);

#[async_trait]
impl SignInLog for EntraSignIns {
    async fn old_uses(&self, asked: &[Asked]) -> Vec<SignIns> {
        let why = match self.read(asked).await {
            Ok(said) => return said,
            Err(why) => why,
        };
        let may_be_the_many = matches!(why, Unread::Refused | Unread::TooMany);
        let mut said = Vec::with_capacity(asked.len());
        for one in asked {
            let alone = match may_be_the_many && asked.len() > 1 {
                true => self.read(std::slice::from_ref(one)).await,
                false => Err(why),
            };
            let at = self.0.env().clock.now();
            said.push(match alone {
                Ok(mut read) => read.pop().unwrap_or(SignIns::NotRead { at, why }),
                Err(why) => SignIns::NotRead { at, why },
            });
        }
        said
    }
}

impl EntraSignIns {
    async fn read(&self, asked: &[Asked]) -> Result<Vec<SignIns>, Unread> {
        let at = self.0.env().clock.now();
        let clients: Vec<&ClientId> = asked.iter().map(|one| &one.client).collect();
        let since = asked.iter().map(|one| one.since).min().unwrap_or(at);
        let mut tallies: Vec<Tally<'_>> = asked.iter().map(Tally::new).collect();
        // Two targets may be about one application.
        let mut of: BTreeMap<&ClientId, Vec<usize>> = BTreeMap::new();
        clients.iter().enumerate().for_each(|(n, client)| of.entry(client).or_default().push(n));
        let mut pages = self.0.graph().application_sign_ins(&clients, since);
        let mut looked_at = 0;
        while let Some(rows) = pages.next().await.map_err(|e| unread(&e))? {
            looked_at += 1;
            if looked_at > PAGES_MAX {
                return Err(Unread::TooMany);
            }
            for (client, row) in rows.iter().filter_map(|row| Some((row.client()?, row.told()?))) {
                of.get(&client).into_iter().flatten().for_each(|n| tallies[*n].take(&row));
            }
        }
        Ok(tallies.into_iter().map(|tally| tally.done(at)).collect())
    }
}

/// The codes are reported (see `cli/audit/corroborate`), the classes ours.
fn unread(e: &ApiError) -> Unread {
    match (e.message, e.class) {
        _ if e.code.as_str() == "Authentication_RequestFromNonPremiumTenantOrB2CTenant" => Unread::Licence,
        (MessageClass::Forbidden | MessageClass::Unauthenticated, _) => Unread::Permission,
        (MessageClass::Throttled, _) => Unread::Throttled,
        (_, FaultClass::Busy) => Unread::Throttled,
        (_, FaultClass::Line | FaultClass::NotYet) => Unread::Line,
        (_, FaultClass::Refused) => Unread::Refused,
        (_, FaultClass::Unexpected) => Unread::Unexpected,
    }
}
