//! A disk of its own for a folder: an ext4 file system in a file. It can be filled, and its plug can
//! be pulled: a copy of the file holds what had been synced, and nothing that was only in memory.
//!
//! Only in a mount namespace of our own (`unshare -m`), so that nothing stays mounted whatever happens.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// A disk, mounted as long as it lives.
#[derive(Debug)]
pub(super) struct Disk {
    /// The file behind it.
    image: PathBuf,
    /// Where it is mounted.
    at: PathBuf,
}

impl Disk {
    /// Makes a disk of `mib` MiB and mounts it at `at`.
    pub(super) fn make(image: PathBuf, at: PathBuf, mib: u64) -> Result<Self> {
        fs::create_dir_all(&at)?;
        let file = fs::File::create(&image).context("making a disk")?;
        file.set_len(mib * 1024 * 1024)?;
        run(Command::new("mkfs.ext4")
            .args(["-q", "-m", "0", "-F"])
            .arg(&image))?;
        let disk = Self { image, at };
        disk.mount()?;
        // Servers run as users of their own.
        fs::set_permissions(&disk.at, fs::Permissions::from_mode(0o755))?;
        Ok(disk)
    }

    /// Writes everything to it, as it is long after an installation.
    pub(super) fn sync(&self) -> Result<()> {
        run(Command::new("sync").arg("-f").arg(&self.at))
    }

    /// Takes all the room that is left.
    pub(super) fn fill(&self) -> Result<()> {
        let status = Command::new("dd")
            .args(["if=/dev/zero", "bs=64K", "status=none"])
            .arg(format!("of={}", self.ballast().display()))
            .output()
            .context("running dd")?
            .status;
        if status.success() {
            bail!("{} has no end", self.at.display());
        }
        Ok(())
    }

    /// Gives the room back.
    pub(super) fn free(&self) -> Result<()> {
        fs::remove_file(self.ballast()).context("removing the ballast")
    }

    /// Keeps what is on the disk by now. Whoever writes to it must be frozen.
    pub(super) fn pull_the_plug(&self) -> Result<()> {
        let copy = Command::new("cp")
            .args(["--sparse=always"])
            .args([&self.image, &self.after()])
            .status();
        if !copy.context("running cp")?.success() {
            bail!("cannot copy {}", self.image.display());
        }
        Ok(())
    }

    /// Mounts what was kept; whoever wrote to the disk must be dead.
    pub(super) fn power_on(&self) -> Result<()> {
        run(Command::new("umount").arg(&self.at))?;
        fs::rename(self.after(), &self.image)?;
        self.mount()
    }

    fn mount(&self) -> Result<()> {
        run(Command::new("mount")
            .args(["-o", "loop"])
            .args([&self.image, &self.at]))
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }

    fn after(&self) -> PathBuf {
        self.image.with_extension("after")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still writes to it is about to be killed.
        run(Command::new("umount").arg("-l").arg(&self.at)).ok();
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}", error.trim());
    }
    Ok(())
}

/// Runs this program again with mounts of its own, which the kernel takes away with its last process.
pub(super) fn unshared() -> Result<std::process::ExitStatus> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--"]);
    command
        .arg(program)
        .args(std::env::args_os().skip(1))
        .arg("--unshared");
    command.status().context("running unshare")
}
