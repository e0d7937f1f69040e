//! A TCP proxy that is a bad network: it delays, cuts what passes into small pieces, and lets connections end badly.
//!
//! Everything is drawn from one seed: the number of a connection (in the order in which they come) and its direction
//! say at which byte it is cut, for how long it is held up and where it ends. How the kernel hands the bytes over
//! changes nothing of that. What a seed cannot fix is when things happen, and which of two directions ends first.

mod options;
mod pipe;
mod plan;
mod proxy;

use raddle::{Runner, TcpListener};

pub(crate) use self::options::{Proxy, parse};

pub(crate) fn run(options: &Proxy) -> Result<(), String> {
    Runner::new().workers(1).run(async {
        let listener = TcpListener::bind(options.listen.as_str()).await.map_err(|error| error.to_string())?;
        let addr = listener.local_addr().map_err(|error| error.to_string())?;
        println!("listening on {addr}, for {}, seed {}", options.to, options.chaos.seed);
        proxy::proxy(listener, options.to.clone(), options.chaos).await
    })
}
