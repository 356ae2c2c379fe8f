//! The lab's hostility: which faults may happen, how often (per mille of the requests they fit),
//! and the one layer around the routes that makes them happen.
//!
//! A fault is drawn from its own random stream, so that one more draw of one fault does not
//! shift the others, and every fault that happened is counted in the ledger under its name.

use super::answer::Answer;
use super::ask::Ask;
use super::hosts::Surface;
use super::options::{Between, LabOptions};
use super::state::State;
use crate::domain::time::Timestamp;
use crate::env::Random;
use http::Method;
use std::time::Duration;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident: $hostile:literal;)*) => {
        /// Rates per mille; 0 is off. The default is no hostility.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Faults {
            $($(#[$doc])* pub $name: u16,)*
            /// The true quotas, in per mille of the documented ones; 0 means as documented.
            pub quota: u16,
        }

        impl Faults {
            /// A little of everything, for simulations that do not choose their own rates.
            pub fn hostile() -> Self {
                Self { $($name: $hostile,)* quota: 0 }
            }
            /// Draws first which faults exist at all, each with even odds, then their rates, up
            /// to five times the hostile ones.
            pub fn swarm(random: &Random) -> Self {
                Self::drawn(random, 5)
            }
            /// The same for a lab in real time: rarer, and without other administrators, so that
            /// whatever happens can be outlived.
            pub fn weather(random: &Random) -> Self {
                Self::drawn(random, 1).without_strangers()
            }
            fn drawn(random: &Random, times: u64) -> Self {
                let stream = random.stream("lab-swarm");
                let mut drawn = Self::default();
                $(if stream.chance(500) {
                    drawn.$name = u16::try_from(stream.between(1, times * $hostile)).unwrap_or(u16::MAX);
                })*
                if stream.chance(250) {
                    drawn.quota = u16::try_from(stream.between(100, 900)).unwrap_or(0);
                }
                drawn
            }
            /// The same without other administrators.
            pub fn without_strangers(self) -> Self {
                Self {
                    stranger_adds: 0,
                    stranger_removes: 0,
                    stranger_disables: 0,
                    stranger_deletes: 0,
                    stranger_certifies: 0,
                    stranger_disables_version: 0,
                    stranger_deletes_secret: 0,
                    attacker_adds: 0,
                    ..self
                }
            }
            /// The faults that may happen, by the names under which the ledger counts them.
            pub fn on(&self) -> Vec<&'static str> {
                [$((stringify!($name), self.$name)),*].into_iter().filter(|(_, r)| *r > 0).map(|(n, _)| n).collect()
            }
        }
    };
}

faults! {
    /// The connection is lost before the request is carried out.
    lost_before: 8;
    /// The request is carried out, then its reply is lost.
    lost_after: 8;
    /// The connection is refused or cut before anything is sent.
    cut: 5;
    /// 429 with a `Retry-After`.
    throttled: 10;
    /// 429 without one.
    throttled_silent: 5;
    /// A `Retry-After` of 1 s, and 3 to 8 s of more of it.
    throttled_lying: 5;
    /// 409 `Directory_ConcurrencyViolation`.
    conflict: 10;
    /// The same as a 503.
    concurrency_503: 5;
    error_500: 5;
    /// 502 with a page of HTML.
    bad_gateway: 5;
    /// The answer takes 5 to 90 s.
    slow: 5;
    /// `removePassword` answers 400 "No password credential found" although it is there.
    remove_unknown: 20;
    /// A write is judged by a stale replica: 404 for a new object, 400 for a new credential.
    stale_write: 50;
    /// A replica or login node learns of a write minutes later than usual.
    long_lag: 30;
    /// The vault refuses with 403 as if its role assignments had just changed.
    vault_forbidden: 5;
    /// Another administrator adds a credential to an object that was just written.
    stranger_adds: 2;
    /// Another administrator removes one that is there.
    stranger_removes: 1;
    /// An error whose text repeats the request, headers and body, as gateways do.
    echo: 2;
    /// The reply breaks off in the middle of its body.
    cut_body: 4;
    /// 401 for a token that is still good, as after a revocation.
    token_turned_away: 4;
    /// Another administrator disables an application, or its service principal.
    stranger_disables: 1;
    /// Another administrator deletes an application.
    stranger_deletes: 1;
    /// Another administrator adds a certificate, soon after the list was read.
    stranger_certifies: 1;
    /// Another administrator disables the newest version of a vault's secret that was just written.
    stranger_disables_version: 2;
    /// Another administrator deletes a vault's secret that was just written.
    stranger_deletes_secret: 2;
    /// Another administrator writes a version of their own over one that was just written.
    stranger_writes_secret: 2;
    /// An attacker with rights adds a credential, and signs in with it.
    attacker_adds: 2;
}

/// What the layer decided for one request, before its route sees it.
pub(super) enum Fate {
    Go { lose_reply: bool, cut_body: bool, delay: Duration },
    Lost { may_have_reached: bool },
    Answer(Answer),
}

/// A service that throttles and lies about for how long.
pub(super) struct Lie {
    surface: Surface,
    until: Timestamp,
}

impl Lie {
    /// The lie that begins with this request, if one does.
    pub(super) fn begin(happened: &[&str], surface: &Surface, state: &State) -> Option<Self> {
        let seconds = || Duration::from_secs(state.random.stream("lab-fault-lie").between(3, 8));
        let until = || state.now().after(seconds() / state.options.haste);
        let begins = happened.contains(&"throttled_lying");
        begins.then(|| Self { surface: surface.clone(), until: until() })
    }
    /// Its answer, while it lasts.
    pub(super) fn told(&self, surface: &Surface, now: Timestamp) -> Option<Answer> {
        (self.surface == *surface && now < self.until).then(|| canned("throttled_lying", surface, 1))
    }
}

/// What may be answered instead of the truth: its name, how often, and whether it fits the request.
fn answers(faults: &Faults, ask: &Ask, surface: &Surface) -> [(&'static str, u16, bool); 9] {
    let write = ask.method != Method::GET && *surface != Surface::Login;
    [
        ("throttled", faults.throttled, true),
        ("throttled_silent", faults.throttled_silent, true),
        ("throttled_lying", faults.throttled_lying, true),
        ("conflict", faults.conflict, write && *surface == Surface::Graph),
        ("concurrency_503", faults.concurrency_503, write && *surface == Surface::Graph),
        ("error_500", faults.error_500, true),
        ("bad_gateway", faults.bad_gateway, true),
        ("vault_forbidden", faults.vault_forbidden, matches!(surface, Surface::Vault(_))),
        (
            "token_turned_away",
            faults.token_turned_away,
            matches!(surface, Surface::Graph | Surface::Vault(_)) && ask.bearer().is_some(),
        ),
    ]
}

/// Draws the fate of one request.
pub(super) fn fate(
    options: &LabOptions,
    random: &Random,
    (ask, surface): (&Ask, &Surface),
    tenant: &str,
) -> (Fate, Vec<&'static str>) {
    let faults = &options.faults;
    let hits = |name: &str, per_mille: u16| {
        per_mille > 0 && random.stream(&format!("lab-fault-{name}")).chance(u64::from(per_mille))
    };
    if hits("cut", faults.cut) {
        return (Fate::Lost { may_have_reached: false }, vec!["cut"]);
    }
    if hits("lost_before", faults.lost_before) {
        return (Fate::Lost { may_have_reached: true }, vec!["lost_before"]);
    }
    for (name, rate, fits) in answers(faults, ask, surface) {
        if fits && hits(name, rate) {
            let seconds = random.stream("lab-fault-retry-after").between(1, 20);
            let seconds = seconds.div_ceil(u64::from(options.haste));
            let answer = match name {
                "token_turned_away" => turned_away(ask, surface, tenant),
                _ => canned(name, surface, seconds),
            };
            return (Fate::Answer(answer), vec![name]);
        }
    }
    if hits("echo", faults.echo) {
        return (Fate::Answer(echo(ask, surface)), vec!["echo"]);
    }
    let mut happened = Vec::new();
    let lose_reply = hits("lost_after", faults.lost_after);
    let mut delay = Duration::ZERO;
    if hits("slow", faults.slow) {
        delay = Between::seconds(5, 90).shorter(options.haste).draw(&random.stream("lab-fault-slow-by"));
        happened.push("slow");
    }
    if lose_reply {
        happened.push("lost_after");
    }
    let cut_body = !lose_reply && hits("cut_body", faults.cut_body);
    if cut_body {
        happened.push("cut_body");
    }
    (Fate::Go { lose_reply, cut_body, delay }, happened)
}

/// In the words of each service, for a token that it does not take any more.
fn turned_away(ask: &Ask, surface: &Surface, tenant: &str) -> Answer {
    match surface {
        Surface::Vault(_) => super::vault::turned_away(ask, tenant),
        _ => super::graph::error::error(
            401,
            "InvalidAuthenticationToken",
            "Lifetime validation failed, the token is expired.",
        ),
    }
}

fn canned(name: &str, surface: &Surface, seconds: u64) -> Answer {
    match name {
        "throttled" => throttle(surface).with("retry-after", seconds.to_string()),
        "throttled_lying" => throttle(surface).with("retry-after", "1".into()),
        "throttled_silent" => throttle(surface),
        "conflict" => super::graph::error::concurrency(409),
        "concurrency_503" => super::graph::error::concurrency(503),
        "vault_forbidden" => super::vault::error::forbidden_by_rbac("", "", ""),
        "error_500" => broken(surface),
        _ => Answer::html(
            502,
            "<html><head><title>502 Bad Gateway</title></head><body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body></html>\r\n",
        ),
    }
}

/// A 429 in the words of each service.
pub(super) fn throttle(surface: &Surface) -> Answer {
    match surface {
        Surface::Login => super::login::error::Refusal::busy().answer(),
        Surface::Vault(_) => super::vault::error::error(
            429,
            "Throttled",
            "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
            None,
        ),
        _ => super::graph::error::throttled(),
    }
}

fn broken(surface: &Surface) -> Answer {
    match surface {
        Surface::Login => super::login::error::Refusal::transient().answer(),
        Surface::Vault(_) => {
            super::vault::error::error(500, "InternalServerError", "An internal error has occurred.", None)
        }
        _ => super::graph::error::error(500, "InternalServerError", "An internal error has occurred."),
    }
}

/// The request in the error's text and, of its end, in the code.
fn echo(ask: &Ask, surface: &Surface) -> Answer {
    let headers: Vec<String> =
        ask.headers.iter().map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v.as_bytes()))).collect();
    let body = String::from_utf8_lossy(&ask.body).into_owned();
    let text = format!("Request could not be processed: {} {}", headers.join(", "), body);
    match surface {
        Surface::Vault(_) => super::vault::error::error(500, &body, &text, None),
        _ => super::graph::error::error(500, &body, &text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_differs_from_seed_to_seed() {
        let drawn = |seed| Faults::swarm(&Random::from_seed(seed)).on();
        assert_eq!(drawn(1), drawn(1));
        assert!((2..20).any(|seed| drawn(seed) != drawn(1)));
        assert_eq!(Faults::hostile().on().len(), 27);
        assert!(Faults::default().on().is_empty());
    }
}
