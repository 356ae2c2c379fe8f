//! Lists, page by page: memory holds one page at a time.
//!
//! Source: Microsoft Learn, "Paging Microsoft Graph data in your app". `@odata.nextLink` is
//! followed as it is, with the token: so it must lead to the same host and version, and must not
//! repeat. A page may be empty. `ConsistencyLevel` is not carried over by the service and is sent
//! again.

use super::GraphError;
use super::http::{Ask, Graph, parse};
use crate::azure::fault::{ApiError, Service};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// More pages than the largest directory has (at 999 a page).
const PAGES_MAX: u32 = 100_000;

/// A list that is being read.
pub struct Pages<T> {
    graph: Graph,
    ask: Ask,
    next: Next,
    pages: u32,
    items: PhantomData<fn() -> T>,
}

enum Next {
    First,
    Target(String),
    End,
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
}

impl<T: DeserializeOwned> Pages<T> {
    pub(super) fn new(graph: &Graph, ask: Ask) -> Self {
        Self { graph: graph.clone(), ask, next: Next::First, pages: 0, items: PhantomData }
    }

    /// The next page, possibly empty; `None` after the last. After an error the same page can be
    /// asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, GraphError> {
        let answer = match &self.next {
            Next::First => self.graph.send(&self.ask).await?,
            Next::Target(target) => self.graph.send_to(&self.ask, target).await?,
            Next::End => return Ok(None),
        };
        let page: Page<T> = parse(&self.ask, answer.1)?;
        self.pages += 1;
        self.next = match page.next_link {
            None => Next::End,
            Some(link) => Next::Target(self.checked(&link)?),
        };
        Ok(Some(page.value))
    }

    /// All items. For lists that are known to be short.
    pub async fn all(mut self) -> Result<Vec<T>, GraphError> {
        let mut items = Vec::new();
        while let Some(page) = self.next().await? {
            items.extend(page);
        }
        Ok(items)
    }

    /// Path and query of a next link that may be followed.
    fn checked(&self, link: &str) -> Result<String, GraphError> {
        let refuse = |code| Err(ApiError::unexpected(Service::Graph, code, false));
        let Ok(uri) = link.parse::<http::Uri>() else { return refuse("bad_next_link") };
        let same_host = uri.scheme_str() == Some("https")
            && uri.authority().is_some_and(|a| a.as_str().eq_ignore_ascii_case(self.graph.host()));
        if !same_host {
            return refuse("foreign_next_link");
        }
        let target = uri.path_and_query().map_or("", |p| p.as_str()).to_owned();
        let repeats = matches!(&self.next, Next::Target(last) if *last == target);
        if !target.starts_with(&format!("{}/", self.ask.version.prefix()))
            || repeats
            || self.pages >= PAGES_MAX
        {
            return refuse("bad_next_link");
        }
        Ok(target)
    }
}
