use proptest::prelude::*;

use super::*;

fn menu(version: u64) -> Menu {
    let menu = serde_json::json!({
        "version": version, "currency": "EUR",
        "categories": [{"id": "c", "name": {"en": "C"}}],
        "items": [{"id": "tea", "name": {"en": "Tea"}, "category": "c", "price": 200,
                   "station": "bar"}],
    });
    serde_json::from_value(menu).expect("a literal")
}

fn eur() -> Currency {
    Currency::try_from("EUR".to_owned()).expect("a code")
}

#[test]
fn a_menu_survives_its_way_with_members_of_the_envelope_that_nobody_knows() {
    let down = MenuDown {
        site: "s1".parse().expect("an id"),
        code: "main".to_owned(),
        current: Some(MenuVersion::of(&menu(7)).expect("JSON")),
        next: None,
    };
    let mut text = serde_json::to_string(&down).expect("JSON");
    text.insert_str(1, r#""colour":"red","#);
    let read: MenuDown = serde_json::from_str(&text).expect("an envelope");
    let current = read.current.expect("a menu");
    assert_eq!(current.open(Some(&eur())), Ok(menu(7)));
}

#[test]
fn a_menu_that_cannot_be_sold_by_says_why() {
    let good = MenuVersion::of(&menu(7)).expect("JSON");
    let with = |text: &str| MenuVersion {
        version: 7,
        hash: text_hash(text),
        menu: RawValue::from_string(text.to_owned()).expect("JSON"),
    };
    let text = good.menu.get().to_owned();
    let yen = Currency::try_from("JPY".to_owned()).expect("a code");
    let damaged = MenuVersion {
        menu: with(&text.replace("200", "2")).menu,
        ..good.clone()
    };
    assert_eq!(damaged.open(None), Err(Unusable::Damaged));
    let newer = with(&text.replacen('{', r#"{"surcharge":5,"#, 1));
    assert!(
        matches!(newer.open(None), Err(Unusable::Unreadable(why)) if why.contains("surcharge"))
    );
    let faulty = with(&text.replace(r#""category":"c""#, r#""category":"x""#));
    assert!(matches!(faulty.open(None), Err(Unusable::Faulty(why)) if why.contains("items[0]")));
    let other = with(&text.replace(r#""version":7"#, r#""version":8"#));
    assert!(matches!(other.open(None), Err(Unusable::Faulty(_))));
    assert!(matches!(
        good.open(Some(&yen)),
        Err(Unusable::OtherCurrency(..))
    ));
}

fn marks() -> impl Strategy<Value = Mark> {
    let origin = prop_oneof![
        Just(Origin::Seed),
        Just(Origin::Hub("a".to_owned())),
        Just(Origin::Hub("b".to_owned())),
    ];
    (origin, 1_u64..6, "[xy]").prop_map(|(origin, version, hash)| Mark {
        origin,
        version,
        hash,
    })
}

proptest! {
    /// Whatever comes in whatever order and however often: within one code the version never
    /// goes down without an admin's word, and nothing changes under a version.
    #[test]
    fn versions_of_one_code_only_go_up(offers in prop::collection::vec(marks(), 1..30)) {
        let mut running: Option<Mark> = None;
        for offered in offers {
            if judge(running.as_ref(), &offered, false) == Verdict::Take {
                if let Some(before) = &running && before.origin == offered.origin {
                    prop_assert!(before.version < offered.version);
                }
                running = Some(offered.clone());
                prop_assert_eq!(judge(running.as_ref(), &offered, false), Verdict::Same);
                prop_assert_eq!(judge(running.as_ref(), &offered, true), Verdict::Same);
            }
        }
    }

    #[test]
    fn an_admins_word_takes_any_menu(running in marks(), offered in marks()) {
        let taken = matches!(judge(Some(&running), &offered, true), Verdict::Take | Verdict::Same);
        prop_assert!(taken);
    }
}
