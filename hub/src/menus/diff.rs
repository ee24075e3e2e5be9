//! What two contents have otherwise, by path, so that people can read it.
//!
//! Things in lists are told apart by their code, not by their place: an item that is put before
//! all others is one difference and not as many as there are items.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It was not there before.
    Added,
    /// It is no more.
    Removed,
    /// It is another.
    Changed,
    /// The list has the same things in another order; `before` and `after` are their codes.
    Moved,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Difference {
    /// Such as `items[burger].modifiers[size].options[double].price`.
    pub path: String,
    /// How it differs.
    pub change: Kind,
    /// What was there; null for nothing.
    pub before: Option<Value>,
    /// What is there; null for nothing.
    pub after: Option<Value>,
}

/// Every difference between two contents; none exactly when they are equal.
pub fn diff(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk("", Some(before), Some(after), &mut found);
    found
}

fn walk(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    let change = match (before, after) {
        (Some(before), Some(after)) if before == after => return,
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let place = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                walk(&place, before.get(name), after.get(name), found);
            }
            return;
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => match (keyed(old), keyed(new)) {
            (Some(old), Some(new)) => return walk_list(path, &old, &new, found),
            _ => Kind::Changed,
        },
        (Some(_), Some(_)) => Kind::Changed,
        (None, Some(_)) => Kind::Added,
        (Some(_), None) => Kind::Removed,
        (None, None) => return,
    };
    found.push(Difference {
        path: path.to_owned(),
        change,
        before: before.cloned(),
        after: after.cloned(),
    });
}

fn walk_list(path: &str, old: &List<'_>, new: &List<'_>, found: &mut Vec<Difference>) {
    let common = |list: &List<'_>, other: &List<'_>| -> Vec<Value> {
        let keys = list
            .order
            .iter()
            .filter(|key| other.by_key.contains_key(**key));
        keys.map(|key| Value::from(*key)).collect()
    };
    let (was, is) = (common(old, new), common(new, old));
    if was != is {
        found.push(Difference {
            path: path.to_owned(),
            change: Kind::Moved,
            before: Some(was.into()),
            after: Some(is.into()),
        });
    }
    let gone = old
        .order
        .iter()
        .filter(|key| !new.by_key.contains_key(**key));
    for key in new.order.iter().chain(gone) {
        let place = format!("{path}[{key}]");
        let of = |list: &List<'_>| list.by_key.get(key).copied().cloned();
        walk(&place, of(old).as_ref(), of(new).as_ref(), found);
    }
}

/// A list of things that have codes.
struct List<'a> {
    order: Vec<&'a str>,
    by_key: BTreeMap<&'a str, &'a Value>,
}

/// The list by its things' codes, if each has one of its own.
fn keyed(values: &[Value]) -> Option<List<'_>> {
    let key = |value| -> Option<&str> {
        let value: &Value = value;
        value.get("id").or_else(|| value.get("item"))?.as_str()
    };
    let order: Vec<&str> = values.iter().map(key).collect::<Option<_>>()?;
    let by_key: BTreeMap<&str, &Value> = order.iter().copied().zip(values).collect();
    (by_key.len() == order.len()).then_some(List { order, by_key })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_told_by_code_and_with_both_values() {
        let before = json!({"items": [{"id": "a", "price": 1}, {"id": "b", "price": 2},
                                      {"id": "c", "price": 3}], "stations": ["bar"]});
        let after = json!({"items": [{"id": "d", "price": 4}, {"id": "c", "price": 3},
                                     {"id": "a", "price": 5}], "stations": ["bar", "wok"]});
        let told: Vec<String> = diff(&before, &after)
            .into_iter()
            .map(|one| {
                let value = |value: Option<Value>| value.unwrap_or_default();
                let kind = json!(one.change);
                format!(
                    "{} {kind} {} {}",
                    one.path,
                    value(one.before),
                    value(one.after)
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                r#"items "moved" ["a","c"] ["c","a"]"#,
                r#"items[d] "added" null {"id":"d","price":4}"#,
                r#"items[a].price "changed" 1 5"#,
                r#"items[b] "removed" {"id":"b","price":2} null"#,
                r#"stations "changed" ["bar"] ["bar","wok"]"#,
            ]
        );
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0_i64..3).prop_map(Value::from),
            "[ab]".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 3, |inner| {
            let members = prop::collection::btree_map("id|item|[xy]", inner.clone(), 0..3);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                members.prop_map(|members| json!(members)),
            ]
        })
    }

    proptest! {
        #[test]
        fn there_are_differences_exactly_between_others(a in tree(), b in tree()) {
            prop_assert_eq!(diff(&a, &a), []);
            prop_assert_eq!(diff(&a, &b).is_empty(), a == b);
        }
    }
}
