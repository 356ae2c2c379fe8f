//! An installation with a log that grows when asked, and a place to serve a keeper from.

use crate::support::team::{TENANT, Team};
use axum::Router;
use reissue::domain::text::Text;
use reissue::env::Env;
use reissue::trail::{Checkpoint, Home, HomeError, JournalError};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

pub(crate) struct House {
    pub(crate) team: Team,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::of(Team::sit_down("reissue: 1\n"))
    }

    /// With a lab tenant that is served, and its operator.
    pub(crate) fn beside_a_lab() -> Self {
        Self::of(Team::gather_around(
            include_str!("../../cases/desk.yaml"),
            &["--fast", "--ledger", "ledger.json"],
        ))
    }

    fn of(team: Team) -> Self {
        team.must(
            0,
            &["init", "--tenant", TENANT, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"],
        );
        let house = Self { team };
        house.grow();
        house
    }

    pub(crate) fn home(&self) -> Home {
        Home::open(&Env::real(), &self.path(".reissue")).unwrap()
    }

    /// Opens and closes the log, as every `apply` does: some more lines, a newer checkpoint.
    pub(crate) fn grow(&self) -> u64 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let open = || self.home().open_log("apply", Text::lossy("pid 1 at test"), &mut |_| {});
            let mut opened = open();
            // Another test's child has the lock too, between its fork and its exec.
            while matches!(opened, Err(HomeError::Journal(JournalError::Locked { .. }))) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                opened = open();
            }
            opened.unwrap().0.close().await.unwrap();
        });
        self.size()
    }

    /// Lines that the newest checkpoint signs.
    pub(crate) fn size(&self) -> u64 {
        self.home().head().unwrap().size
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.team.path(name)
    }
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path(".reissue/log").join(name)
    }
    pub(crate) fn anchor(&self, size: u64, suffix: &str) -> PathBuf {
        self.log("anchors").join(format!("{size:012}.{suffix}"))
    }
    pub(crate) fn checkpoint(&self, size: u64) -> PathBuf {
        self.log("checkpoints").join(Checkpoint::file_name(size))
    }
    pub(crate) fn vkey(&self) -> String {
        std::fs::read_to_string(self.log("log.vkey")).unwrap().trim().to_owned()
    }

    /// Cuts the log back to one of its checkpoints, as if nothing later had ever been: that
    /// checkpoint is the newest again, and later anchors are gone.
    pub(crate) fn cut_to(&self, size: u64) {
        let text = std::fs::read_to_string(self.log("events.jsonl")).unwrap();
        let keep: String = text.split_inclusive('\n').take(usize::try_from(size).unwrap()).collect();
        std::fs::write(self.log("events.jsonl"), keep).unwrap();
        for folder in ["checkpoints", "anchors"] {
            for entry in std::fs::read_dir(self.log(folder)).into_iter().flatten().map(|e| e.unwrap()) {
                let name = entry.file_name().into_string().unwrap();
                let of = name.get(..12).and_then(|n| n.parse::<u64>().ok());
                if of.is_some_and(|n| n > size) {
                    std::fs::remove_file(entry.path()).unwrap();
                }
            }
        }
        std::fs::copy(self.checkpoint(size), self.log("checkpoints/checkpoint")).unwrap();
    }

    pub(crate) fn anchored(&self, code: i32, arguments: &[&str]) -> String {
        self.team.must(code, &[&["audit", "anchor"], arguments].concat())
    }
    pub(crate) fn verified(&self, code: i32, arguments: &[&str]) -> String {
        self.team.must(code, &[&["audit", "verify"], arguments].concat())
    }

    /// Runs another program in the folder, which must succeed; what it printed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).current_dir(self.path("")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}\n{text}");
        text.into_owned()
    }
}

/// A server on loopback, for as long as it is kept.
pub(crate) struct Served {
    pub(crate) url: String,
    _runtime: tokio::runtime::Runtime,
}

pub(crate) fn serve(router: Router) -> Served {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener =
        runtime.block_on(tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
    Served { url, _runtime: runtime }
}
