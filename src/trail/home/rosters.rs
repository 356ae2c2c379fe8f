//! Who may approve in an installation now: the pinned roster, and what its people made of it. The log
//! says so; `roster.yaml` is a copy of the one in force, for people.

use super::super::lines::{Lines, Piece};
use super::super::rosters::{ROSTER_BYTES_MAX, follow, pinned};
use super::super::{Checkpoint, Entry, JournalError};
use super::{Home, HomeError};
use crate::domain::approval::{Ground, Rosters, SignedApproval};
use crate::domain::event::{Event, Line, RosterChanged};
use crate::domain::id::Digest;
use crate::domain::text::Text;
use crate::env::DiskError;

impl Home {
    /// The rosters so far, each change judged again.
    pub fn rosters(&self) -> Result<Rosters, HomeError> {
        let unreadable = |what: &str, why: String| HomeError::Unreadable {
            path: self.log().root().to_owned(),
            why: Text::lossy(&format!("{what}: {why}")),
        };
        let objects = self.objects();
        let first = pinned(&objects, &self.install.roster);
        let mut rosters = first.map_err(|e| unreadable("the roster that was pinned", e))?;
        let ground = self.ground()?;
        let path = self.log().events();
        let mut lines = Lines::new(self.env.disk.open_read(&path)?);
        while let Some((place, piece)) =
            lines.next_piece().map_err(|e| DiskError::new("cannot read", &path, &e))?
        {
            let Piece::Line(bytes) = piece else { continue };
            // Canonical lines begin alike: most are told apart without reading them.
            if !bytes.starts_with(b"{\"code\":\"ROS010W\"") {
                continue;
            }
            let Ok(line) = Line::from_bytes(bytes) else { continue };
            let Event::RosterChanged(event) = &line.event else { continue };
            follow(&mut rosters, &ground, &objects, &line, event)
                .map_err(|e| unreadable(&format!("the change of the roster in line {}", place.line), e))?;
        }
        self.copy_is_known(&rosters)?;
        Ok(rosters)
    }

    /// Where its rosters count.
    pub fn ground(&self) -> Result<Ground, HomeError> {
        Ok(Ground {
            environment: self.install.environment,
            log_origin: Text::lossy(self.vkey()?.name()),
            tenant: self.install.tenant.clone(),
        })
    }

    /// People read the copy: it must be one that the log knows. Whoever died between the log and the
    /// copy left the one before.
    fn copy_is_known(&self, rosters: &Rosters) -> Result<(), HomeError> {
        let path = self.root.join("roster.yaml");
        let bytes = self.env.disk.read(&path, ROSTER_BYTES_MAX)?;
        match rosters.by_digest(&Digest::of(&bytes)) {
            Some(_) => Ok(()),
            None => Err(HomeError::RosterSwapped { path, in_force: rosters.in_force().digest() }),
        }
    }

    /// Records a change that enough people have signed, and puts it in force. No run may be on.
    pub async fn change_roster(
        &self,
        next: &[u8],
        event: RosterChanged,
        signed: &[SignedApproval],
        process: Text<96>,
    ) -> Result<Checkpoint, HomeError> {
        let (journal, _) = self.open_log("roster adopt", process, &mut |_| {})?;
        let objects = journal.objects();
        // Objects are there before the line that names them.
        let pieces = signed.iter().flat_map(|s| [s.statement_bytes.as_slice(), s.armored.as_bytes()]);
        for bytes in pieces.chain([next]) {
            objects.put(bytes).map_err(JournalError::from)?;
        }
        journal.append_one(Entry::of_log(event)).await?;
        journal.checkpoint_now().await?;
        let head = journal.head();
        journal.close().await?;
        self.env.disk.write_atomic(&self.root.join("roster.yaml"), next)?;
        Ok(head)
    }
}
