//! A statement with its signature, and the one way in which the two become an [`Approval`].

use super::super::event::{ApprovalRecorded, Decision};
use super::super::id::Digest;
use super::super::text::Text;
use super::super::time::Timestamp;
use super::card;
use super::facts::PlanFacts;
use super::keys;
use super::refusal::ApprovalRefusal;
use super::roster::{Person, Roster, same_person};
use super::rosters::Rosters;
use super::statement::Statement;
use ssh_key::public::KeyData;
use ssh_key::{PublicKey, SshSig};

/// The namespace of an ordinary decision: a signature for one purpose never passes for another.
pub const NAMESPACE: &str = "plan-approval@reissue.v1";
/// The namespace of a lone decision in an emergency.
pub const BREAK_GLASS_NAMESPACE: &str = "break-glass@reissue.v1";
/// An RSA-16384 signature with its key fits.
const SSHSIG_BYTES_MAX: usize = 16 * 1024;
/// A signature of any kind, as text.
pub const SIGNATURE_BYTES_MAX: usize = card::CMS_BYTES_MAX;
/// The last bytes of a security key's signature: flags, and a counter of four bytes
/// (PROTOCOL.u2f).
const FIDO_TRAILER_BYTES: usize = 5;
const USER_PRESENT: u8 = 0x01;

/// A statement's bytes and an armoured signature over them, as they arrived: an SSH signature, or one by a
/// card's certificate with its list of revoked ones ([`card`]). Nothing is known about them yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedApproval {
    pub statement_bytes: Vec<u8>,
    pub armored: String,
}

/// A decision whose signature is good, by a person of the roster, about the plan at hand. There is
/// no way to make one but [`SignedApproval::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    certificate: Option<Digest>,
    digest: Digest,
    ends: Timestamp,
    fingerprint: Text<64>,
    person: Text<128>,
    roles: Vec<Text<64>>,
    statement: Statement,
}

impl Approval {
    /// SHA-256 of the statement's bytes: the approval's name.
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// The certificate that signed, by the SHA-256 of its DER; none if it was a key of the roster.
    pub fn certificate(&self) -> Option<Digest> {
        self.certificate
    }
    /// By then at the latest it has to be recorded: what is judged as of the moment of the record may end
    /// before the statement does, a certificate for example.
    pub fn ends(&self) -> Timestamp {
        self.ends
    }
    /// The key that signed, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> &Text<64> {
        &self.fingerprint
    }
    /// The person, as the roster spells the name.
    pub fn person(&self) -> &Text<128> {
        &self.person
    }
    /// What the roster says that the person is.
    pub fn roles(&self) -> &[Text<64>] {
        &self.roles
    }
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The event that records it; `signature` is the digest of the armoured signature.
    pub fn event(&self, signature: Digest) -> ApprovalRecorded {
        ApprovalRecorded {
            approver: self.person.clone(),
            break_glass: self.statement.break_glass,
            decision: self.statement.decision,
            evidence: self.statement.evidence,
            expires: self.statement.expires,
            phase: self.statement.phase,
            plan: self.statement.plan,
            signature,
            statement: self.digest,
        }
    }

    /// Whether this still holds for the plan, at `at`.
    pub fn check(&self, facts: &PlanFacts, at: Timestamp) -> Result<(), ApprovalRefusal> {
        same_plan(&self.statement, facts)?;
        in_time(&self.statement, facts, at)?;
        if self.statement.decision != Decision::Approve {
            return Ok(());
        }
        if self.statement.break_glass {
            return if facts.contain_only { Ok(()) } else { Err(ApprovalRefusal::NotContainOnly) };
        }
        if same_person(&self.person, &facts.author) {
            return Err(ApprovalRefusal::Author(self.person.clone()));
        }
        Ok(())
    }
}

impl SignedApproval {
    /// Judges everything about one approval, as of `at`: the moment it is recorded, or, later, the
    /// moment at which the log says that it was.
    pub fn verify(
        &self,
        roster: &Roster,
        facts: &PlanFacts,
        at: Timestamp,
    ) -> Result<Approval, ApprovalRefusal> {
        let approval = self.verify_signature(roster, at)?;
        for found in [roster.digest(), approval.statement.roster] {
            if found != facts.roster {
                return Err(ApprovalRefusal::OtherRoster { found, want: facts.roster });
            }
        }
        approval.check(facts, at)?;
        Ok(approval)
    }

    /// The same for a decision that was recorded earlier, under any of these rosters: what approves
    /// counts under the one in force only, what stops for as long as its person is on that.
    pub fn verify_recorded(
        &self,
        rosters: &Rosters,
        facts: &PlanFacts,
        at: Timestamp,
    ) -> Result<Approval, ApprovalRefusal> {
        let statement = Statement::from_bytes(&self.statement_bytes)?;
        let now = rosters.in_force();
        let other = || ApprovalRefusal::OtherRoster { found: statement.roster, want: facts.roster };
        let then = rosters.by_digest(&statement.roster).ok_or_else(other)?;
        if then.digest() == now.digest() {
            return self.verify(now, facts, at);
        }
        let approval = self.verify_signature(then, at)?;
        approval.check(facts, at)?;
        if now.person(&approval.person).is_none() {
            return Err(ApprovalRefusal::UnknownPerson { claimed: approval.person });
        }
        Ok(approval)
    }

    /// Judges form, signature and person only.
    fn verify_signature(&self, roster: &Roster, at: Timestamp) -> Result<Approval, ApprovalRefusal> {
        let statement = Statement::from_bytes(&self.statement_bytes)?;
        let mut ends = statement.expires;
        let (owner, fingerprint, certificate) = if card::is_cms(&self.armored) {
            // Its purpose is in the statement, which passes for nothing else.
            let by = card::signer(self, &statement.approver, roster, at)?;
            ends = ends.min(by.until);
            (by.owner, by.fingerprint, Some(by.certificate))
        } else {
            let want = if statement.break_glass { BREAK_GLASS_NAMESPACE } else { NAMESPACE };
            let (owner, fingerprint) = signer(self, want, &statement.approver, roster)?;
            (owner, fingerprint, None)
        };
        if statement.role != owner.role() {
            let (found, want) = (statement.role.clone(), owner.role());
            return Err(ApprovalRefusal::Role { person: statement.approver, found, want });
        }
        if statement.break_glass && !owner.break_glass {
            return Err(ApprovalRefusal::NotBreakGlass(owner.name.clone()));
        }
        let (digest, person) = (Digest::of(&self.statement_bytes), owner.name.clone());
        let roles = owner.roles.clone();
        Ok(Approval { certificate, digest, ends, fingerprint, person, roles, statement })
    }
}

/// The person of the roster who signed these bytes for this purpose, and with which key: the owner
/// of the key, and the one who is named.
pub(super) fn signer<'a>(
    signed: &SignedApproval,
    want: &'static str,
    claimed: &Text<128>,
    roster: &'a Roster,
) -> Result<(&'a Person, Text<64>), ApprovalRefusal> {
    if signed.armored.len() > SSHSIG_BYTES_MAX {
        return Err(ApprovalRefusal::NotASignature);
    }
    let signature = SshSig::from_pem(&signed.armored).map_err(|_| ApprovalRefusal::NotASignature)?;
    if signature.namespace() != want {
        return Err(ApprovalRefusal::Namespace { found: Text::lossy(signature.namespace()), want });
    }
    if signature.version() != SshSig::VERSION || !signature.reserved().is_empty() {
        return Err(ApprovalRefusal::NotASignature);
    }
    let key = signature.public_key();
    let owner = owner(claimed, key, roster)?;
    if !keys::signature_allowed(&signature.algorithm()) {
        let name = Text::lossy(signature.algorithm().as_str());
        return Err(ApprovalRefusal::SignatureAlgorithm(name));
    }
    PublicKey::new(key.clone(), "")
        .verify(want, &signed.statement_bytes, &signature)
        .map_err(|_| ApprovalRefusal::BadSignature)?;
    user_present(key, &signature)?;
    Ok((owner, keys::fingerprint(key)))
}

fn owner<'a>(claimed: &Text<128>, key: &KeyData, roster: &'a Roster) -> Result<&'a Person, ApprovalRefusal> {
    keys::allowed(key)?;
    let owner = roster.owner(key).ok_or_else(|| ApprovalRefusal::UnknownKey(keys::fingerprint(key)))?;
    if same_person(claimed, &owner.name) {
        return Ok(owner);
    }
    let (claimed, owner) = (claimed.clone(), owner.name.clone());
    Err(match roster.person(&claimed) {
        Some(_) => ApprovalRefusal::OtherPerson { claimed, owner },
        None => ApprovalRefusal::UnknownPerson { claimed },
    })
}

/// `ssh-keygen -Y verify` and the key library accept a security key's signature that nobody
/// touched the key for; we do not.
fn user_present(key: &KeyData, signature: &SshSig) -> Result<(), ApprovalRefusal> {
    if !matches!(key, KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_)) {
        return Ok(());
    }
    let bytes = signature.signature_bytes();
    let flags = bytes.len().checked_sub(FIDO_TRAILER_BYTES).and_then(|at| bytes.get(at));
    match flags {
        Some(flags) if flags & USER_PRESENT != 0 => Ok(()),
        _ => Err(ApprovalRefusal::NoUserPresence),
    }
}

/// Whether the statement is about this plan, here.
fn same_plan(s: &Statement, facts: &PlanFacts) -> Result<(), ApprovalRefusal> {
    if s.plan != facts.plan {
        return Err(ApprovalRefusal::OtherPlan { found: s.plan, want: facts.plan });
    }
    if s.tenant != facts.tenant {
        return Err(ApprovalRefusal::OtherTenant { found: s.tenant.clone(), want: facts.tenant.clone() });
    }
    if s.playbook != facts.playbook {
        return Err(ApprovalRefusal::OtherPlaybook { found: s.playbook, want: facts.playbook });
    }
    // What stops outlives its roster: the caller knows whether its person is still on it.
    if s.decision == Decision::Approve && s.roster != facts.roster {
        return Err(ApprovalRefusal::OtherRoster { found: s.roster, want: facts.roster });
    }
    if s.environment != facts.environment {
        return Err(ApprovalRefusal::OtherEnvironment);
    }
    if s.ticket != facts.ticket {
        return Err(ApprovalRefusal::OtherIncident { found: s.ticket.clone(), want: facts.ticket.clone() });
    }
    if s.log_head.origin != facts.log_origin {
        let (found, want) = (s.log_head.origin.clone(), facts.log_origin.clone());
        return Err(ApprovalRefusal::OtherLog { found, want });
    }
    if s.summary != facts.summary {
        return Err(ApprovalRefusal::OtherSummary);
    }
    match (facts.retire_separately && s.retires(), s.evidence) {
        (true, None) => return Err(ApprovalRefusal::NoEvidence),
        (false, Some(_)) => return Err(ApprovalRefusal::NeedlessEvidence),
        _ => {}
    }
    Ok(())
}

/// Whether an approval is valid at `at`. A reject or its withdrawal has no such limits: stopping
/// must always be possible, and stay.
fn in_time(s: &Statement, facts: &PlanFacts, at: Timestamp) -> Result<(), ApprovalRefusal> {
    if s.decision != Decision::Approve {
        return Ok(());
    }
    if s.expires.since(s.not_before) > facts.valid_for {
        return Err(ApprovalRefusal::TooLong);
    }
    if at < s.not_before {
        return Err(ApprovalRefusal::NotYetValid(s.not_before));
    }
    if at >= s.expires {
        return Err(ApprovalRefusal::Expired(s.expires));
    }
    Ok(())
}
