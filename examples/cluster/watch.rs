//! Watching the nodes, and telling what is seen.

use std::{io, pin::Pin, time::Duration};

use tokio::time::{Instant, Interval};

use crate::{
    common::{
        output::{Output, Progress},
        run::Stop,
    },
    lines::Line,
    nodes::Nodes,
    picture::Picture,
};

/// How often the nodes are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How many looks make one line of progress.
const LOOKS_PER_LINE: u32 = 5;

/// Watches the nodes.
pub(crate) struct Watch {
    pub(crate) nodes: Nodes,
    started: Instant,
    output: Output,
    progress: Progress,
    ticks: Interval,
    looks: u32,
    last: Picture,
    interrupt: Pin<Box<dyn Future<Output = io::Result<()>>>>,
    interrupted: bool,
}

impl Watch {
    pub(crate) fn new(nodes: Nodes, output: Output) -> Self {
        let last = nodes.unseen();
        Self {
            started: Instant::now(),
            output,
            progress: Progress::new(last.counts.living, "joined"),
            ticks: tokio::time::interval(LOOK),
            looks: 0,
            last,
            interrupt: Box::pin(tokio::signal::ctrl_c()),
            interrupted: false,
            nodes,
        }
    }

    /// What was seen last.
    pub(crate) fn picture(&self) -> &Picture {
        &self.last
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn print(&self, line: &Line) -> Result<(), Stop> {
        self.output.print(line)
    }

    /// Watches until something is so, and says whether it is. It is not if the time is over, or
    /// somebody interrupts: then nothing is waited for any more.
    pub(crate) async fn until(
        &mut self,
        within: Duration,
        mut done: impl FnMut(&Picture) -> bool,
    ) -> Result<bool, Stop> {
        let deadline = Instant::now() + within;
        loop {
            tokio::select! {
                _ = self.ticks.tick() => {}
                // The deadline that the caller sets.
                () = tokio::time::sleep_until(deadline) => {}
                _ = &mut self.interrupt, if !self.interrupted => self.interrupted = true,
                stop = self.nodes.ended() => return Err(stop),
            }
            let picture = self.nodes.look();
            let done = done(&picture);
            let over = self.interrupted || Instant::now() >= deadline;
            self.tell(&picture, done || over)?;
            self.last = picture;
            if done || over {
                return Ok(done);
            }
        }
    }

    /// Prints who has joined since the last look, and now and then how far the cluster is.
    fn tell(&mut self, picture: &Picture, finished: bool) -> Result<(), Stop> {
        self.progress.show(picture.joined, picture.counts.living, picture.outlook());
        for joined in picture.joined_since(&self.last) {
            self.output.print(&Line::NodeJoined(joined))?;
        }
        if self.looks.is_multiple_of(LOOKS_PER_LINE) || finished {
            self.output.print(&Line::progress(picture, self.elapsed()))?;
        }
        self.looks = self.looks.wrapping_add(1);
        Ok(())
    }
}
