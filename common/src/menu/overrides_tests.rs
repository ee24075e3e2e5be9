use proptest::prelude::*;

use super::*;
use crate::text::Text;

fn menu() -> Menu {
    let mut menu = Menu::new("lunch", "EUR".to_owned().try_into().expect("a currency"));
    for (id, price) in [("burger", 900), ("cola", 250), ("tea", 200)] {
        let item = Item::new(id, Text::english(id), "c", price, "bar");
        menu.items.push(item);
    }
    menu
}

const ITEMS: [&str; 3] = ["burger", "cola", "tea"];
const REGIONS: [&str; 2] = ["north", "south"];
const SITES: [&str; 3] = ["s1", "s2", "s3"];

fn site(id: &str) -> SiteId {
    id.parse().expect("a site")
}

/// One override: for which level, scope and item, and what.
type Step = (bool, usize, usize, Override);

fn step() -> impl Strategy<Value = Step> {
    let over = (
        prop::option::of(0_i64..2_000),
        any::<Option<bool>>(),
        prop::option::of(prop::sample::select(vec!["grill", "wok"])),
        any::<Option<bool>>(),
    );
    let over = over.prop_map(|(price, available, station, mondays)| Override {
        price,
        available,
        station: station.map(str::to_owned),
        schedule: mondays.map(|mondays| {
            let json = if mondays {
                r#"{"weekdays": ["mon"]}"#
            } else {
                "{}"
            };
            serde_json::from_str(json).expect("a schedule")
        }),
    });
    (any::<bool>(), 0_usize..6, 0..ITEMS.len(), over)
}

fn put(overrides: &mut Overrides, (for_site, scope, item, over): &Step) {
    let (scopes, name) = if *for_site {
        (&mut overrides.sites, SITES[scope % SITES.len()])
    } else {
        (&mut overrides.regions, REGIONS[scope % REGIONS.len()])
    };
    let items = scopes.entry(name.to_owned()).or_default();
    items.insert(ITEMS[*item].to_owned(), over.clone());
}

fn region_of(site: &str) -> Option<&'static str> {
    match site {
        "s1" => Some("north"),
        "s2" => Some("south"),
        _ => None,
    }
}

proptest! {
    /// An override of one site changes no other site, and one of a region no site outside it.
    #[test]
    fn an_override_touches_nobody_else(
        before in prop::collection::vec(step(), 0..12), change in step(),
    ) {
        let mut overrides = Overrides::default();
        before.iter().for_each(|step| put(&mut overrides, step));
        let seen = |overrides: &Overrides, id| overrides.effective(&menu(), region_of(id), &site(id));
        let old: Vec<Menu> = SITES.iter().map(|id| seen(&overrides, id)).collect();
        put(&mut overrides, &change);
        let (for_site, scope, item, _) = &change;
        for (n, id) in SITES.iter().enumerate() {
            let new = seen(&overrides, id);
            let is_meant = if *for_site {
                *id == SITES[scope % SITES.len()]
            } else {
                region_of(id) == Some(REGIONS[scope % REGIONS.len()])
            };
            for (k, (was, is)) in old[n].items.iter().zip(&new.items).enumerate() {
                prop_assert!(was == is || (is_meant && k == *item), "{} {}", id, ITEMS[k]);
            }
        }
    }

    /// Taking an override away gives back what is inherited, and the origin tells which level
    /// each value is of.
    #[test]
    fn what_is_taken_away_is_inherited_again(steps in prop::collection::vec(step(), 0..12)) {
        let mut overrides = Overrides::default();
        steps.iter().for_each(|step| put(&mut overrides, step));
        let menu = menu();
        for id in SITES {
            let (region, of_site) = (region_of(id), site(id));
            let effective = overrides.effective(&menu, region, &of_site);
            let origins = overrides.origins(&menu, region, &of_site);
            let mut without = overrides.clone();
            without.sites.remove(id);
            let inherited = without.effective(&menu, region, &of_site);
            let mut bare = without.clone();
            bare.regions.clear();
            prop_assert_eq!(&bare.effective(&menu, region, &of_site), &menu);
            for (n, item) in menu.items.iter().enumerate() {
                let over = overrides.sites.get(id).and_then(|items| items.get(&item.id));
                let own = over.and_then(|over| over.price);
                prop_assert_eq!(effective.items[n].price, own.unwrap_or(inherited.items[n].price));
                let expected = match (own, inherited.items[n].price == item.price) {
                    (Some(_), _) => vec![Level::Site],
                    (None, false) => vec![Level::Region],
                    // A region may set what the menu has anyway.
                    (None, true) => vec![Level::Organisation, Level::Region],
                };
                prop_assert!(expected.contains(&origins[n].price), "{:?}", origins[n]);
            }
        }
    }
}

#[test]
fn an_override_of_nothing_or_of_nothing_known_is_a_fault() {
    let mut menu = menu();
    menu.stations = vec!["bar".into()];
    let overrides: Overrides = serde_json::from_str(
        r#"{"regions": {"north": {"burger": {"price": -1, "station": "moon"}}},
            "sites": {"s1": {"cola": {}, "pizza": {"price": 1},
                             "tea": {"schedule": {"dayparts": ["never"]}}}}}"#,
    )
    .expect("a literal");
    let faults = menu.override_faults(&overrides);
    let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "overrides.regions.north.burger.price",
            "overrides.regions.north.burger.station",
            "overrides.sites.s1.cola",
            "overrides.sites.s1.pizza",
            "overrides.sites.s1.tea.schedule.dayparts[0]",
        ]
    );
}
