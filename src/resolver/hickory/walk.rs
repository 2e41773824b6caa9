//! One name, one walk: through the search list to the first domain where the name exists, for all types
//! that are asked for at the same time.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures::future::{Either, select};
use hickory_proto::{
    op::Query as Question,
    rr::{Name, RecordType},
};
use tokio::sync::watch::{Receiver, Sender};
use web_time::Instant;

use super::{asking::Asking, passed::Passed, said::Said, troubles::Troubles};
use crate::{
    resolver::{answer::Answer, error::LookupError},
    shell::{before, now},
};

/// How long a domain that denies the name to one type is waited on for the others: some servers deny
/// a name that exists when they are asked for AAAA (RFC 4074 section 4.2), others say nothing.
const PATIENCE: Duration = Duration::from_millis(50);

/// The walks under way, and which domains failed lately.
#[derive(Debug, Default)]
pub(super) struct Walks {
    under_way: Mutex<HashMap<Name, Weak<Walk>>>,
    troubles: Troubles,
}

/// One walk. It serves one look-up of each type, and so lasts no longer than these.
#[derive(Debug)]
struct Walk {
    names: Vec<Name>,
    board: Sender<Board>,
}

/// What those on a walk know together.
#[derive(Debug, Default)]
struct Board {
    /// The place of the domain that is asked now.
    at: usize,
    /// All types that were ever on the walk.
    types: Vec<RecordType>,
    /// The types on the walk, and what this domain has said to them.
    said: HashMap<RecordType, Option<Said>>,
    /// When this domain first denied the name.
    denied: Option<Instant>,
    /// Whether the name exists in this domain: then the walk is at its end.
    is_home: bool,
    /// What this domain or an earlier one forged.
    bogus: Option<LookupError>,
    passed: Passed,
}

/// A look-up on a walk, which it leaves when it is dropped.
struct Walker {
    walk: Arc<Walk>,
    record_type: RecordType,
}

impl Walks {
    /// Looks up a type of a name, which the search list completes to these.
    pub(super) async fn answer(
        &self,
        name: &Name,
        names: Vec<Name>,
        record_type: RecordType,
        asking: Asking,
    ) -> Result<Answer, LookupError> {
        let walker = self.join(name, names, record_type);
        walker.go(asking, &self.troubles).await
    }

    fn join(&self, name: &Name, names: Vec<Name>, record_type: RecordType) -> Walker {
        let mut walks = self.under_way();
        walks.retain(|_, walk| walk.strong_count() > 0);
        let known = walks.get(name).and_then(Weak::upgrade);
        let known = known.filter(|walk| walk.names == names && walk.enter(record_type));
        let walk = known.unwrap_or_else(|| {
            let walk = Arc::new(Walk { names, board: Sender::default() });
            walk.enter(record_type);
            walks.insert(name.clone(), Arc::downgrade(&walk));
            walk
        });
        Walker { walk, record_type }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Name, Weak<Walk>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Walk {
    /// Whether the walk serves this type from now on.
    fn enter(&self, record_type: RecordType) -> bool {
        self.board.send_if_modified(|board| {
            let is_new = !board.types.contains(&record_type);
            if is_new {
                board.types.push(record_type);
                board.said.insert(record_type, None);
            }
            is_new
        })
    }
}

impl Walker {
    async fn go(&self, mut asking: Asking, troubles: &Troubles) -> Result<Answer, LookupError> {
        let mut board = self.walk.board.subscribe();
        loop {
            let at = board.borrow_and_update().at;
            let Some(name) = self.walk.names.get(at) else {
                return Err(board.borrow().passed.end());
            };
            let question = Question::query(name.clone(), self.record_type);
            let left = self.walk.names.len() - at;
            let outcome = match select(
                pin!(asking.answer(question, left)),
                pin!(changed(&mut board, |board| !board.is_at(at))),
            )
            .await
            {
                Either::Left((outcome, _)) => Some(outcome),
                Either::Right(_) => None,
            };
            if let Some(outcome) = &outcome {
                self.tell(at, Said::of(outcome));
                decided(&mut board, at).await;
                self.pass(at, name, troubles);
            }
            let board = board.borrow();
            match (&board.bogus, outcome) {
                (Some(bogus), _) => return Err(bogus.clone()),
                (None, Some(outcome)) if board.at == at => return board.passed.arrive(outcome),
                _ => {}
            }
        }
    }

    /// Tells the others what the domain has said to this one.
    fn tell(&self, at: usize, said: Said) {
        self.walk.board.send_modify(|board| {
            if !board.is_at(at) {
                return;
            }
            match &said {
                Said::Exists => board.is_home = true,
                Said::Bogus(error) => board.bogus = Some(error.clone()),
                Said::Nothing(_) => drop(board.denied.get_or_insert_with(now)),
                Said::Failed(_) => {}
            }
            board.said.insert(self.record_type, Some(said));
        });
    }

    /// Leads all of them on, unless this domain is where the walk ends or another look-up did so.
    fn pass(&self, at: usize, name: &Name, troubles: &Troubles) {
        self.walk.board.send_if_modified(|board| {
            let passes = board.is_at(at) && !board.is_home;
            if passes {
                let said = board.said.values_mut().filter_map(Option::take);
                board.passed.add(said, |failure| troubles.note(name, failure, now()));
                board.denied = None;
                board.at += 1;
            }
            passes
        });
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        self.walk.board.send_modify(|board| drop(board.said.remove(&self.record_type)));
    }
}

impl Board {
    fn is_at(&self, at: usize) -> bool {
        self.at == at && self.bogus.is_none()
    }

    /// Whether it is known if the name exists in this domain, or another look-up has led on.
    fn is_decided(&self, at: usize) -> bool {
        !self.is_at(at) || self.is_home || self.said.values().all(Option::is_some)
    }
}

async fn changed(board: &mut Receiver<Board>, is_so: impl Fn(&Board) -> bool) {
    // The board is there as long as the walk, and that as long as its look-ups.
    board.wait_for(is_so).await.ok();
}

/// Waits until the domain has said enough.
async fn decided(board: &mut Receiver<Board>, at: usize) {
    changed(board, |board| board.denied.is_some() || board.is_decided(at)).await;
    let denied = board.borrow().denied;
    if let Some(denied) = denied {
        before(denied + PATIENCE, changed(board, |board| board.is_decided(at))).await;
    }
}
