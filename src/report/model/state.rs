//! How things stand: of a run, a target, a credential, a step; each with its words and its tone.

use serde::Serialize;

/// How grave the state of the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    Good,
    Caution,
    Bad,
}

/// Where a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Done,
    DoneNotEvicted,
    Partial,
    Undone,
    Abandoned,
    Stuck,
    Running,
    Waiting,
}

impl Standing {
    pub fn words(self) -> &'static str {
        match self {
            Standing::Done => "done",
            Standing::DoneNotEvicted => "rotated, not evicted",
            Standing::Partial => "done in part",
            Standing::Undone => "failed and undone",
            Standing::Abandoned => "abandoned by a person",
            Standing::Stuck => "stuck: a person is needed",
            Standing::Running => "under way",
            Standing::Waiting => "not begun",
        }
    }
    pub fn tone(self) -> Tone {
        match self {
            Standing::Done => Tone::Good,
            Standing::DoneNotEvicted | Standing::Running | Standing::Waiting => Tone::Caution,
            Standing::Partial | Standing::Undone | Standing::Abandoned | Standing::Stuck => Tone::Bad,
        }
    }
    pub fn is_done(self) -> bool {
        matches!(self, Standing::Done | Standing::DoneNotEvicted)
    }
}

/// Whether a leaked credential still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    ProvedDead,
    /// It was taken away; the evidence that it is dead is missing.
    RemovedNotProved,
    /// A person says so, and the run did not prove it.
    SaidDone,
    StillUsable,
}

impl Fate {
    pub fn words(self) -> &'static str {
        match self {
            Fate::ProvedDead => "proved dead",
            Fate::RemovedNotProved => "removed, death not proved",
            Fate::SaidDone => "said to be done, not proved",
            Fate::StillUsable => "STILL USABLE",
        }
    }
    pub fn tone(self) -> Tone {
        match self {
            Fate::ProvedDead => Tone::Good,
            Fate::RemovedNotProved | Fate::SaidDone => Tone::Caution,
            Fate::StillUsable => Tone::Bad,
        }
    }
}

/// How a planned step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    AsPlanned,
    /// Done, but not at the first attempt, or only seen to be done by looking.
    AfterTrouble,
    Undone,
    Failed,
    InDoubt,
    NotReached,
}

impl StepOutcome {
    pub fn words(self) -> &'static str {
        match self {
            StepOutcome::AsPlanned => "as planned",
            StepOutcome::AfterTrouble => "done after trouble",
            StepOutcome::Undone => "undone",
            StepOutcome::Failed => "failed",
            StepOutcome::InDoubt => "in doubt",
            StepOutcome::NotReached => "not reached",
        }
    }
    pub fn tone(self) -> Tone {
        match self {
            StepOutcome::AsPlanned => Tone::Good,
            StepOutcome::AfterTrouble | StepOutcome::Undone | StepOutcome::NotReached => Tone::Caution,
            StepOutcome::Failed | StepOutcome::InDoubt => Tone::Bad,
        }
    }
}
