//! What guests order: by the menu that the edge shows, whatever it is.

use anyhow::{Context as _, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;
use serde_json::{Value, json};

/// Different orders that are made ready; guests take turns with them.
const WISHES: usize = 256;
/// The same in each run.
const SEED: u64 = 0x0BDE;

/// The part of a menu that matters to who orders.
#[derive(Debug, Deserialize)]
struct Menu {
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    id: String,
    available: bool,
    #[serde(default)]
    modifiers: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    min: usize,
    options: Vec<Choice>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    id: String,
    available: bool,
}

impl Item {
    /// One of it with what has to be chosen, unless something of that is off.
    fn line(&self, random: &mut StdRng) -> Option<Value> {
        let mut modifiers = Vec::new();
        for group in &self.modifiers {
            let options = group.options.iter().filter(|option| option.available);
            let chosen = options.sample(random, group.min);
            if chosen.len() < group.min {
                return None;
            }
            modifiers.extend(chosen.into_iter().map(|option| &option.id));
        }
        let quantity = if random.random_bool(0.85) { 1 } else { 2 };
        Some(json!({ "item": self.id, "quantity": quantity, "modifiers": modifiers }))
    }
}

/// Bodies of `POST /v1/orders`, of one to four lines, by the answer of `GET /v1/menu`.
pub(crate) fn wishes(menu: &[u8]) -> Result<Vec<String>> {
    let menu: Menu = serde_json::from_slice(menu).context("the menu cannot be read")?;
    let items: Vec<&Item> = menu.items.iter().filter(|item| item.available).collect();
    ensure!(
        !items.is_empty(),
        "the menu has nothing that can be ordered now"
    );
    let mut random = StdRng::seed_from_u64(SEED);
    let mut wishes = Vec::with_capacity(WISHES);
    for _tries in 0..WISHES {
        let count = *[1, 1, 1, 2, 2, 3, 4].choose(&mut random).unwrap_or(&1);
        let chosen = items.iter().sample(&mut random, count);
        let lines = chosen.into_iter().filter_map(|item| item.line(&mut random));
        let lines: Vec<Value> = lines.collect();
        if !lines.is_empty() {
            let order = json!({ "channel": "kiosk", "service": "here", "lines": lines });
            wishes.push(order.to_string());
        }
    }
    ensure!(
        !wishes.is_empty(),
        "nothing on the menu can be had with its options"
    );
    Ok(wishes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_had_is_ordered_and_with_its_options() {
        let option = |id: &str, available: bool| json!({"id": id, "available": available});
        let menu = json!({ "items": [
            {"id": "tea", "available": true, "modifiers": []},
            {"id": "cake", "available": false},
            {"id": "bowl", "available": true, "modifiers": [
                {"min": 1, "max": 2, "options": [option("rice", true), option("udon", false)]},
            ]},
            {"id": "set", "available": true, "modifiers": [
                {"min": 2, "max": 2, "options": [option("a", true), option("b", false)]},
            ]},
        ]});
        let wishes = wishes(menu.to_string().as_bytes()).expect("wishes");
        assert!(100 < wishes.len());
        let mut seen = std::collections::BTreeSet::new();
        for wish in wishes {
            let wish: Value = serde_json::from_str(&wish).expect("JSON");
            for line in wish["lines"].as_array().expect("lines") {
                seen.insert(format!("{} {}", line["item"], line["modifiers"]));
            }
        }
        let seen: Vec<String> = seen.into_iter().collect();
        assert_eq!(seen, [r#""bowl" ["rice"]"#, r#""tea" []"#]);
    }

    #[test]
    fn a_menu_without_anything_to_have_is_said_so() {
        let menu = json!({"items": [{"id": "cake", "available": false}]});
        assert!(wishes(menu.to_string().as_bytes()).is_err());
    }
}
