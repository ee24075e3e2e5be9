//! Copies of data folders, as a backup makes them: taken and put back while the server is down.

use std::path::{Path, PathBuf};

use xtask::harness::{Server, copy_folder};

use crate::scene::Scene;

/// A copy of what a server had stored.
pub(crate) struct Copy(PathBuf);

impl Copy {
    /// Kills the server, copies its folder and starts it again.
    pub(crate) async fn take(scene: &Scene, server: &impl Server) -> Self {
        server.kill().unwrap();
        let copy = Self::of_dead(scene, server);
        server.restart().await.unwrap();
        copy
    }

    /// Copies the folder of a server that does not run.
    pub(crate) fn of_dead(scene: &Scene, server: &impl Server) -> Self {
        assert!(!server.is_running());
        let copies = scene.world.sandbox.folder("copies").unwrap();
        let to = copies.join(uuid::Uuid::now_v7().to_string());
        copy_folder(server.data(), &to).unwrap();
        Self(to)
    }

    /// Puts it where no server is yet.
    pub(crate) fn put_to(&self, folder: &Path) {
        copy_folder(&self.0, folder).unwrap();
    }

    /// Puts it back in the place of what a server that does not run has now.
    pub(crate) fn put_back(&self, server: &impl Server) {
        assert!(!server.is_running());
        std::fs::remove_dir_all(server.data()).unwrap();
        copy_folder(&self.0, server.data()).unwrap();
    }
}
