//! Builds the two programs, so that what is tested is what is in the tree.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::workspace_root;

/// How the programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Profile {
    /// Quick to build; the build says nothing unless it fails.
    Debug,
    /// Quick to run; the build shows its progress on standard error.
    Release,
}

/// The two programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// `sunakku-edge`.
    pub edge: PathBuf,
    /// `sunakku-hub`.
    pub hub: PathBuf,
}

/// Builds the two programs, once per process and profile. Blocks meanwhile.
pub fn binaries(profile: Profile) -> Result<Binaries> {
    static BUILT: Mutex<Option<HashMap<Profile, Binaries>>> = Mutex::new(None);
    // Held while building: the others wait for the result.
    let mut built = BUILT
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let built = built.get_or_insert_default();
    if let Some(binaries) = built.get(&profile) {
        return Ok(binaries.clone());
    }
    let binaries = build(&workspace_root(), profile, None)?;
    built.insert(profile, binaries.clone());
    Ok(binaries)
}

/// Builds the two programs of the workspace in this folder, into the target folder if one is given. Blocks
/// meanwhile.
pub fn build(workspace: &Path, profile: Profile, target: Option<&Path>) -> Result<Binaries> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace);
    // The whole workspace, although two are wanted: so no crate is built a second time with other features.
    command.args(["build", "--workspace", "--locked"]);
    command.args(["--bin", "sunakku-edge", "--bin", "sunakku-hub"]);
    if let Some(target) = target {
        command.arg("--target-dir").arg(target);
    }
    command
        .args(["--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null());
    if profile == Profile::Release {
        command.arg("--release");
    }
    command.stdout(Stdio::piped());
    command.stderr(if profile == Profile::Release {
        Stdio::inherit()
    } else {
        Stdio::piped()
    });
    let mut cargo = command.spawn().context("cannot run cargo")?;
    let stderr = cargo.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        })
    });
    let messages = cargo
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let executables = executables(BufReader::new(messages))?;
    let status = cargo.wait()?;
    let said = stderr
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    if !status.success() {
        bail!("the programs do not build\n{said}");
    }
    let take = |name: &str| {
        executables
            .get(name)
            .cloned()
            .with_context(|| format!("cargo has built no {name}"))
    };
    Ok(Binaries {
        edge: take("sunakku-edge")?,
        hub: take("sunakku-hub")?,
    })
}

/// What cargo reports of each thing that it has built or found built.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn executables(messages: impl BufRead) -> Result<HashMap<String, PathBuf>> {
    let mut found = HashMap::new();
    for line in messages.lines() {
        let Ok(message) = serde_json::from_str::<Message>(&line?) else {
            continue;
        };
        if let (Some(target), Some(executable)) = (message.target, message.executable) {
            found.insert(target.name, executable);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_program_is_taken_from_what_cargo_reports() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"build-script-executed","package_id":"x"}
{"reason":"compiler-artifact","target":{"name":"sunakku-edge"},"executable":"/t/sunakku-edge"}
"#;
        let found = executables(messages.as_bytes()).expect("read");
        assert_eq!(found.len(), 1);
        assert_eq!(found["sunakku-edge"], PathBuf::from("/t/sunakku-edge"));
    }
}
