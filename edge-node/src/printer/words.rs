//! The words on a ticket that no menu has.

/// Words of one language.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// On a ticket that may be on paper already.
    pub(super) copy: &'static str,
    pub(super) here: &'static str,
    pub(super) away: &'static str,
    /// In front of what the guest must not get.
    pub(super) avoid: &'static str,
    /// In front of other stations.
    pub(super) others: &'static str,
    pub(super) placed: &'static str,
    pub(super) pickup: &'static str,
}

const ENGLISH: Words = Words {
    copy: "COPY",
    here: "EAT HERE",
    away: "TAKE AWAY",
    avoid: "ALLERGY! NO",
    others: "Also at",
    placed: "Placed",
    pickup: "Pickup",
};

const GERMAN: Words = Words {
    copy: "KOPIE",
    here: "HIER",
    away: "MITNEHMEN",
    avoid: "ALLERGIE! OHNE",
    others: "Auch an",
    placed: "Bestellt",
    pickup: "Abholung",
};

const JAPANESE: Words = Words {
    copy: "複写",
    here: "店内",
    away: "持ち帰り",
    avoid: "アレルギー注意！除去",
    others: "他の担当",
    placed: "受付",
    pickup: "受取",
};

impl Words {
    /// Those of a language by its tag (`ja`, `de-AT`); English for one that is not known.
    pub(crate) fn of(language: &str) -> &'static Self {
        match language.split('-').next() {
            Some("ja") => &JAPANESE,
            Some("de") => &GERMAN,
            _ => &ENGLISH,
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> [&'static str; 7] {
        [
            self.copy,
            self.here,
            self.away,
            self.avoid,
            self.others,
            self.placed,
            self.pickup,
        ]
    }
}
