//! `reissue init`: makes an installation: the log, its key, and who may approve.

use super::codes;
use super::error::Failure;
use super::ground::home_failure;
use super::world::{process, runtime};
use super::{ExitCode, Session, status};
use crate::domain::event::Environment;
use crate::domain::id::{Digest, IdError, TenantId};
use crate::domain::playbook::model::Cloud;
use crate::domain::text::{Text, count};
use crate::trail::home::INSTALL_VERSION;
use crate::trail::{Home, Install};
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder to make
    #[arg(long, value_name = "DIR", default_value = ".reissue", env = "REISSUE_HOME")]
    home: PathBuf,
    /// The directory (tenant) that this installation is for
    #[arg(long, value_name = "GUID")]
    tenant: String,
    /// Its cloud: public, us_gov_high, us_gov_dod or china
    #[arg(long, default_value = "public")]
    cloud: String,
    /// Who may approve: a YAML file, pinned by its digest from now on
    #[arg(long, value_name = "FILE")]
    roster: PathBuf,
    /// Your organisation's name in the log's origin
    #[arg(long, value_name = "NAME", default_value = "local")]
    agency: String,
    /// For rehearsals: plans of this installation work on a lab only
    #[arg(long)]
    lab: bool,
}

#[derive(Serialize)]
struct InitObject {
    home: String,
    install: String,
    vkey: String,
    roster: Digest,
    people: usize,
}

pub(super) fn run(arguments: Arguments, session: &mut Session) -> Result<ExitCode, Failure> {
    let usage = |what: String, next: &str| Failure::new(codes::ARGUMENT, what, next);
    let tenant = tenant(&arguments.tenant)?;
    let cloud = cloud(&arguments.cloud)?;
    let plain = |s: &str| {
        (1..=64).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
    };
    if !plain(&arguments.agency) {
        let what = format!("{:?} cannot stand in the log's origin", arguments.agency);
        return Err(usage(what, "use letters, digits, dots and hyphens"));
    }
    let (roster_bytes, roster) = super::roster::load(&arguments.roster, session)?;
    let id: [u8; 6] = session.env.random.stream("install-id").bytes();
    let install = Install {
        agency: Text::lossy(&arguments.agency),
        cloud,
        environment: if arguments.lab { Environment::Lab } else { Environment::Production },
        install: Text::lossy(&crate::domain::id::hex(&id)),
        roster: roster.digest(),
        tenant,
        version: INSTALL_VERSION,
    };
    let made =
        runtime()?.block_on(Home::create(&session.env, &arguments.home, install, &roster_bytes, process()));
    let (home, vkey) = made.map_err(|e| home_failure(&arguments.home, &e))?;
    let object = InitObject {
        home: arguments.home.display().to_string(),
        install: home.install.install.to_string(),
        vkey: vkey.to_string(),
        roster: roster.digest(),
        people: roster.people().len(),
    };
    session.out.object("init", &object);
    let out = &mut session.out;
    out.line(&format!("Made the installation {} in {}.", object.install, object.home));
    out.line(&format!("  tenant  {} ({})", home.install.tenant, arguments.cloud));
    out.line(&format!("  roster  {}, {}", count(object.people, "person", "people"), object.roster));
    out.line("  the log's public key, to be kept somewhere else:");
    out.line(&format!("    {}", object.vkey));
    let (acting, at) = (status::somebody(home.install.environment), status::at_home(&arguments.home));
    out.line(&format!("Next: `reissue plan PLAYBOOK --author NAME{acting}{at}`."));
    Ok(ExitCode::Done)
}

/// A tenant from the command line.
pub(super) fn tenant(text: &str) -> Result<TenantId, Failure> {
    text.parse().map_err(|e: IdError| Failure::new(codes::ARGUMENT, format!("--tenant: {e}"), "give a GUID"))
}

/// A cloud from the command line.
pub(super) fn cloud(text: &str) -> Result<Cloud, Failure> {
    let found = Cloud::ALL.iter().find(|(_, name)| *name == text).map(|(cloud, _)| *cloud);
    found.ok_or_else(|| {
        let next = "choose public, us_gov_high, us_gov_dod or china";
        Failure::new(codes::ARGUMENT, format!("--cloud: there is no cloud {text:?}"), next)
    })
}
