//! What a program exports to Prometheus, as a list that can be compared: `name type {labels}`.

use std::collections::{BTreeMap, BTreeSet};

/// Every metric of an exposition with its type and the names of its labels, one a line, sorted.
pub fn families(text: &str) -> BTreeSet<String> {
    let mut types = BTreeMap::new();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            types.insert(name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') && !line.is_empty() {
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            let sample = &line[..end];
            let known = |name: &&str| types.contains_key(*name);
            let family = [Some(sample), sample.strip_suffix("_bucket")]
                .into_iter()
                .chain(["_sum", "_count"].map(|suffix| sample.strip_suffix(suffix)));
            let name = family.flatten().find(known).unwrap_or(sample);
            let kind = types.get(name).map_or("untyped", String::as_str);
            let labels = labels(&line[end..]);
            found.insert(format!("{name} {kind} {{{}}}", labels.join(",")));
        }
    }
    found
}

/// Names of the labels of a sample, `le` left out.
fn labels(rest: &str) -> Vec<String> {
    let Some(inside) = rest.strip_prefix('{') else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let (mut name, mut quoted, mut escaped) = (String::new(), false, false);
    for letter in inside.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '}' => break,
            '=' if name != "le" => names.push(std::mem::take(&mut name)),
            '=' | ',' => name.clear(),
            letter => name.push(letter),
        }
    }
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_types_and_labels_are_told_apart() {
        let text = "# HELP a_total A, b\n# TYPE a_total counter\na_total{x=\"1\",b=\"{=}\\\"\"} 1\n\n\
                    # TYPE t_seconds histogram\nt_seconds_bucket{k=\"v\",le=\"+Inf\"} 0\n\
                    t_seconds_sum{k=\"v\"} 0\n# TYPE row_count gauge\nrow_count 3\n";
        let found: Vec<String> = families(text).into_iter().collect();
        let wanted = [
            "a_total counter {b,x}",
            "row_count gauge {}",
            "t_seconds histogram {k}",
        ];
        assert_eq!(found, wanted);
    }
}
