//! What can be seen on this machine: hygiene, tools, the installation and its log.

use super::{Check, Found, Place};
use crate::cli::Session;
use crate::domain::text::count;
use crate::env::{child, harden};
use crate::trail::verify::{Report, Trust, Verdict, verify};
use crate::trail::{Home, LogKey};

pub(super) fn machine() -> Vec<Check> {
    vec![core_dumps(), ssh_keygen()]
}

fn core_dumps() -> Check {
    match harden::core_dumps_are_off() {
        true => {
            Check::good("core dumps", "off for this process, and others of your user cannot read its memory")
        }
        false => Check::missing(
            "core dumps",
            "they could not be switched off",
            "run `ulimit -c 0` first; in a container, allow prctl",
        ),
    }
}

fn ssh_keygen() -> Check {
    let missing = |what: &str| {
        let todo = "install OpenSSH 8.0 or newer: approvals are signed with `ssh-keygen -Y sign`";
        Check::missing("ssh-keygen", what, todo)
    };
    // Without more arguments it refuses, and says so if it knows how to sign at all.
    match child::run("ssh-keygen", &["-Y", "sign"], b"", false) {
        Err(e) => missing(&format!("it cannot be started: {e}")),
        Ok(done) if String::from_utf8_lossy(&done.stderr).contains("namespace") => {
            Check::good("ssh-keygen", "there, and can sign approvals")
        }
        Ok(_) => missing("it is too old to sign"),
    }
}

/// The installation: is it for that tenant, is its roster the pinned one, is its log sound?
pub(super) fn installation(session: &Session, home: &Home, place: Option<&Place>) -> Vec<Check> {
    let install = &home.install;
    let root = home.root().display();
    let mut checks = Vec::new();
    match place {
        Some(p) if p.tenant != install.tenant || p.cloud != install.cloud => checks.push(Check::missing(
            "installation",
            format!("{root} is for tenant {}, not for {}", install.tenant, p.tenant),
            "name the installation of that tenant with `--home`, or make one with `reissue init`",
        )),
        _ => {
            let environment = format!("{:?}", install.environment).to_lowercase();
            checks.push(Check::good(
                "installation",
                format!("{root}, {environment}, tenant {}", install.tenant),
            ));
        }
    }
    checks.push(match crate::pipeline::here(home) {
        Ok(here) => Check::good(
            "roster",
            format!(
                "number {}, {}",
                here.rosters.version(),
                count(here.roster().people().len(), "person", "people")
            ),
        ),
        Err(e) => Check::missing("roster", e.to_string(), "restore roster.yaml from a copy"),
    });
    checks.push(log(session, home));
    checks
}

fn log(session: &Session, home: &Home) -> Check {
    let todo = "do not start a run on it; `reissue audit verify` tells more";
    let key = match LogKey::load(session.env.disk.as_ref(), &home.root().join("log.key")) {
        Ok(key) => key.public().clone(),
        Err(e) => {
            return Check::missing(
                "log",
                e.to_string(),
                "restore log.key: without it nobody can write the log",
            );
        }
    };
    let trust =
        Trust { key, roster: Some(home.install.roster), anchors: Vec::new(), keepers: Default::default() };
    match verify(&session.env.disk, &home.log(), &trust) {
        Err(e) => Check::missing("log", e.to_string(), todo),
        Ok(Report { verdict: Verdict::Tampered, size, .. }) => Check::missing(
            "log",
            format!("its {} not what was written", count(size, "line is", "lines are")),
            todo,
        ),
        Ok(Report { verdict: Verdict::Incomplete, size, .. }) => {
            let what =
                format!("{}, consistent; something in it is not finished", count(size, "line", "lines"));
            Check::new("log", Found::Note, what, "see `reissue status`")
        }
        Ok(Report { size, .. }) => {
            Check::good("log", format!("{}, consistent", count(size, "line", "lines")))
        }
    }
}
