//! How far a menu has come at a site: what it is to run against what it told that it runs.

use serde::{Deserialize, Serialize};

/// How far a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs what it is to run.
    Current,
    /// It has not told yet that it runs it.
    Pending,
    /// It refused to take it, and sells on by what it had.
    Failed,
    /// It runs something that it was not given: its version is as high, but the content is not.
    Drift,
    /// It never told of any menu.
    Never,
}

/// What a site is to run.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Code of the menu.
    pub menu: &'a str,
    /// Its version.
    pub version: i64,
    /// SHA-256 of the menu as the site is to have it.
    pub hash: &'a str,
}

/// What a site told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Code of the menu that it runs; none for a seed.
    pub menu: Option<String>,
    /// Its version.
    pub version: Option<i64>,
    /// Its hash; none for a seed.
    pub hash: Option<String>,
    /// Code of the menu that it last refused.
    pub refused_menu: Option<String>,
    /// Its version.
    pub refused_version: Option<i64>,
}

/// How far the site is. A report from before menus had codes is taken for one of this menu, if
/// it has a hash.
pub fn state(target: Option<Target<'_>>, report: &Report) -> State {
    let is_of = |menu: &Option<String>, target: Target<'_>| {
        menu.as_deref().is_none_or(|menu| menu == target.menu)
    };
    let Some(target) = target else {
        // Nothing has taken effect yet.
        return match report.version {
            Some(_) => State::Pending,
            None => State::Never,
        };
    };
    if report.hash.as_deref() == Some(target.hash) {
        return State::Current;
    }
    if report.refused_version == Some(target.version) && is_of(&report.refused_menu, target) {
        return State::Failed;
    }
    match (report.version, &report.hash) {
        (None, _) => State::Never,
        (Some(version), Some(_)) if is_of(&report.menu, target) && version >= target.version => {
            State::Drift
        }
        (Some(_), _) => State::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(menu: Option<&str>, version: i64, hash: Option<&str>) -> Report {
        Report {
            menu: menu.map(str::to_owned),
            version: Some(version),
            hash: hash.map(str::to_owned),
            ..Report::default()
        }
    }

    #[test]
    fn a_site_is_as_far_as_what_it_told() {
        let target = Some(Target {
            menu: "lunch",
            version: 3,
            hash: "c",
        });
        let lunch = Some("lunch");
        for (report, expected) in [
            (Report::default(), State::Never),
            (told(None, 9, None), State::Pending),
            (told(lunch, 2, Some("b")), State::Pending),
            (told(Some("old"), 9, Some("z")), State::Pending),
            (told(lunch, 3, Some("c")), State::Current),
            (told(lunch, 3, Some("x")), State::Drift),
            (told(lunch, 4, Some("d")), State::Drift),
        ] {
            assert_eq!(state(target, &report), expected, "{report:?}");
        }
        let refused = |version| Report {
            refused_menu: Some("lunch".into()),
            refused_version: Some(version),
            ..told(lunch, 2, Some("b"))
        };
        assert_eq!(state(target, &refused(3)), State::Failed);
        assert_eq!(state(target, &refused(2)), State::Pending);
        assert_eq!(state(None, &told(None, 1, None)), State::Pending);
    }
}
