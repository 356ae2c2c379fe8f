//! Many tenants side by side: each one's work is a future of its own, and nothing is shared but the
//! thread that polls whoever is ready (`docs/adr/0016`).

use futures::future::{FutureExt, LocalBoxFuture};
use futures::stream::{FuturesUnordered, StreamExt};
use std::future::Future;
use std::panic::AssertUnwindSafe;

/// The work of one tenant ended in a panic: a fault in reissue, of that tenant alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Does the work of all tenants, and tells `over` of each as it ends, with its number.
///
/// A tenant begins when those before it wait for something, so that beginning many does not stop the first;
/// all of them are begun without waiting for any to end.
pub async fn side_by_side<T>(
    tenants: impl IntoIterator<Item = impl Future<Output = T>>,
    mut over: impl FnMut(usize, Result<T, Panicked>),
) {
    let mut beginning = tenants.into_iter().enumerate();
    let mut at_work: FuturesUnordered<LocalBoxFuture<'_, _>> = FuturesUnordered::new();
    loop {
        let begun = beginning.next();
        let more = begun.is_some();
        if let Some((number, work)) = begun {
            let work = AssertUnwindSafe(work).catch_unwind();
            at_work.push(async move { (number, work.await.map_err(|_| Panicked)) }.boxed_local());
        }
        let ended = match more {
            // Everybody who is ready, and on to the next.
            true => {
                let ended = at_work.next().now_or_never();
                tokio::task::yield_now().await;
                ended.flatten()
            }
            false => match at_work.next().await {
                None => return,
                ended => ended,
            },
        };
        if let Some((number, ended)) = ended {
            over(number, ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn each_ends_when_it_would_alone_and_a_panic_is_one_row() {
        std::panic::set_hook(Box::new(|_| ()));
        let begun = Instant::now();
        let work = |n: u64| async move {
            sleep(Duration::from_secs(1_000 - n)).await;
            assert!(n != 7, "this one is broken");
            n
        };
        let ended = RefCell::new(Vec::new());
        side_by_side((0..1_000).map(work), |number, result| {
            ended.borrow_mut().push((number, result, begun.elapsed().as_secs()));
        })
        .await;
        let ended = ended.into_inner();
        assert_eq!(ended.len(), 1_000);
        for (number, result, at) in ended {
            let want = if number == 7 { Err(Panicked) } else { Ok(number as u64) };
            assert_eq!((result, at), (want, 1_000 - number as u64));
        }
    }

    #[tokio::test]
    async fn the_first_goes_on_while_the_last_begin() {
        let order = RefCell::new(Vec::new());
        let work = |n: usize| {
            let order = &order;
            async move {
                order.borrow_mut().push(n);
                tokio::task::yield_now().await;
                if n == 0 {
                    order.borrow_mut().push(1_000);
                }
            }
        };
        side_by_side((0..100).map(work), |_, _| ()).await;
        let order = order.into_inner();
        let went_on = order.iter().position(|n| *n == 1_000).unwrap();
        assert!(went_on < 10, "{order:?}");
    }

    #[tokio::test]
    async fn nobody_is_over_at_once() {
        side_by_side(std::iter::empty::<std::future::Ready<()>>(), |_, _| ()).await;
    }
}
