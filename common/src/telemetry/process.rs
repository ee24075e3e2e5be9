//! Figures of the process itself, under the names that Prometheus' own clients use.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

/// When the process started, seconds since 1970.
const START: &str = "process_start_time_seconds";
/// Memory that it holds, bytes.
const MEMORY: &str = "process_resident_memory_bytes";
/// Files and sockets that it has open.
const FILES: &str = "process_open_fds";
/// Processor time that it has used, seconds.
const CPU: &str = "process_cpu_seconds_total";

/// Linux tells processor time to programs in hundredths of a second, whatever the kernel's own.
const TICKS_PER_SECOND: u64 = 100;

/// Describes them and notes the start: call it once, early.
pub(super) fn describe() {
    describe_gauge!(START, Unit::Seconds, "When the process started");
    describe_gauge!(MEMORY, Unit::Bytes, "Memory that the process holds");
    describe_gauge!(FILES, "Files and sockets that the process has open");
    describe_counter!(CPU, Unit::Seconds, "Processor time that was used");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    gauge!(START).set(now.unwrap_or(Duration::ZERO).as_secs_f64());
    measure();
}

/// Reads them anew. What the system does not tell keeps its last value.
pub(super) fn measure() {
    if let Some(bytes) = memory() {
        gauge!(MEMORY).set(bytes as f64);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        gauge!(FILES).set(files.count() as f64);
    }
    if let Some(seconds) = cpu() {
        counter!(CPU).absolute(seconds);
    }
}

fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn cpu() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name stands in parentheses and may hold blanks.
    let rest = stat.rsplit_once(')')?.1;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_memory_and_time() {
        assert!(memory().expect("VmRSS") > 1_000_000);
        let mut sum = 0_u64;
        while cpu().expect("stat") == 0 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
