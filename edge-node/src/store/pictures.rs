//! Pictures of the menu's items: copies of what the hub has, so that an edge that starts without a
//! hub has them. They are no facts, so no script and no event belongs to them.

use std::collections::BTreeMap;

use bytes::Bytes;
use sunakku_common::picture::PictureName;

use super::{Store, StoreError};

impl Store {
    /// All pictures that are kept and are what their names say.
    pub(crate) async fn pictures(&self) -> Result<BTreeMap<PictureName, Bytes>, StoreError> {
        let mut pictures = BTreeMap::new();
        // One by one: all together would be an answer of many megabytes.
        for name in self.picture_names().await? {
            let mut command = redis::cmd("HGET");
            command.arg(self.keys().pictures()).arg(&name);
            let kept: Option<Vec<u8>> = command.query_async(&mut self.connection()).await?;
            if let (Ok(name), Some(kept)) = (name.parse::<PictureName>(), kept)
                && name.is_of(&kept)
            {
                pictures.insert(name, kept.into());
            }
        }
        Ok(pictures)
    }

    /// The names of all that is kept.
    pub(crate) async fn picture_names(&self) -> Result<Vec<String>, StoreError> {
        let mut command = redis::cmd("HKEYS");
        command.arg(self.keys().pictures());
        Ok(command.query_async(&mut self.connection()).await?)
    }

    /// Keeps a picture.
    pub(crate) async fn keep_picture(
        &self,
        name: &PictureName,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let mut command = redis::cmd("HSET");
        command.arg(self.keys().pictures());
        command.arg(name.as_str()).arg(bytes);
        Ok(command.exec_async(&mut self.connection()).await?)
    }

    /// Forgets pictures.
    pub(crate) async fn forget_pictures(&self, names: &[String]) -> Result<(), StoreError> {
        if names.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("HDEL");
        command.arg(self.keys().pictures()).arg(names);
        Ok(command.exec_async(&mut self.connection()).await?)
    }
}
