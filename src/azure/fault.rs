//! Failures of Microsoft's services, reduced to what can be decided on.
//!
//! Provider text is foreign: it may repeat what was sent, secrets included. An [`ApiError`]
//! therefore holds the provider's *code* (letters only), a class that was read from the text, and
//! never the text itself; a scrubbed copy is kept for the terminal, and only of requests that
//! carried no secret.

use crate::domain::event::{Fault, FaultClass, Happened};
use crate::domain::text::Text;
use crate::wire::{Kind, Reached, WireError};
use std::fmt;

/// Which service said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    SignIn,
    Graph,
    Vault,
    Storage,
}

/// What a code leaves open and the text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageClass {
    /// Two writers at once.
    Concurrency,
    /// The object is not there, or not yet where this was judged.
    NotFound,
    /// `removePassword`: no such keyId, or not yet.
    NoSuchCredential,
    /// An app management policy forbids this credential.
    PolicyForbids,
    /// An app management policy wants a shorter lifetime.
    PolicyLifetime,
    /// A key credential may not be changed, only added or left out.
    KeyNotUpdatable,
    /// The object is mastered on premises.
    DirectorySynced,
    /// The caller lacks the permission or the role.
    Forbidden,
    /// The vault finds no role. One that was just assigned takes up to ten minutes to be honoured
    /// (Microsoft Learn, "Troubleshoot Azure RBAC").
    RoleMissing,
    /// The token was not accepted.
    Unauthenticated,
    Throttled,
    /// A vault object of that name is deleted, and the name is taken until it is purged.
    Deleted,
    /// A vault object of that name is being deleted or recovered, which takes seconds.
    Settling,
    /// The version is disabled.
    Disabled,
    Other,
}

/// A call that did not succeed.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiError {
    pub service: Service,
    /// HTTP status, if there was a response.
    pub status: Option<u16>,
    /// The provider's code, `AADSTS…`, or the name of the line failure.
    pub code: Text<64>,
    /// The provider's inner code, where it has one (`ForbiddenByRbac`).
    pub inner_code: Option<Text<64>>,
    pub message: MessageClass,
    pub class: FaultClass,
    /// Whether the effect may have happened.
    pub happened: Happened,
    /// The provider's id of the request, for a support case.
    pub request_id: Option<Text<64>>,
    terminal: Option<Text<200>>,
}

/// A response that is not a success, before it is judged.
pub(crate) struct Reply<'a> {
    pub service: Service,
    pub status: u16,
    pub code: &'a str,
    pub inner_code: Option<&'a str>,
    pub text: &'a str,
    pub request_id: Option<&'a str>,
    /// Whether the request could have changed something.
    pub write: bool,
    /// Whether the request or its answer carries a secret: then no text is kept.
    pub secret: bool,
}

impl ApiError {
    /// Judges a response.
    pub(crate) fn from_reply(reply: &Reply<'_>) -> Self {
        let message = read_message(reply.status, reply.code, reply.inner_code, reply.text);
        let (class, happened) = judge(reply.status, message, reply.write, reply.code.is_empty());
        Self {
            service: reply.service,
            status: Some(reply.status),
            code: clean_code(reply.code, reply.status),
            inner_code: reply.inner_code.map(|c| clean_code(c, reply.status)),
            message,
            class,
            happened,
            request_id: reply.request_id.and_then(clean_request_id),
            terminal: (!reply.secret && !reply.text.is_empty()).then(|| Text::lossy(&mask(reply.text))),
        }
    }

    /// A request without a response.
    pub(crate) fn from_wire(service: Service, e: &WireError, write: bool) -> Self {
        let class = match e.kind {
            Kind::Connect | Kind::Timeout | Kind::Cut => FaultClass::Line,
            Kind::TooLarge | Kind::Unpermitted | Kind::Invalid => FaultClass::Unexpected,
        };
        let happened = if write && e.reached == Reached::Unknown { Happened::Unknown } else { Happened::No };
        let mut error = Self::plain(service, e.kind.name(), class, happened);
        error.terminal = Some(Text::lossy(&e.to_string()));
        error
    }

    /// A response that came, but is not what the interface promises.
    pub(crate) fn unexpected(service: Service, code: &'static str, write: bool) -> Self {
        let happened = if write { Happened::Unknown } else { Happened::No };
        Self::plain(service, code, FaultClass::Unexpected, happened)
    }

    /// Refused before anything was sent.
    pub(crate) fn refused(service: Service, code: &'static str) -> Self {
        Self::plain(service, code, FaultClass::Refused, Happened::No)
    }

    /// With something for the terminal, masked as all foreign text is.
    pub(crate) fn noting(self, text: &str) -> Self {
        Self { terminal: Some(Text::lossy(&mask(text))), ..self }
    }

    fn plain(service: Service, code: &str, class: FaultClass, happened: Happened) -> Self {
        Self {
            service,
            status: None,
            code: Text::lossy(code),
            inner_code: None,
            message: MessageClass::Other,
            class,
            happened,
            request_id: None,
            terminal: None,
        }
    }

    /// What goes into the log. The inner code is the telling one where there is one.
    pub fn fault(&self) -> Fault {
        let code = self.inner_code.clone().unwrap_or_else(|| self.code.clone());
        Fault { class: self.class, code, happened: self.happened }
    }

    /// What the service wrote, cut and masked; for the operator's terminal only.
    pub fn terminal_note(&self) -> Option<&Text<200>> {
        self.terminal.as_ref()
    }

    pub fn is_not_found(&self) -> bool {
        self.message == MessageClass::NotFound
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = match self.service {
            Service::SignIn => "sign-in",
            Service::Graph => "Graph",
            Service::Vault => "Key Vault",
            Service::Storage => "Storage",
        };
        write!(f, "{service}: {}", self.code)?;
        if let Some(inner) = &self.inner_code {
            write!(f, " ({inner})")?;
        }
        match self.status {
            Some(status) => write!(f, ", HTTP {status}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({self}, {:?}, {:?}, {:?})", self.message, self.class, self.happened)
    }
}

impl std::error::Error for ApiError {}

impl From<ApiError> for Fault {
    fn from(e: ApiError) -> Fault {
        e.fault()
    }
}

/// Reads the class of a refusal. Codes first; text only where the code is shared by many causes.
/// Texts are those reported by other projects, and unconfirmed where Microsoft does not document
/// them.
fn read_message(status: u16, code: &str, inner: Option<&str>, text: &str) -> MessageClass {
    let has = |part: &str| text.to_ascii_lowercase().contains(part);
    match (code, inner.unwrap_or("")) {
        ("Directory_ConcurrencyViolation", _) => return MessageClass::Concurrency,
        ("CredentialInvalidLifetimeAsPerAppPolicy", _) => return MessageClass::PolicyLifetime,
        ("CredentialTypeNotAllowedAsPerAppPolicy", _) => return MessageClass::PolicyForbids,
        ("KeyNotUpdatable", _) | (_, "KeyNotUpdatable") => return MessageClass::KeyNotUpdatable,
        (_, "ForbiddenByRbac") => return MessageClass::RoleMissing,
        (_, "SecretDisabled" | "CertificateDisabled" | "KeyDisabled") => return MessageClass::Disabled,
        (_, "ObjectIsDeletedButRecoverable") => return MessageClass::Deleted,
        (_, "ObjectIsBeingDeleted" | "ObjectIsBeingRecovered") => return MessageClass::Settling,
        _ => {}
    }
    match status {
        400 if has("no password credential found") || has("no key credential found") => {
            MessageClass::NoSuchCredential
        }
        400 if has("credential type not allowed") => MessageClass::PolicyForbids,
        400 if has("update to existing credential") => MessageClass::KeyNotUpdatable,
        400 if has("on-premises mastered") => MessageClass::DirectorySynced,
        409 | 503 if has("concurrent requests") => MessageClass::Concurrency,
        401 => MessageClass::Unauthenticated,
        403 => MessageClass::Forbidden,
        404 => MessageClass::NotFound,
        429 => MessageClass::Throttled,
        _ => MessageClass::Other,
    }
}

/// The class, and whether the effect may have happened.
fn judge(status: u16, message: MessageClass, write: bool, is_mute: bool) -> (FaultClass, Happened) {
    use MessageClass as M;
    match (message, status) {
        (M::Concurrency | M::Throttled, _) => (FaultClass::Busy, Happened::No),
        // A replica that does not know the object yet answers like one that never will.
        (M::NotFound | M::NoSuchCredential | M::Settling | M::RoleMissing, _) => {
            (FaultClass::NotYet, Happened::No)
        }
        // The token is replaced before the next try.
        (M::Unauthenticated, _) => (FaultClass::Busy, Happened::No),
        (_, 408) => (FaultClass::Line, unknown_if(write)),
        // An answer without a reason was cut, or is somebody else's: it refuses nothing for good.
        (M::Other, 400..500) if is_mute => (FaultClass::Unexpected, Happened::No),
        (_, 400..500) => (FaultClass::Refused, Happened::No),
        (_, 500..) => (FaultClass::Line, unknown_if(write)),
        _ => (FaultClass::Unexpected, unknown_if(write)),
    }
}

fn unknown_if(write: bool) -> Happened {
    if write { Happened::Unknown } else { Happened::No }
}

/// Codes are words (`Request_BadRequest`), possibly with the number of a sign-in error. Anything
/// else might be an echo, and becomes the status.
pub(crate) fn clean_code(code: &str, status: u16) -> Text<64> {
    let word =
        |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.'));
    let number = code.strip_prefix("AADSTS").unwrap_or(code);
    let numbered = (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    if code.len() <= 64 && (word(code) || numbered) {
        Text::lossy(code)
    } else {
        Text::lossy(&format!("HTTP_{status}"))
    }
}

fn clean_request_id(id: &str) -> Option<Text<64>> {
    let fits = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    fits.then(|| Text::lossy(id))
}

/// Hides every word that could be a value: long, or holding a digit or a sign that names do not
/// have. GUIDs stay, since an operator needs them; hexadecimal thumbprints do not.
pub(crate) fn mask(text: &str) -> String {
    let keep = |word: &str| {
        let core = word
            .trim_matches(|c: char| matches!(c, '\'' | '"' | '(' | ')' | '[' | ']' | '.' | ',' | ':' | ';'));
        let plain = core.len() <= 40 && core.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c == '_');
        core.is_empty() || plain || core.parse::<crate::domain::id::ObjectId>().is_ok()
    };
    let words: Vec<&str> = text.split_whitespace().map(|w| if keep(w) { w } else { "•••" }).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply<'a>(status: u16, code: &'a str, text: &'a str) -> Reply<'a> {
        Reply {
            service: Service::Graph,
            status,
            code,
            inner_code: None,
            text,
            request_id: None,
            write: true,
            secret: false,
        }
    }

    #[test]
    fn one_bit_decides_between_retry_and_look() {
        let cases = [
            (409, "Directory_ConcurrencyViolation", "", FaultClass::Busy, Happened::No),
            (503, "Directory_ConcurrencyViolation", "", FaultClass::Busy, Happened::No),
            (
                503,
                "ServiceUnavailable",
                "Error due to concurrent requests being made",
                FaultClass::Busy,
                Happened::No,
            ),
            (503, "ServiceUnavailable", "", FaultClass::Line, Happened::Unknown),
            (500, "InternalServerError", "", FaultClass::Line, Happened::Unknown),
            (502, "", "<html>", FaultClass::Line, Happened::Unknown),
            (429, "TooManyRequests", "", FaultClass::Busy, Happened::No),
            (404, "Request_ResourceNotFound", "", FaultClass::NotYet, Happened::No),
            (
                400,
                "Request_BadRequest",
                "No password credential found with keyId 'x'.",
                FaultClass::NotYet,
                Happened::No,
            ),
            (400, "Request_BadRequest", "bad", FaultClass::Refused, Happened::No),
            (400, "", "", FaultClass::Unexpected, Happened::No),
            (403, "Authorization_RequestDenied", "", FaultClass::Refused, Happened::No),
            (401, "InvalidAuthenticationToken", "", FaultClass::Busy, Happened::No),
            (302, "", "", FaultClass::Unexpected, Happened::Unknown),
        ];
        for (status, code, text, class, happened) in cases {
            let e = ApiError::from_reply(&reply(status, code, text));
            assert_eq!((e.class, e.happened), (class, happened), "{status} {code}");
            let read = ApiError::from_reply(&Reply { write: false, ..reply(status, code, text) });
            assert_eq!(read.happened, Happened::No, "a read has no effect");
        }
    }

    #[test]
    fn codes_are_words_or_numbers() {
        for (code, shown) in [
            ("Request_BadRequest", "Request_BadRequest"),
            ("AADSTS7000215", "AADSTS7000215"),
            ("x7Q8~abcdefghijklmnopqrstuvwxyz01234", "HTTP_400"),
            ("two words", "HTTP_400"),
            ("", "HTTP_400"),
        ] {
            assert_eq!(clean_code(code, 400).as_str(), shown);
        }
    }

    #[test]
    fn values_are_masked_and_words_are_not() {
        let text = "Invalid client secret 'x7Q8~abc.def' for app '8a1d0000-0000-4000-8000-000000000001'.";
        assert_eq!(mask(text), "Invalid client secret ••• for app '8a1d0000-0000-4000-8000-000000000001'.");
    }
}
