//! Before the first value goes to a store, the store is written and read back: no read shows
//! that a vault can be written.

use super::Halt;
use super::shared::Shared;
use crate::connector::Stores;
use crate::domain::approved::ApprovedPlan;
use crate::domain::credential::Place;
use crate::domain::event::StoreProbed;
use crate::domain::step::Phase;
use crate::domain::text::Text;
use std::time::Duration;

/// The name that probes are written under.
const PROBE: &str = "reissue-probe";
/// A freshly granted role takes a while to be honoured.
const TRIES: u32 = 6;

/// Probes each store that the plan publishes to and that this run has not probed yet; false if the
/// run was asked to leave meanwhile: a probe that was cut off is written again.
pub(super) async fn stores(
    shared: &Shared,
    stores: &dyn Stores,
    approved: &ApprovedPlan,
) -> Result<bool, Halt> {
    let run = shared.board.run();
    let open = run.phases.get(&Phase::Start).is_some_and(|e| *e > shared.env.clock.now());
    if !open || run.aborted {
        return Ok(true);
    }
    for store in approved.plan().stores().iter().filter(|s| !run.probed.contains(*s)) {
        let place = Place { name: Text::lossy(PROBE), store: store.clone() };
        let mut tries = 0;
        let version = loop {
            let Some(probed) = shared.while_staying(stores.probe(&place, &run.id)).await else {
                return Ok(false);
            };
            match probed {
                Ok(version) => break version,
                Err(fault) if tries >= TRIES => {
                    return Err(Halt::Store { store: store.to_string(), code: fault.code.to_string() });
                }
                Err(_) => {
                    tries += 1;
                    let pause = shared.env.clock.pause_between_looks(Duration::from_secs(5 << tries));
                    if shared.while_staying(pause).await.is_none() {
                        return Ok(false);
                    }
                }
            }
        };
        shared.board.record_run(StoreProbed { place, version }.into()).await?;
    }
    Ok(true)
}
