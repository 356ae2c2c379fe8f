//! What several commands need: an installation, a session with the tenant, a runtime.

mod fleet;
mod secret;

use super::Session;
use super::codes;
use super::error::Failure;
use super::ground::home_failure;
use crate::azure::Azure;
use crate::azure::assertion::CertificateKey;
use crate::azure::credential::Identity;
use crate::azure::quota;
use crate::domain::event::Environment;
use crate::domain::id::{ClientId, TenantId};
use crate::domain::playbook::model::Cloud;
use crate::domain::quotas;
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::env::{DiskError, Env};
use crate::trail::{Home, HomeError};
use crate::wire::budget::{Budget, Start};
use crate::wire::net::{Net, NetOptions, Roots};
use clap::ValueEnum;
use serde::Deserialize;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

const KEY_BYTES_MAX: u64 = 64 << 10;

const HOME: &str = ".reissue";
const HOME_VARIABLE: &str = "REISSUE_HOME";

/// Which installation.
#[derive(clap::Args)]
pub(crate) struct HomeArguments {
    /// The installation's folder, made by `reissue init`
    #[arg(long, value_name = "DIR", default_value = HOME, env = HOME_VARIABLE)]
    pub(crate) home: PathBuf,
    /// It is from a fleet file: no option names it.
    #[arg(skip)]
    pub(crate) of_a_row: bool,
}

impl HomeArguments {
    pub(crate) fn open(&self, session: &Session) -> Result<Home, Failure> {
        Home::open(&session.env, &self.home).map_err(|e| {
            let failure = home_failure(&self.home, &e);
            match (&e, self.of_a_row) {
                (HomeError::Missing(_), true) => {
                    let dir = super::status::quote(&self.home.display().to_string());
                    let next = format!(
                        "correct `home` in the fleet file, or make it with `reissue init --home {dir} --cloud CLOUD`"
                    );
                    Failure { next, ..failure }
                }
                _ => failure,
            }
        })
    }
}

/// Who acts, chosen explicitly: nothing falls through to somebody else.
#[derive(Clone, clap::Args)]
pub(crate) struct ActingArguments {
    /// How to sign in
    #[arg(long = "as", value_name = "HOW", value_enum)]
    how: Option<How>,
    /// The application that acts
    #[arg(long, value_name = "GUID")]
    client_id: Option<String>,
    /// Read the client secret from this open file descriptor
    #[arg(long, value_name = "N")]
    secret_fd: Option<u32>,
    /// Read the client secret from this file: yours, and readable to nobody else (mode 0600)
    #[arg(long, value_name = "FILE", conflicts_with = "secret_fd")]
    secret_file: Option<PathBuf>,
    /// PEM file with the certificate and its private key
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Use the lab that `reissue lab` serves from this folder, and nothing else
    #[arg(long, value_name = "DIR")]
    lab: Option<PathBuf>,
    /// Percent of the documented quotas to use [default: 70; of a run that goes on, what it was begun with]
    #[arg(long, value_name = "PERCENT", value_parser = percentage, allow_negative_numbers = true)]
    pace: Option<u8>,
    /// What the tenant's quotas are, where they are not as documented
    #[arg(long, value_name = "FILE")]
    quotas: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum How {
    /// A client secret, from a file descriptor or a file
    Secret,
    /// A certificate
    Certificate,
    /// Whoever is signed in to the Azure CLI
    AzureCli,
}

/// `lab.json`, as far as it is needed here.
#[derive(Deserialize)]
struct LabFile {
    addr: SocketAddr,
    hosts: Vec<String>,
}

/// `operator.json`: the lab's own operator.
#[derive(Deserialize)]
struct OperatorFile {
    client_id: ClientId,
    secret: String,
    /// How much shorter pauses between looks may be in this lab.
    haste: u32,
}

/// A share of the quotas: whole percent, never none and never more than all.
fn percentage(text: &str) -> Result<u8, String> {
    let percent = text.parse().ok().filter(|p| (1..=100).contains(p));
    percent.ok_or_else(|| "it is a whole number of percent, from 1 to 100".to_owned())
}

impl ActingArguments {
    pub(crate) fn environment(&self) -> Environment {
        if self.lab.is_some() { Environment::Lab } else { Environment::Production }
    }

    /// The same arguments again, for command lines that come next.
    pub(crate) fn words(&self) -> Vec<String> {
        let how = self.how.and_then(|how| how.to_possible_value()).map(|v| v.get_name().to_owned());
        let path = |p: &Option<PathBuf>| p.as_ref().map(|p| p.display().to_string());
        let given = [
            ("--as", how),
            ("--client-id", self.client_id.clone()),
            ("--secret-fd", self.secret_fd.map(|fd| fd.to_string())),
            ("--secret-file", path(&self.secret_file)),
            ("--certificate", path(&self.certificate)),
            ("--lab", path(&self.lab)),
            ("--pace", self.pace.filter(|p| *p != Budget::PACE_DEFAULT).map(|p| p.to_string())),
            ("--quotas", path(&self.quotas)),
        ];
        given.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).flatten().collect()
    }

    /// The machine, with the haste of a fast lab; never with any in a real tenant.
    pub(crate) fn in_time(&self, env: &Env) -> Result<Env, Failure> {
        let Some(lab) = &self.lab else { return Ok(env.clone()) };
        let operator: OperatorFile = read_json(env, lab, "operator.json")?;
        Ok(Env { clock: env.clock.hasty(operator.haste), ..env.clone() })
    }

    /// A session with one tenant. Nothing is sent yet.
    pub(crate) fn session(
        &self,
        session: &Session,
        cloud: Cloud,
        tenant: &TenantId,
        start: Start,
    ) -> Result<Azure, Failure> {
        let said = self.said_quotas(&session.env)?.unwrap_or_default();
        self.session_under(session, (cloud, tenant), &said, start)
    }

    /// The same, where it is known what is said of quotas.
    pub(crate) fn session_under(
        &self,
        session: &Session,
        (cloud, tenant): (Cloud, &TenantId),
        said: &[quotas::Named],
        start: Start,
    ) -> Result<Azure, Failure> {
        let env = &self.in_time(&session.env)?;
        let identity = self.identity(env)?;
        let net = Net::new(self.net_options(env)?);
        let net = net.map_err(|e| Failure::new(codes::NETWORK, e.to_string(), "check the CA file"))?;
        let budget = Azure::budget_with(env, said, self.pace(), start);
        session.line.draws_on(&budget);
        let wire = session.line.around(net, self.lab.as_deref());
        Ok(Azure::new(env, cloud, tenant.clone(), wire, budget, identity))
    }

    /// The share of the quotas that is used.
    pub(crate) fn pace(&self) -> u8 {
        self.pace.unwrap_or(Budget::PACE_DEFAULT)
    }

    /// The same, at the pace of a run that goes on, unless another is named.
    pub(crate) fn going_on_at(&self, recorded: Option<u8>) -> Self {
        Self { pace: self.pace.or(recorded), ..self.clone() }
    }

    /// What the quota file says, if there is one.
    pub(crate) fn said_quotas(&self, env: &Env) -> Result<Option<Vec<quotas::Named>>, Failure> {
        let Some(file) = &self.quotas else { return Ok(None) };
        let read = env.disk.read(file, quotas::SIZE_MAX as u64);
        let bytes = read.map_err(|e| unreadable(file, &e, "the quota file"))?;
        let read = quotas::check_bytes(&bytes, &quota::documented());
        read.map(Some).map_err(|found| Failure::unsound_quotas(file, found))
    }

    fn net_options(&self, env: &Env) -> Result<NetOptions, Failure> {
        let Some(lab) = &self.lab else { return Ok(NetOptions::default()) };
        let about: LabFile = read_json(env, lab, "lab.json")?;
        let ca =
            env.disk.read(&lab.join("ca.pem"), KEY_BYTES_MAX).map_err(|e| no_lab(lab, &e.to_string()))?;
        let table = about.hosts.into_iter().map(|host| (host, about.addr)).collect();
        Ok(NetOptions { roots: Roots::Only(ca), resolve: Some(table), plain: false })
    }

    fn identity(&self, env: &Env) -> Result<Identity, Failure> {
        let Some(how) = self.how else {
            let Some(lab) = &self.lab else {
                let what = "it is not said who acts";
                let next = "choose with `--as secret`, `--as certificate` or `--as azure-cli`";
                return Err(Failure::new(codes::IDENTITY, what, next));
            };
            let operator: OperatorFile = read_json(env, lab, "operator.json")?;
            #[cfg(feature = "leak")]
            super::leak::remember(&operator.secret);
            return Ok(Identity::Secret {
                client_id: operator.client_id,
                secret: Secret::new(operator.secret),
            });
        };
        match how {
            How::AzureCli => Ok(Identity::AzureCli),
            How::Secret => Ok(Identity::Secret { client_id: self.client_id()?, secret: secret::read(self)? }),
            How::Certificate => {
                Ok(Identity::Certificate { client_id: self.client_id()?, key: self.key(env)? })
            }
        }
    }

    fn client_id(&self) -> Result<ClientId, Failure> {
        let missing =
            || Failure::new(codes::IDENTITY, "the application is not named", "add `--client-id GUID`");
        let text = self.client_id.as_ref().ok_or_else(missing)?;
        text.parse().map_err(|e: crate::domain::id::IdError| {
            Failure::new(codes::IDENTITY, e.to_string(), "copy the Application (client) ID from the portal")
        })
    }

    fn key(&self, env: &Env) -> Result<CertificateKey, Failure> {
        let next = "add `--certificate FILE`: PEM, certificate and unencrypted RSA key";
        let missing = Failure::new(codes::IDENTITY, "there is no certificate to read", next);
        let file = self.certificate.as_ref().ok_or(missing)?;
        let read = env.disk.read(file, KEY_BYTES_MAX);
        let bytes = read.map_err(|e| unreadable(file, &e, "the certificate file"))?;
        let pem = Secret::new(String::from_utf8(bytes).unwrap_or_default());
        CertificateKey::from_pem(&pem)
            .map_err(|e| Failure::new(codes::IDENTITY, e.to_string(), next).at(file))
    }
}

/// Why a file could not be read, said the same way everywhere; `what` is what was wanted.
pub(crate) fn unreadable(file: &Path, e: &DiskError, what: &str) -> Failure {
    let itself = format!("name {what} itself: no folder, FIFO or device");
    let (found, next) = match e.kind {
        ErrorKind::NotFound => ("there is no such file".to_owned(), "check the path"),
        ErrorKind::PermissionDenied => ("you may not read this file".to_owned(), "check its owner and mode"),
        ErrorKind::InvalidInput | ErrorKind::IsADirectory => {
            ("this is not a regular file".to_owned(), itself.as_str())
        }
        ErrorKind::FileTooLarge => {
            (format!("the file is too large for {what}"), "check that it is the right file")
        }
        // ELOOP has no stable kind of its own.
        _ if e.why.contains("symbolic link") => {
            ("this is a symbolic link".to_owned(), "name the file that it points to")
        }
        _ => (format!("the file cannot be read: {}", e.why), "check the path and the disk"),
    };
    Failure::new(codes::UNREADABLE, found, next).at(file)
}

fn no_lab(lab: &Path, why: &str) -> Failure {
    let dir = super::status::quote(&lab.display().to_string());
    let next = format!("start one with `reissue lab PLAYBOOK --dir {dir}`, and leave it running");
    Failure::new(codes::NO_LAB, format!("there is no lab here: {why}"), next).at(lab)
}

fn read_json<T: for<'a> Deserialize<'a>>(env: &Env, lab: &Path, name: &str) -> Result<T, Failure> {
    let bytes = env.disk.read(&lab.join(name), KEY_BYTES_MAX);
    let bytes = bytes.map_err(|e| no_lab(lab, &format!("{name}: {}", e.why)))?;
    serde_json::from_slice(&bytes).map_err(|e| no_lab(lab, &format!("{name}: {e}")))
}

/// One thread, real time.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|e| Failure::new(codes::MACHINE, e.to_string(), "free memory, then try again"))
}

/// Work that only reads, to its end, which nothing that hangs in a thread (a resolver, the Azure CLI) holds up.
pub(crate) fn to_the_end<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let ended = runtime.block_on(work);
    runtime.shutdown_background();
    ended
}

/// Which process this is, for the log: `pid 1234 at host`.
pub(crate) fn process() -> Text<96> {
    let host = rustix::system::uname();
    Text::lossy(&format!("pid {} at {}", std::process::id(), host.nodename().to_string_lossy()))
}

/// Whether a process that the log names was on this machine and is no more. Of another machine nothing is known.
pub(crate) fn has_died(process: &str) -> bool {
    let host = rustix::system::uname();
    let here = format!(" at {}", host.nodename().to_string_lossy());
    let pid = process.strip_prefix("pid ").and_then(|rest| rest.strip_suffix(here.as_str()));
    let pid = pid.and_then(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?));
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// Ctrl-C, or a polite request to end (SIGTERM).
pub(crate) async fn interrupted() {
    let Ok(mut term) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_at_work_has_not_died_and_who_was_elsewhere_may_not_have() {
        assert!(!has_died(&process()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let name = process().replace(&std::process::id().to_string(), &child.id().to_string());
        child.wait().unwrap();
        assert!(has_died(&name), "{name}");
        assert!(!has_died(&format!("{name}.example")), "another machine");
        for odd in ["", "pid", "pid x at y", "pid 0 at", "boot:1:1"] {
            assert!(!has_died(odd), "{odd}");
        }
    }
}
