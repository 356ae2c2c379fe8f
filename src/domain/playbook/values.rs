//! Reading single values: text, numbers, times, identifiers, names that end up in URLs.

use super::super::id::{IdError, KeyId};
use super::super::text::{Text, TextError};
use super::super::time::{Timestamp, parse_span, show_span};
use super::diagnostic::Code;
use super::fields::{Item, list, nearest};
use super::model::{Cloud, Limit};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

const SPAN_HINT: &str = "write a whole number and s, m, h or d: 90s, 30m, 26h, 7d";

impl<'a> Item<'a> {
    /// Text that is not empty, printable, and has no space at its ends.
    pub fn text<const N: usize>(&self) -> Option<Text<N>> {
        let hint = "write one line of text, in quotes if it has signs like `:` or `#`";
        let text = self.scalar("text", hint)?.text.as_str();
        if text.trim().is_empty() {
            return self.wrong(Code::EmptyValue, format!("`{}` is empty", self.name), hint);
        }
        match Text::new(text.trim()) {
            Ok(text) => Some(text),
            // Not how long it is: the text may be a secret.
            Err(TextError::TooLong { most, .. }) => {
                let message = format!("`{}` has more than {most} characters", self.name);
                self.wrong(Code::TooLong, message, "shorten it")
            }
            Err(TextError::Hostile(0x0a)) => {
                let message = format!("`{}` has several lines; one is taken", self.name);
                self.wrong(Code::Hostile, message, "write it on one line")
            }
            Err(TextError::Hostile(c)) => {
                let message = format!("`{}` holds the character U+{c:04X}, which does not print", self.name);
                self.wrong(Code::Hostile, message, "type the text anew; it may come from a web page or a log")
            }
        }
    }

    /// A name made of `allowed` characters, beginning with a letter or digit.
    pub fn name<const N: usize>(&self, allowed: &str) -> Option<Text<N>> {
        let text = self.text::<N>()?;
        let good = |c: char| c.is_ascii_alphanumeric() || allowed.contains(c);
        if text.chars().all(good) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Some(text);
        }
        let signs: Vec<String> = allowed.chars().map(|c| format!("`{c}`")).collect();
        let message = "this name cannot be used here";
        let hint = format!("letters a-z, digits and {}, beginning with a letter or digit", signs.join(" "));
        self.wrong(Code::BadName, message, hint)
    }

    pub fn flag(&self) -> Option<bool> {
        let scalar = self.scalar("true or false", "write true or false")?;
        match (scalar.text.as_str(), scalar.plain) {
            ("true", true) => Some(true),
            ("false", true) => Some(false),
            _ => {
                let message = format!("`{}` is neither true nor false", self.name);
                self.wrong(Code::NotABoolean, message, "write true or false: no yes, no, on, off, no quotes")
            }
        }
    }

    pub fn number(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let hint = format!("write a whole number from {} to {}, without quotes", range.start(), range.end());
        let scalar = self.scalar("a number", &hint)?;
        let number = if scalar.plain { whole(&scalar.text) } else { None };
        match number {
            Some(n) if range.contains(&n) => Some(n),
            Some(_) => self.wrong(Code::NotANumber, format!("`{}` is out of range", self.name), hint),
            None => self.wrong(Code::NotANumber, format!("`{}` is not a whole number", self.name), hint),
        }
    }

    pub fn span(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = &self.scalar("a span of time", SPAN_HINT)?.text;
        let Ok(span) = parse_span(text) else {
            return self.wrong(Code::NotASpan, format!("`{}` is not a span of time", self.name), SPAN_HINT);
        };
        if range.contains(&span) {
            return Some(span);
        }
        let hint = format!("from {} to {}", show_span(*range.start()), show_span(*range.end()));
        self.wrong(Code::NotASpan, format!("`{}` is out of range", self.name), hint)
    }

    pub fn time(&self) -> Option<Timestamp> {
        let hint = "write it as 2026-11-23T07:00:00Z";
        let text = &self.scalar("a time", hint)?.text;
        text.parse()
            .ok()
            .or_else(|| self.wrong(Code::NotATime, format!("`{}` is not a time", self.name), hint))
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, words: &[(T, &'static str)]) -> Option<T> {
        let names: Vec<&'static str> = words.iter().map(|(_, name)| *name).collect();
        let hint = format!("one of: {}", list(&names));
        let text = &self.scalar("a word", &hint)?.text;
        if let Some((value, _)) = words.iter().find(|(_, name)| name == text) {
            return Some(*value);
        }
        let hint = match nearest(text, &names) {
            Some(near) => format!("did you mean `{near}`? {hint}"),
            None => hint,
        };
        self.wrong(Code::NotAWord, format!("unknown value of `{}`", self.name), hint)
    }

    /// A GUID of some kind.
    pub fn id<T: FromStr<Err = IdError>>(&self) -> Option<T> {
        let hint = "32 hexadecimal digits with hyphens: 8a1d0000-0000-4000-8000-000000000001";
        let text = &self.scalar("an id (a GUID)", hint)?.text;
        match text.parse() {
            Ok(id) => Some(id),
            Err(IdError { want, .. }) => {
                self.wrong(Code::NotAnId, format!("`{}` is not {want}", self.name), hint)
            }
        }
    }

    /// The id of one credential. The portal shows a secret's id beside its value, so what is
    /// pasted here by mistake may be the value.
    pub fn key_id(&self) -> Option<KeyId> {
        let hint = "the id of the credential (\"Secret ID\" in the portal), 32 hexadecimal digits with \
                    hyphens; never the value";
        let text = &self.scalar("a key id (a GUID)", hint)?.text;
        let id = text.parse().ok();
        id.or_else(|| self.wrong_and_hidden(Code::NotAnId, "`key_id` is not a key id (a GUID)", hint))
    }

    /// The first three characters of a secret, as Entra publishes them.
    pub fn hint(&self) -> Option<Text<3>> {
        let hint = "the three characters that the portal and Graph show of a secret, for example x7Q; \
                    never the secret itself";
        let text = &self.scalar("three characters", hint)?.text;
        let good = text.chars().count() == 3 && text.chars().all(|c| c.is_ascii_graphic());
        let text = if good { Text::new(text.as_str()).ok() } else { None };
        text.or_else(|| self.wrong_and_hidden(Code::NotAHint, "a hint has exactly three characters", hint))
    }

    /// SHA-1 of a certificate, made lower-case.
    pub fn thumbprint(&self) -> Option<Text<40>> {
        let hint = "the SHA-1 of the certificate: 40 hexadecimal digits without colons or spaces";
        let text = &self.scalar("a thumbprint", hint)?.text;
        let good = text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let text = if good { Text::new(text.to_ascii_lowercase()).ok() } else { None };
        text.or_else(|| self.wrong_and_hidden(Code::NotAThumbprint, "this is not a thumbprint", hint))
    }

    /// A user principal name, made lower-case. Which characters it may have: Microsoft Entra
    /// Connect, "userPrincipalName": letters, digits and `' . - _ ! # ^ ~`, then one `@`.
    pub fn upn(&self) -> Option<Text<128>> {
        let hint = "the user principal name, like alice@agency.example";
        let text = self.scalar("a user", hint)?.text.to_ascii_lowercase();
        let good = text.split_once('@').is_some_and(|(name, domain)| {
            let plain = |c: char| c.is_ascii_alphanumeric();
            !name.is_empty()
                && name.chars().all(|c| plain(c) || "'.-_!#^~".contains(c))
                && domain.split('.').count() >= 2
                && domain.split('.').all(|l| !l.is_empty() && l.chars().all(|c| plain(c) || c == '-'))
        });
        let text = if good { Text::new(text).ok() } else { None };
        text.or_else(|| {
            self.wrong(Code::NotAUser, format!("`{}` is not a user principal name", self.name), hint)
        })
    }

    /// `12` or `5%`.
    pub fn limit(&self) -> Option<Limit> {
        let hint = "write a count (10) or a percentage of all objects of that kind (5%)";
        let text = self.scalar("a limit", hint)?.text.as_str();
        let limit = match text.strip_suffix('%') {
            Some(percent) => {
                whole(percent).filter(|n| *n <= 100).and_then(|n| u8::try_from(n).ok()).map(Limit::Percent)
            }
            None => whole(text).and_then(|n| u32::try_from(n).ok()).map(Limit::Count),
        };
        limit.or_else(|| self.wrong(Code::NotALimit, format!("`{}` is not a limit", self.name), hint))
    }

    /// The host of a key vault that lies directly under the suffix of `cloud`.
    pub fn vault_host(&self, cloud: Option<Cloud>) -> Option<Text<128>> {
        let example = cloud.map_or("vault.azure.net", Cloud::vault_suffix);
        let hint = format!("write https://NAME.{example}, nothing after it");
        let text = self.scalar("a vault's address", &hint)?.text.to_ascii_lowercase();
        let Some(rest) = text.strip_prefix("https://") else {
            return self.wrong(Code::VaultHost, "a vault's address begins with https://", hint);
        };
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let (name, suffix) = host.split_once('.').unwrap_or((host, ""));
        if host.contains(['/', ':', '?', '#', '@', '%']) || !is_vault_name(name) {
            return self.wrong(Code::VaultHost, "this is not the address of a key vault", hint);
        }
        match Cloud::ALL.iter().find(|(c, _)| c.vault_suffix() == suffix) {
            None => self.wrong(Code::VaultHost, "this host is not a key vault of Microsoft's", hint),
            Some((other, _)) if cloud.is_some_and(|c| c.vault_suffix() != other.vault_suffix()) => {
                self.wrong(Code::VaultHost, "this vault is in another cloud than the tenant", hint)
            }
            Some(_) => Text::new(host).ok(),
        }
    }
}

/// A number in its only spelling: digits, no sign, no leading zero.
fn whole(text: &str) -> Option<u64> {
    let n: u64 = text.parse().ok()?;
    (n.to_string() == text).then_some(n)
}

/// 3 to 24 letters, digits and single hyphens, a letter first, no hyphen last (Azure naming
/// rules, Microsoft.KeyVault/vaults).
fn is_vault_name(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

pub(super) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
