//! What a draft holds and what a version freezes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sunakku_common::menu::{Menu, MenuFault, Overrides, canonical};

use super::diff::{Difference, diff};

/// A menu with what regions and sites have otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The organisation's menu; its `version` is 0.
    pub document: Menu,
    /// What is otherwise at regions and sites.
    #[serde(default)]
    pub overrides: Overrides,
}

impl Content {
    /// Nothing, in this currency.
    pub fn of(document: Menu) -> Self {
        Self {
            document,
            overrides: Overrides::default(),
        }
    }

    /// A content of the same menu with nothing on it.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self::of(Menu::new(&self.document.id, self.document.currency.clone()))
    }

    /// The same under this code and without a version.
    #[must_use]
    pub fn named(mut self, menu: &str) -> Self {
        menu.clone_into(&mut self.document.id);
        self.document.version = 0;
        self
    }

    /// Everything that is wrong with it; empty when it can be published.
    pub fn faults(&self) -> Vec<MenuFault> {
        let mut faults = self.document.faults();
        faults.extend(self.document.override_faults(&self.overrides));
        faults
    }

    /// SHA-256 of its canonical text.
    ///
    /// # Errors
    /// Never with the types that it is made of.
    pub fn hash(&self) -> Result<String, serde_json::Error> {
        canonical::hash(self)
    }

    /// What `after` has otherwise.
    ///
    /// # Errors
    /// Never with the types that it is made of.
    pub fn diff(&self, after: &Self) -> Result<Vec<Difference>, serde_json::Error> {
        Ok(diff(&self.tree()?, &after.tree()?))
    }

    /// The menu's members and `overrides` side by side, as paths name them.
    fn tree(&self) -> Result<Value, serde_json::Error> {
        let mut tree = serde_json::to_value(&self.document)?;
        let overrides = serde_json::to_value(&self.overrides)?;
        if let Value::Object(members) = &mut tree {
            members.insert("overrides".to_owned(), overrides);
            members.remove("id");
            members.remove("version");
        }
        Ok(tree)
    }

    /// Whether a text in it holds U+0000, which Postgres cannot store.
    pub fn has_nul(&self) -> bool {
        fn found(value: &Value) -> bool {
            match value {
                Value::String(text) => text.contains('\0'),
                Value::Array(values) => values.iter().any(found),
                Value::Object(members) => members
                    .iter()
                    .any(|(name, value)| name.contains('\0') || found(value)),
                Value::Null | Value::Bool(_) | Value::Number(_) => false,
            }
        }
        found(&json!(self))
    }
}
