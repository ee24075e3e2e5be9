//! Who is whose child: Postgres puts each backend into a session of its own, so that a signal to the
//! process group of the server does not reach them.

use std::collections::HashSet;
use std::fs;
use std::process::Command;

struct Row {
    pid: u32,
    parent: u32,
    dead: bool,
}

/// The living descendants of a process, itself left out.
pub fn descendants(pid: u32) -> Vec<u32> {
    let rows = table();
    let mut family = HashSet::from([pid]);
    let mut found = Vec::new();
    // Each round finds one generation; the depth of a process tree is small.
    loop {
        let before = found.len();
        for row in rows
            .iter()
            .filter(|row| !row.dead && family.contains(&row.parent))
        {
            if !family.contains(&row.pid) {
                found.push(row.pid);
            }
        }
        if found.len() == before {
            return found;
        }
        family.extend(&found);
    }
}

/// Whether a process runs; one that only waits for its parent to notice its end does not.
pub fn is_alive(pid: u32) -> bool {
    table().iter().any(|row| row.pid == pid && !row.dead)
}

fn table() -> Vec<Row> {
    match fs::read_dir("/proc") {
        Ok(entries) => {
            let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
            pids.filter_map(stat).collect()
        }
        Err(_) => listed_by_ps(),
    }
}

/// One line of Linux' `/proc/<pid>/stat`: `pid (name) state parent …`, where a name may hold anything.
fn stat(pid: u32) -> Option<Row> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut words = rest.split_ascii_whitespace();
    let dead = matches!(words.next()?, "Z" | "X");
    Some(Row {
        pid,
        parent: words.next()?.parse().ok()?,
        dead,
    })
}

fn listed_by_ps() -> Vec<Row> {
    let Ok(output) = Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,state="])
        .output()
    else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let row = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Row {
            pid,
            parent,
            dead: words.next()?.starts_with('Z'),
        })
    };
    text.lines().filter_map(row).collect()
}
