//! What axum can do: a server that says hello, and nothing more.

use anyhow::Result;
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

/// A hello-world that ends when it is dropped.
pub(super) struct Hello {
    pub(super) url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Hello {
    /// Serves it on the runtime of the caller.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/", get(async || "Hello, World!"));
        let task = tokio::spawn(async move {
            // It ends with the task.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { url, task })
    }
}

impl Drop for Hello {
    fn drop(&mut self) {
        self.task.abort();
    }
}
