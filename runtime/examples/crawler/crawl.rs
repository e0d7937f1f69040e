//! The crawl: a task for each page in one group, a semaphore that lets a few of them fetch, and a queue on which they
//! report to the one that knows which pages have been seen.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use raddle::{BoxError, Instant, Queue, Semaphore, TaskGroup, task_group, timeout};

use crate::fetch::{Page, Trouble, fetch};
use crate::options::Options;
use crate::progress::Progress;
use crate::summary::Summary;

/// How often a page is asked for that is too slow or breaks off.
const ATTEMPTS: usize = 2;

/// Where the crawl begins.
const START: &str = "/page/0";

/// What became of a page.
#[derive(Debug)]
pub(crate) struct Visited {
    pub(crate) path: String,
    pub(crate) linked_from: String,
    pub(crate) result: Result<Page, Trouble>,
    /// How long it took, attempts that failed included.
    pub(crate) took: Duration,
}

/// Fetches all pages of the site that can be reached.
pub(crate) async fn crawl(site: SocketAddr, options: &Options) -> Result<Summary, BoxError> {
    let permits = Arc::new(Semaphore::new(options.at_once));
    let (at_once, patience) = (options.at_once, options.patience);
    let crawled = task_group(async move |group: TaskGroup| {
        let reports = Queue::unbounded();
        let visit = |path: String, linked_from: String| {
            let (permits, reports) = (permits.clone(), reports.clone());
            group.create_task(async move {
                let permit = permits.acquire_owned().await;
                let start = Instant::now();
                let result = attempt(site, &path, patience).await;
                let took = start.elapsed();
                drop(permit);
                // The queue is there as long as its reader, which waits for this.
                _ = reports.put(Visited { path, linked_from, result, took }).await;
            });
        };
        let (mut seen, mut summary) = (HashSet::from([START.to_owned()]), Summary::new(at_once));
        let mut progress = Progress::new();
        visit(START.into(), "the start".into());
        while summary.visited() < seen.len() {
            let visited: Visited = reports.get().await?;
            for link in visited.result.iter().flat_map(|page| &page.links) {
                if seen.insert(link.clone()) {
                    visit(link.clone(), visited.path.clone());
                }
            }
            summary.add(visited);
            progress.show(summary.visited(), seen.len(), summary.failed());
        }
        progress.end();
        Ok(summary)
    });
    Ok(crawled.await?)
}

async fn attempt(site: SocketAddr, path: &str, patience: Duration) -> Result<Page, Trouble> {
    let mut result = Err(Trouble::TooSlow);
    for _ in 0..ATTEMPTS {
        result = timeout(patience, fetch(site, path)).await.unwrap_or(Err(Trouble::TooSlow));
        // Only what may be better the second time is asked for again.
        if !matches!(result, Err(Trouble::TooSlow | Trouble::BrokeOff)) {
            break;
        }
    }
    result
}
