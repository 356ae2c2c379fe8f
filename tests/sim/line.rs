//! The line between the process and the tenant: sees every request, tells the judge before a
//! write leaves and after it came in, and goes on when the process that sent it has died.

use crate::judge::Judge;
use crate::machine::Machine;
use crate::witness;
use crate::write::Write;
use bytes::Bytes;
use http::{Request, Response};
use reissue::env::Clock;
use reissue::lab::{Lab, LabDisconnect};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// The tenant as one process reaches it.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) lab: Lab,
    pub(crate) machine: Machine,
    pub(crate) judge: Arc<Judge>,
    pub(crate) clock: Clock,
    pub(crate) process: u32,
    /// Of all writes so far, over all processes; and which replies are lost.
    pub(crate) writes: Arc<AtomicU32>,
    pub(crate) lost_replies: Vec<u32>,
    pub(crate) lost_requests: Vec<u32>,
}

type Reply = Result<Response<Bytes>, LabDisconnect>;

impl Line {
    async fn carry(self, request: Request<Bytes>) -> Reply {
        if !self.machine.is_alive(self.process) {
            return std::future::pending().await;
        }
        let _on_the_way = self.judge.leaves(self.process);
        let Some(write) = Write::read(&request) else {
            let (value, asked) = (witness::presented(&request), witness::asked(&request));
            let reply = self.lab.handle(request).await;
            if let Ok(reply) = &reply {
                self.judge.answered(value, asked, reply);
            }
            self.judge.look_around();
            return self.still_alive(reply).await;
        };
        self.judge.before_write(self.process, &write);
        let late = match self.machine.before_write() {
            Some(None) => return std::future::pending().await,
            Some(Some(late)) => late,
            None => Duration::ZERO,
        };
        let nth = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        if self.lost_requests.contains(&nth) {
            self.judge.say("     the request is lost");
            self.judge.lost(self.process, &write);
            return Err(LabDisconnect { may_have_reached: true });
        }
        // What was sent arrives, whatever becomes of the sender.
        let (lab, judge, clock) = (self.lab.clone(), self.judge.clone(), self.clock);
        let process = self.process;
        let way = tokio::spawn(async move {
            clock.sleep(late).await;
            let before = lab.writes();
            let reply = lab.handle(request).await;
            judge.after_write(process, &write, before, &reply);
            reply
        });
        match way.await {
            Ok(_) if self.lost_replies.contains(&nth) => {
                self.judge.say("     the reply is lost");
                self.still_alive(Err(LabDisconnect { may_have_reached: true })).await
            }
            Ok(reply) => self.still_alive(reply).await,
            Err(_) => std::future::pending().await,
        }
    }

    async fn still_alive(&self, reply: Reply) -> Reply {
        if self.machine.is_alive(self.process) { reply } else { std::future::pending().await }
    }
}

impl tower::Service<Request<Bytes>> for Line {
    type Response = Response<Bytes>;
    type Error = LabDisconnect;
    type Future = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LabDisconnect>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        Box::pin(self.clone().carry(request))
    }
}
