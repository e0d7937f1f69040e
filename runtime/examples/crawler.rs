//! Crawls a site: every page once, a few at a time, none for longer than it deserves.
//!
//! ```text
//! cargo run -p raddle --example crawler
//! cargo run -p raddle --example crawler -- --pages 500 --at-once 20 --patience 500
//! ```
//!
//! The site is served by this program itself, on the loopback. Some of its pages are slow, some never answer, some are
//! missing, some break off. `--patience` is in milliseconds.

#[path = "crawler/crawl.rs"]
mod crawl;
#[path = "crawler/fetch.rs"]
mod fetch;
#[path = "crawler/options.rs"]
mod options;
#[path = "crawler/progress.rs"]
mod progress;
#[path = "crawler/site.rs"]
mod site;
#[path = "crawler/summary.rs"]
mod summary;

use std::env;
use std::process::ExitCode;

use raddle::{BoxError, run};

use crate::options::Options;

async fn main_task(options: &Options) -> Result<(), BoxError> {
    let site = site::serve(options.pages).await?;
    let summary = crawl::crawl(site.local_addrs()[0], options).await?;
    println!("{summary}");
    Ok(())
}

fn main() -> ExitCode {
    let options = match options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("crawler: {message}");
            return ExitCode::from(2);
        }
    };
    match run(main_task(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crawler: {error}");
            ExitCode::FAILURE
        }
    }
}
