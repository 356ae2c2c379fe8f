//! Passwords and keys of applications and service principals, in the shapes of Microsoft
//! Graph's `passwordCredential` and `keyCredential`.

use crate::domain::time::Timestamp;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Clone)]
pub(super) struct Password {
    pub(super) key_id: String,
    pub(super) display_name: Option<String>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// False for a credential of unknown origin: Graph then shows a null hint.
    pub(super) shows_hint: bool,
    pub(super) value: Arc<str>,
}

impl Password {
    /// As reads show it: without the value.
    pub(super) fn shown(&self) -> Value {
        let hint = self.shows_hint.then(|| self.value.chars().take(3).collect::<String>());
        json!({
            "customKeyIdentifier": null,
            "displayName": self.display_name,
            "endDateTime": self.end.to_string(),
            "hint": hint,
            "keyId": self.key_id,
            "secretText": null,
            "startDateTime": self.start.to_string(),
        })
    }
    /// As `addPassword` answers, once.
    pub(super) fn shown_once(&self) -> Value {
        let mut shown = self.shown();
        shown["secretText"] = json!(&*self.value);
        shown
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) key_id: String,
    pub(super) display_name: Option<String>,
    /// Base64 as given, or the certificate's SHA-1 thumbprint.
    pub(super) custom_key_identifier: String,
    pub(super) kind: String,
    pub(super) usage: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// The certificate.
    pub(super) der: Arc<[u8]>,
}

impl Key {
    /// As reads show it; the certificate itself only where Graph documents it.
    pub(super) fn shown(&self, with_key: bool) -> Value {
        json!({
            "customKeyIdentifier": self.custom_key_identifier,
            "displayName": self.display_name,
            "endDateTime": self.end.to_string(),
            "key": with_key.then(|| STANDARD.encode(&self.der)),
            "keyId": self.key_id,
            "startDateTime": self.start.to_string(),
            "type": self.kind,
            "usage": self.usage,
        })
    }
}

pub(super) fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

pub(super) fn base64_std(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn base64_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Base64 of either alphabet, padded or not, with line breaks: clients send all of them.
pub(super) fn base64_any(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '=')
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(plain).ok()
}
