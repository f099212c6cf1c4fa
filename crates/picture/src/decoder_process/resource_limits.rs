//! Resource limits that a child sets for itself before it decodes.

use std::time::Duration;

/// Memory beyond a picture's cost: the file twice, tables, and what an allocator keeps.
const SLACK: u64 = 512 << 20;

/// The memory limit for a picture that takes `cost` bytes to decode.
pub(super) fn memory(cost: u64) -> u64 {
    cost.saturating_mul(2).saturating_add(SLACK)
}

/// Limits this process to this much more memory and CPU time than it has used so far.
#[cfg(unix)]
pub(super) fn allow(memory: u64, processor: Duration) {
    use rustix::{
        process::{Resource, Rlimit, setrlimit},
        time::{ClockId, clock_gettime},
    };
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec as u64;
    // A started second counts.
    let processor = used + 1 + processor.as_secs();
    let memory = address_space().map(|own| (Resource::As, own.saturating_add(memory)));
    // A core dump would be useless and large.
    let bounds = [(Resource::Cpu, processor), (Resource::Core, 0)];
    let bounds = bounds.into_iter().chain(memory);
    for (resource, bound) in bounds {
        let most = rustix::process::getrlimit(resource).maximum;
        let bound = most.map_or(bound, |most| bound.min(most));
        // If the system refuses, the limit on wall-clock time remains.
        let _ = setrlimit(
            resource,
            Rlimit {
                current: Some(bound),
                maximum: most,
            },
        );
    }
}

#[cfg(not(unix))]
pub(super) fn allow(_memory: u64, _processor: Duration) {}

/// The memory, in bytes, that this process has mapped so far, mostly code and libraries. Only Linux reports it; on
/// other systems the limit would have no effect, or be below the memory in use.
#[cfg(unix)]
fn address_space() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        env, hint,
        os::unix::process::ExitStatusExt,
        process::{Command, Output},
    };

    use super::*;

    /// Runs a test that acts as a decoder in its own process.
    fn run(double: &str) -> Output {
        let name = format!("decoder_process::resource_limits::tests::{double}");
        let mut command = Command::new(env::current_exe().unwrap());
        let command = command.args(["--exact", &name, "--ignored", "--nocapture"]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("running 1 test"), "{said}");
        output
    }

    #[test]
    #[ignore = "a double for a decoder that takes memory"]
    fn takes_memory() {
        allow(100 << 20, Duration::from_secs(100));
        hint::black_box(vec![1_u8; 50 << 20]);
        eprintln!("half of it is there");
        hint::black_box(vec![1_u8; 200 << 20]);
    }

    #[test]
    #[ignore = "a double for a decoder that does not end"]
    fn takes_time() {
        allow(100 << 20, Duration::from_secs(0));
        loop {
            hint::spin_loop();
        }
    }

    #[test]
    fn memory_is_bounded() {
        let output = run("takes_memory");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains("half of it is there"), "{words}");
        assert!(
            words.contains("memory allocation of 209715200 bytes failed"),
            "{words}"
        );
        assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    }

    #[test]
    fn time_is_bounded() {
        assert_eq!(run("takes_time").status.signal(), Some(libc::SIGXCPU));
    }
}
