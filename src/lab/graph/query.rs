//! Query options of a directory read: `$select`, `$filter`, `$top`, `$expand`, `$count`,
//! `$skiptoken` (Microsoft Graph query parameters).

use super::error;
use super::filter::{self, Filter};
use crate::lab::answer::Answer;
use crate::lab::ask::Ask;
use crate::lab::credential::{base64_any, base64_url};

pub(in crate::lab) struct Query {
    pub(in crate::lab) select: Option<Vec<String>>,
    pub(in crate::lab) filter: Option<Filter>,
    pub(in crate::lab) expand: Vec<String>,
    pub(in crate::lab) top: usize,
    pub(in crate::lab) count: bool,
    /// The id after which this page starts; empty for the first page.
    pub(in crate::lab) after: String,
}

/// Reads the options of a collection whose pages hold `page` items, at most `most`.
pub(in crate::lab) fn read(ask: &Ask, page: usize, most: usize) -> Result<Query, Answer> {
    let list = |text: &str| text.split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect();
    let eventual = ask.header("consistencylevel").is_some_and(|v| v.eq_ignore_ascii_case("eventual"));
    let count = ask.option("$count").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let filter = match ask.option("$filter") {
        None => None,
        Some(text) => {
            let invalid = || error::bad_request(&format!("Invalid filter clause: {text}"));
            Some(filter::parse(text).ok_or_else(invalid)?)
        }
    };
    let sorted = ask.option("$orderby").is_some();
    let advanced = filter.as_ref().is_some_and(Filter::is_advanced) || (sorted && filter.is_some());
    if advanced && !(eventual && count) {
        return Err(error::unsupported(
            "Request with $filter uses an operator that needs the ConsistencyLevel: eventual header and $count=true.",
        ));
    }
    if ask.option("$search").is_some() && !eventual {
        return Err(error::unsupported(
            "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'",
        ));
    }
    // The real service sorts and searches; the lab says that it does not, rather than answer
    // something else than was asked. Logs come newest first, as they do by default.
    let is_log = ask.segments.get(1).is_some_and(|s| s == "auditLogs");
    if ask.option("$search").is_some() || (sorted && !is_log) {
        return Err(error::unsupported("The lab does not sort or search."));
    }
    if ask.option("$skip").is_some() {
        return Err(error::bad_request("'$skip' is not supported by the service."));
    }
    let top = match ask.option("$top").map(str::parse::<usize>) {
        None => page,
        Some(Ok(n)) if (1..=most).contains(&n) => n,
        Some(_) => {
            return Err(error::bad_request(&format!(
                "Invalid page size specified: the value must be between 1 and {most} inclusive."
            )));
        }
    };
    let after = match ask.option("$skiptoken") {
        None => String::new(),
        Some(token) => unseal(token).ok_or_else(|| error::bad_request("Value for $skiptoken is invalid."))?,
    };
    Ok(Query {
        select: ask.option("$select").map(list),
        filter,
        expand: ask.option("$expand").map(list).unwrap_or_default(),
        top,
        count: count && eventual,
        after,
    })
}

/// An opaque token for "after this id".
pub(in crate::lab) fn seal(after: &str) -> String {
    base64_url(format!("RFNwdAIAAQ.{after}").as_bytes())
}

fn unseal(token: &str) -> Option<String> {
    let text = String::from_utf8(base64_any(token)?).ok()?;
    text.strip_prefix("RFNwdAIAAQ.").map(str::to_owned)
}
