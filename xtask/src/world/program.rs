//! What edge and hub have in common as processes: a configuration file, a port, a readiness.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::harness::ports::Port;
use crate::harness::{LIMIT, Process, Sandbox, Spec, wait_for};

/// A program of ours that serves HTTP.
pub(super) struct Program {
    pub(super) process: Process,
    port: Port,
}

impl Program {
    /// Writes `config` and starts the program of `spec` with it on a port of its own.
    pub(super) fn start(
        sandbox: &Sandbox,
        spec: Spec,
        folder: &Path,
        config: impl FnOnce(&str) -> Result<toml::Table>,
    ) -> Result<Self> {
        let port = Port::take()?;
        let file = folder.join(format!("{}.toml", spec.name));
        let text = toml::to_string(&config(&port.address())?)?;
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        let spec = spec.args(["--config"]).args([file]).args(["serve"]);
        let process = sandbox.spawn(spec.cwd(folder))?;
        Ok(Self { process, port })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// Waits until it says that it is ready.
    pub(super) async fn wait_ready(&self) -> Result<()> {
        let url = format!("{}/readyz", self.url());
        wait_for(self.process.name(), LIMIT, async || {
            if !self.process.is_running() {
                return Err(format!("it ended: {}", self.process.log_tail()));
            }
            match reqwest::get(&url).await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(format!("{}", answer.status())),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    pub(super) async fn restart(&self) -> Result<()> {
        self.process.restart()?;
        self.wait_ready().await
    }
}

/// Lays `over` over `base`, table by table.
pub(super) fn merge(base: &mut toml::Table, over: toml::Table) {
    for (name, value) in over {
        match (base.get_mut(&name), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(name, value);
            }
        }
    }
}
