//! Who may decide, and with which keys: a small YAML file, pinned by the digest of its exact
//! bytes when the log is begun.
//!
//! ```yaml
//! reissue_roster: 1
//! quorum_at_least: 2
//! roles_at_least: { security-officer: 1 }
//! people:
//!   - name: ann@agency.example
//!     role: security-officer
//!     keys: [ "ssh-ed25519 AAAA… ann" ]
//!   - name: ben@agency.example
//!     roles: [ system-owner, incident-lead ]
//!     keys: [ "sk-ssh-ed25519@openssh.com AAAA… ben" ]
//!     break_glass: true
//! ```
//!
//! Who signs with the certificate of a card ([`super::card`]) has its digest under `certificates`, and the
//! roster the certificate of the authority that issued it:
//!
//! ```yaml
//! authorities:
//!   - |
//!     -----BEGIN CERTIFICATE-----
//!     …
//! people:
//!   - name: ann@agency.example
//!     certificates: [ "sha256:…" ]
//!     …
//! ```

use super::super::id::Digest;
use super::super::text::Text;
use super::card::{Authority, AuthorityError};
use super::keys::{self, KeyRefusal};
use super::seats::Seats;
use super::signed::{BREAK_GLASS_NAMESPACE, NAMESPACE};
use serde::Deserialize;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;
use std::collections::{BTreeMap, BTreeSet};

const ROSTER_BYTES_MAX: usize = 256 * 1024;
const PEOPLE_MAX: usize = 500;
const KEYS_MAX: usize = 16;
const CERTIFICATES_MAX: usize = 8;
const AUTHORITIES_MAX: usize = 16;
const ROLES_MAX: usize = 4;
const SEATS_MAX: usize = 10;

/// Why a roster is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    #[error("the roster is larger than {ROSTER_BYTES_MAX} bytes; a roster of {PEOPLE_MAX} people is not")]
    TooLarge,
    #[error("the roster is not UTF-8 text")]
    NotText,
    #[error("the roster cannot be read: {0}")]
    Yaml(String),
    #[error("the roster says `reissue_roster: {0}`; this version reads 1")]
    Version(u32),
    #[error("the roster names nobody; list the people who approve under `people`")]
    Empty,
    #[error("the roster wants {want} people to agree and names {found}: no plan could ever be approved")]
    QuorumTooHigh { want: u8, found: usize },
    #[error(
        "the roster asks for the seat of {0} in every quorum, and not enough of its people have that role"
    )]
    NobodyForSeat(Text<64>),
    #[error("the roster asks for {0} seats in every quorum; {SEATS_MAX} are the most")]
    SeatCount(usize),
    #[error(
        "{0}: give `role`, or `roles` with 1 to {ROLES_MAX} different ones, without commas and of 64 characters together"
    )]
    Roles(Text<128>),
    #[error("the roster names more than {PEOPLE_MAX} people")]
    TooMany,
    #[error(
        "{0:?} does not name one person: a name is 1 to 128 visible characters without spaces, quotes, commas \
         and wildcards (* ? !), best an e-mail address"
    )]
    Name(Text<128>),
    #[error("{0} is listed twice; list each person once, with all keys")]
    SameName(Text<128>),
    #[error("{person}: {found} keys; give at least one and at most {KEYS_MAX}")]
    KeyCount { person: Text<128>, found: usize },
    #[error("{person}, key {no}: {why}")]
    Key { person: Text<128>, no: usize, why: KeyRefusal },
    #[error("authority {no}: {why}")]
    Authority { no: usize, why: AuthorityError },
    #[error("the roster pins {0} authorities; {AUTHORITIES_MAX} are the most")]
    AuthorityCount(usize),
    #[error("{person}: {found} certificates; {CERTIFICATES_MAX} are the most")]
    CertificateCount { person: Text<128>, found: usize },
    #[error(
        "{0} has a certificate, and the roster pins no authority that could have issued it (`authorities`)"
    )]
    NoAuthority(Text<128>),
    #[error(
        "the certificate {certificate} is listed for {one} and for {other}; it belongs to one person, once"
    )]
    SameCertificate { certificate: Digest, one: Text<128>, other: Text<128> },
    #[error("the key {fingerprint} is listed for {one} and for {other}; a key belongs to one person, once")]
    SameKey { fingerprint: Text<64>, one: Text<128>, other: Text<128> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoster {
    reissue_roster: u32,
    #[serde(default)]
    quorum_at_least: u8,
    #[serde(default)]
    roles_at_least: BTreeMap<Text<64>, u8>,
    #[serde(default)]
    authorities: Vec<String>,
    people: Vec<RawPerson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPerson {
    name: String,
    role: Option<Text<64>>,
    roles: Option<Vec<Text<64>>>,
    keys: Vec<String>,
    #[serde(default)]
    certificates: Vec<Digest>,
    #[serde(default)]
    break_glass: bool,
}

/// Somebody who may approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: Text<128>,
    pub roles: Vec<Text<64>>,
    pub keys: Vec<PublicKey>,
    /// Certificates of the person's cards, by the SHA-256 of their DER.
    pub certificates: Vec<Digest>,
    /// May release containment alone, in an emergency.
    pub break_glass: bool,
}

impl Person {
    /// All roles in one line, as a statement names them.
    pub fn role(&self) -> Text<64> {
        Text::lossy(&title(&self.roles))
    }
}

fn title(roles: &[Text<64>]) -> String {
    roles.iter().map(Text::as_str).collect::<Vec<_>>().join(", ")
}

/// The people who may approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    digest: Digest,
    quorum_at_least: u8,
    roles_at_least: Seats,
    authorities: Vec<Authority>,
    people: Vec<Person>,
}

/// A name that is one person and nothing else, also in an OpenSSH `allowed_signers` file.
fn person_name(name: &str) -> Result<Text<128>, RosterError> {
    let bad = |c: char| c.is_whitespace() || matches!(c, '*' | '?' | '!' | ',' | '"' | '\'' | '#' | '\\');
    match Text::new(name) {
        Ok(text) if !name.is_empty() && !name.chars().any(bad) => Ok(text),
        _ => Err(RosterError::Name(Text::lossy(name))),
    }
}

/// Names are compared without regard to case, as directories compare user principal names.
pub fn same_person(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

impl Roster {
    /// Reads and checks a roster.
    pub fn from_yaml(bytes: &[u8]) -> Result<Self, RosterError> {
        if bytes.len() > ROSTER_BYTES_MAX {
            return Err(RosterError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RosterError::NotText)?;
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_aliases: 0, max_anchors: 0, max_documents: 1, max_depth: 8 },
            duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
            merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
            strict_booleans: true,
        };
        let raw: RawRoster = serde_saphyr::from_str_with_options(text, options)
            .map_err(|e| RosterError::Yaml(printable(&e.to_string())))?;
        if raw.reissue_roster != 1 {
            return Err(RosterError::Version(raw.reissue_roster));
        }
        let people: Vec<Person> = raw.people.into_iter().map(person).collect::<Result<_, _>>()?;
        match people.len() {
            0 => return Err(RosterError::Empty),
            n if n > PEOPLE_MAX => return Err(RosterError::TooMany),
            _ => {}
        }
        refuse_doubles(&people)?;
        if usize::from(raw.quorum_at_least) > people.len() {
            return Err(RosterError::QuorumTooHigh { want: raw.quorum_at_least, found: people.len() });
        }
        let roles_at_least = floor(raw.roles_at_least, &people)?;
        let authorities = authorities(&raw.authorities, &people)?;
        let (digest, quorum_at_least) = (Digest::of(bytes), raw.quorum_at_least);
        Ok(Self { digest, quorum_at_least, roles_at_least, authorities, people })
    }

    /// SHA-256 of the file's exact bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// The least quorum, whatever a playbook says: a plan's author cannot lower it.
    pub fn quorum_at_least(&self) -> u8 {
        self.quorum_at_least
    }
    /// The seats of every quorum, whatever a playbook says.
    pub fn roles_at_least(&self) -> &Seats {
        &self.roles_at_least
    }
    /// Whose certificates count.
    pub fn authorities(&self) -> &[Authority] {
        &self.authorities
    }
    pub fn people(&self) -> &[Person] {
        &self.people
    }
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|p| same_person(&p.name, name))
    }
    /// Whose key this is.
    pub fn owner(&self, key: &KeyData) -> Option<&Person> {
        self.people.iter().find(|p| p.keys.iter().any(|k| k.key_data() == key))
    }

    /// Whose certificate this is, by its digest.
    pub fn holder(&self, certificate: &Digest) -> Option<&Person> {
        self.people.iter().find(|p| p.certificates.contains(certificate))
    }

    /// The same people as an OpenSSH `allowed_signers` file (ssh-keygen(1), ALLOWED SIGNERS), so
    /// that `ssh-keygen -Y verify` can check approvals without us.
    pub fn allowed_signers(&self) -> String {
        let mut out = String::new();
        for Person { name, roles: _, keys, certificates: _, break_glass } in &self.people {
            let ordinary =
                [NAMESPACE, super::handover::HANDOVER_NAMESPACE, super::roster_change::ROSTER_NAMESPACE];
            let mut namespaces = ordinary.join(",");
            if *break_glass {
                namespaces = format!("{namespaces},{}", BREAK_GLASS_NAMESPACE);
            }
            for key in keys {
                let bare = PublicKey::new(key.key_data().clone(), "").to_openssh().unwrap_or_default();
                out.push_str(&format!("{name} namespaces=\"{namespaces}\" {}\n", bare.trim_end()));
            }
        }
        out
    }
}

fn person(raw: RawPerson) -> Result<Person, RosterError> {
    let RawPerson { name, role, roles, keys, certificates, break_glass } = raw;
    let name = person_name(&name)?;
    let roles = read_roles(role, roles).ok_or_else(|| RosterError::Roles(name.clone()))?;
    if keys.is_empty() || keys.len() > KEYS_MAX {
        return Err(RosterError::KeyCount { person: name, found: keys.len() });
    }
    if certificates.len() > CERTIFICATES_MAX {
        return Err(RosterError::CertificateCount { person: name, found: certificates.len() });
    }
    let read = |(i, line): (usize, &String)| {
        keys::read(line).map_err(|why| RosterError::Key { person: name.clone(), no: i + 1, why })
    };
    let keys = keys.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(Person { name, roles, keys, certificates, break_glass })
}

/// One role, or several; a list is read back from its line, so that no name can pass for two.
fn read_roles(role: Option<Text<64>>, roles: Option<Vec<Text<64>>>) -> Option<Vec<Text<64>>> {
    let roles = match (role, roles) {
        (Some(role), None) => return Some(vec![role]),
        (None, Some(roles)) => roles,
        _ => return None,
    };
    let different: BTreeSet<&Text<64>> = roles.iter().collect();
    let good = (1..=ROLES_MAX).contains(&roles.len())
        && different.len() == roles.len()
        && roles.iter().all(|r| !r.is_empty() && !r.contains(','))
        && Text::<64>::new(title(&roles)).is_ok();
    good.then_some(roles)
}

/// The seats of every quorum, which these people must be able to fill.
fn floor(raw: BTreeMap<Text<64>, u8>, people: &[Person]) -> Result<Seats, RosterError> {
    let seats: Seats = raw.into_iter().collect();
    if seats.count() > SEATS_MAX {
        return Err(RosterError::SeatCount(seats.count()));
    }
    let roles: Vec<&[Text<64>]> = people.iter().map(|p| p.roles.as_slice()).collect();
    match seats.unfilled(&roles).into_iter().next() {
        Some(role) => Err(RosterError::NobodyForSeat(role)),
        None => Ok(seats),
    }
}

/// Authorities, without which no certificate counts.
fn authorities(raw: &[String], people: &[Person]) -> Result<Vec<Authority>, RosterError> {
    if raw.len() > AUTHORITIES_MAX {
        return Err(RosterError::AuthorityCount(raw.len()));
    }
    let holder = people.iter().find(|p| !p.certificates.is_empty());
    if let Some(person) = holder.filter(|_| raw.is_empty()) {
        return Err(RosterError::NoAuthority(person.name.clone()));
    }
    let read = |(i, pem): (usize, &String)| {
        Authority::from_pem(pem).map_err(|why| RosterError::Authority { no: i + 1, why })
    };
    raw.iter().enumerate().map(read).collect()
}

fn refuse_doubles(people: &[Person]) -> Result<(), RosterError> {
    let mut names = BTreeMap::new();
    let mut owners: BTreeMap<&KeyData, &Person> = BTreeMap::new();
    let mut holders: BTreeMap<&Digest, &Person> = BTreeMap::new();
    for person in people {
        if names.insert(person.name.to_lowercase(), ()).is_some() {
            return Err(RosterError::SameName(person.name.clone()));
        }
        for certificate in &person.certificates {
            if let Some(one) = holders.insert(certificate, person) {
                return Err(RosterError::SameCertificate {
                    certificate: *certificate,
                    one: one.name.clone(),
                    other: person.name.clone(),
                });
            }
        }
        for key in &person.keys {
            if let Some(one) = owners.insert(key.key_data(), person) {
                return Err(RosterError::SameKey {
                    fingerprint: keys::fingerprint(key.key_data()),
                    one: one.name.clone(),
                    other: person.name.clone(),
                });
            }
        }
    }
    Ok(())
}

/// The YAML library's message, which may quote the file.
fn printable(message: &str) -> String {
    let hostile = |c: char| super::super::text::is_hostile(c) && c != '\n';
    message.chars().take(2000).map(|c| if hostile(c) { '\u{fffd}' } else { c }).collect()
}
