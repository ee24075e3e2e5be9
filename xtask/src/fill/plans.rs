//! Which tables and indexes the queries of an answer went through, from what auto_explain writes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, Result};

/// The end of the log as it is now.
pub(super) fn end(log: &Path) -> Result<u64> {
    let meta = std::fs::metadata(log).with_context(|| format!("{}", log.display()))?;
    Ok(meta.len())
}

/// The nodes that read something, of all plans that were written since.
pub(super) fn since(log: &Path, from: u64) -> Result<String> {
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(nodes(&String::from_utf8_lossy(&bytes)))
}

/// `index on table` for each that is read by an index, `all of table` for others.
fn nodes(log: &str) -> String {
    let mut found = BTreeSet::new();
    for line in log.lines() {
        let node = line.trim().trim_start_matches("->").trim();
        let node = node.strip_prefix("Parallel ").unwrap_or(node);
        let word = |after: &str| {
            let rest = node.split_once(after)?.1;
            rest.split([' ', '('])
                .next()
                .filter(|word| !word.is_empty())
        };
        let is_index = node.starts_with("Index ") || node.starts_with("Bitmap Index ");
        if is_index {
            let name = word(" using ").or_else(|| word(" on "));
            found.extend(name.map(str::to_owned));
        } else if node.starts_with("Seq Scan") {
            found.extend(word(" on ").map(|table| format!("all of {table}")));
        }
    }
    found.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::nodes;

    #[test]
    fn a_plan_tells_what_it_reads() {
        let log = "LOG:  duration: 1 ms  plan:\n\tQuery Text: select 1\n\tHash Join  (cost=1..2)\n\
                   \t  ->  Index Only Scan Backward using site_order_key on site_order o  (cost=0)\n\
                   \t  ->  Parallel Seq Scan on site s  (cost=0)\n\
                   \t  ->  Bitmap Index Scan on site_order_open_idx  (cost=0)\n\
                   \t  ->  CTE Scan on w  (cost=0)\n";
        assert_eq!(
            nodes(log),
            "all of site, site_order_key, site_order_open_idx"
        );
    }
}
