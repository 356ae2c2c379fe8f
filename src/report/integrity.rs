//! How the record can be checked by somebody who does not believe us, and what it does not prove.

use super::ReportError;
use super::model::{Approvals, DecisionRow, FileRow, Integrity, Tone};
use super::record::Record;
use crate::domain::event::Event;
use crate::domain::id::Digest;
use crate::env::Disk;
use crate::trail::anchors::{ANCHOR_BYTES_MAX, Kind};
use crate::trail::verify::{AnchorRow, AnchorState, Part, Report, Trust, Verdict};
use crate::trail::{Folder, excerpt, objects};
use std::collections::BTreeMap;
use std::sync::Arc;

const LOG_BYTES_MAX: u64 = 4 << 30;

pub(super) fn of(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    trust: &Trust,
    report: &Report,
    (record, approvals): (&Record, &Approvals),
) -> Result<Integrity, ReportError> {
    let Report {
        anchored: _,
        anchors,
        checks,
        countersigned,
        excerpt,
        findings,
        root,
        runs: _,
        signed,
        size,
        verdict,
    } = report;
    let files = files(disk, folder, record)?;
    let tone = match verdict {
        Verdict::Intact => Tone::Good,
        Verdict::NotAnchored | Verdict::Incomplete => Tone::Caution,
        Verdict::Tampered => Tone::Bad,
    };
    Ok(Integrity {
        verdict: report.sentence(),
        excerpt: excerpt.clone(),
        countersigned: countersigned.clone(),
        tone,
        origin: trust.key.name().to_owned(),
        vkey: trust.key.to_string(),
        size: *size,
        signed: *signed,
        root: root.clone(),
        checkpoints: files.iter().filter(|f| f.what == CHECKPOINT).count() as u64,
        checks: checks.clone(),
        findings: findings.iter().map(ToString::to_string).collect(),
        anchors: heads_kept(trust, anchors),
        commands: commands(trust, approvals),
        files,
    })
}

/// Heads that others keep and that hold: those that were given, and those in the log's own folder.
fn heads_kept(trust: &Trust, rows: &[AnchorRow]) -> Vec<(String, u64)> {
    let given = trust.anchors.iter().map(|a| (a.name.to_string(), a.size));
    let own = rows.iter().filter(|r| r.state == AnchorState::Holds);
    let own = own.filter(|r| matches!(r.kind, Kind::Stamp | Kind::Witness));
    given.chain(own.map(|r| (r.why.to_string(), r.size.unwrap_or(0)))).collect()
}

const CHECKPOINT: &str = "signed head of the log";

/// Exactly what is typed, in the folder of the unpacked bundle.
fn commands(trust: &Trust, approvals: &Approvals) -> Vec<(&'static str, String)> {
    let key = &trust.key;
    let mut commands = vec![
        ("Judge it with reissue", format!("reissue audit verify --bundle BUNDLE.tar --key '{key}'")),
        (
            "Judge it without reissue (Python 3, no other library)",
            format!("python3 reissue_verify.py . '{key}'"),
        ),
        ("Compare every file with this page", "sha256sum -c SHA256SUMS".to_owned()),
    ];
    let approvals = || approvals.decisions.iter().filter(|d| d.decision == "approve");
    if let Some(d) = approvals().find(|d| d.certificate.is_none()) {
        let (signature, statement) = (d.signature.hex(), d.statement.hex());
        commands.push((
            "Check one approval with OpenSSH (the others alike; the table of approvals names their files)",
            format!(
                "ssh-keygen -Y verify -f allowed_signers -I '{}' -n {} -s objects/sha256-{signature} < \
                 objects/sha256-{statement}",
                d.person, d.namespace,
            ),
        ));
    }
    if let Some(d) = approvals().find(|d| d.certificate.is_some()) {
        commands.push(("Check one approval that a card signed, with OpenSSL (the others alike)", openssl(d)));
    }
    commands
}

/// As of the time at which the log recorded it; the certificate that is printed is the one of the roster.
fn openssl(d: &DecisionRow) -> String {
    let (signature, statement) = (d.signature.hex(), d.statement.hex());
    format!(
        "cat authorities.pem objects/sha256-{signature} > behind.pem && openssl cms -verify -binary -inform PEM -in \
         objects/sha256-{signature} -content objects/sha256-{statement} -CAfile behind.pem -no-CApath -no-CAstore \
         -partial_chain -verify_depth 0 -purpose any -crl_check -attime {} -signer card.pem -out /dev/null && openssl x509 -in card.pem \
         -outform DER | sha256sum",
        d.recorded_at.unix_s()
    )
}

/// Every file of the log that this report rests on.
fn files(disk: &Arc<dyn Disk>, folder: &Folder, record: &Record) -> Result<Vec<FileRow>, ReportError> {
    let mut rows = Vec::new();
    let mut add = |path: String, what: String, limit: u64| -> Result<(), ReportError> {
        let bytes = disk.read(&folder.root().join(&path), limit)?;
        rows.push(FileRow { path, bytes: bytes.len() as u64, sha256: Digest::of(&bytes).hex(), what });
        Ok(())
    };
    add("log.vkey".into(), "the log's public key (a copy: trust the one kept elsewhere)".into(), 4096)?;
    match folder.is_excerpt() {
        false => add("events.jsonl".into(), "the log".into(), LOG_BYTES_MAX)?,
        true => {
            add(excerpt::FILE.into(), "one run of the log; of other lines only hashes".into(), LOG_BYTES_MAX)?
        }
    }
    for name in disk.list(&folder.checkpoints())? {
        add(format!("checkpoints/{name}"), CHECKPOINT.into(), 1 << 20)?;
    }
    for name in disk.list(&folder.anchors())?.into_iter().filter(|n| Kind::of_name(n).is_some()) {
        add(format!("anchors/{name}"), "what others say of a checkpoint".into(), ANCHOR_BYTES_MAX)?;
    }
    for (digest, what) in referred(record, folder) {
        add(format!("objects/sha256-{}", digest.hex()), what.into(), objects::OBJECT_BYTES_MAX)?;
    }
    Ok(rows)
}

/// The objects that lines refer to, and what each is.
fn referred(record: &Record, folder: &Folder) -> BTreeMap<Digest, &'static str> {
    let mut all: BTreeMap<Digest, &'static str> = BTreeMap::new();
    for read in &record.lines {
        if folder.is_excerpt() && excerpt::is_withheld(&read.line.event) {
            continue;
        }
        let mut add = |digest: Digest, what: &'static str| {
            all.entry(digest).or_insert(what);
        };
        match &read.line.event {
            Event::LogOpened(e) => add(e.roster, "roster: who may approve"),
            Event::LogTornTail(e) => add(e.object, "a torn line that was set aside"),
            Event::RosterChanged(e) => {
                add(e.roster, "a later roster: who may approve");
                e.statements.iter().for_each(|s| add(*s, "a change of the roster that was signed"));
                e.signatures.iter().for_each(|s| add(*s, "SSH signature of a change of the roster"));
            }
            Event::LogHandedOver(e) => {
                add(e.statement, "the handover that was signed");
                add(e.signature, "SSH signature of the handover");
            }
            Event::ApprovalRecorded(e) => {
                add(e.statement, "what was signed");
                add(e.signature, "signature");
            }
            Event::ApprovalRefused(e) => add(e.object, "an approval that was not taken"),
            Event::NoteRefused(e) => add(e.object, "a note that was not taken"),
            Event::RunStarted(e) => add(e.plan, "plan"),
            _ => {}
        }
    }
    all
}

/// What nobody should read into this report.
pub(super) fn not_proved(report: &Report) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(Part { run: _, shown: _, hidden }) = &report.excerpt {
        all.push(format!(
            "What the {hidden} lines of the log say that are not shown here, nor whose they are. That they are so many is \
             proved. That none of them is of this run is proved once the run is finished: run.finished counts its lines."
        ));
    }
    match report.anchored {
        None => all.push(
            "No head of the log that is kept elsewhere was given. So it is not proved that the holder of the log's \
             key did not rewrite it, nor that its end was not cut off together with its checkpoints. The approvers \
             signed heads of the log: compare with the copies they keep."
                .to_owned(),
        ),
        Some(size) if size < report.size => all.push(format!(
            "The anchor covers the first {size} lines. The {} after them rest on the log's own key.",
            report.size - size
        )),
        Some(_) => {}
    }
    all.extend(
        [
            "That the attacker has no other way in. Only what is listed here was replaced or switched off; other \
             credentials, owners and permissions that were seen are listed, not judged.",
            "That nothing happened while the old credentials worked. Review sign-in, token-issuance and \
             account-activity logs for the whole time of exposure.",
            "That a token issued before does not work. Tokens cannot be called back; the horizon says until when \
             they may live.",
            "That consumers not declared in the playbook still work.",
            "That the clock of the machine was right. Times are its own, and never run backwards in the log.",
            "What other tools or people did in the tenant. Compare with the directory's own audit log.",
        ]
        .map(str::to_owned),
    );
    all
}
