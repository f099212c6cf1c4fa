use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rayon::Yield;

use crate::reserved_core::ReservedCore;

/// Runs `work` while the other threads of rayon's pool keep looking for its tasks instead of falling asleep.
///
/// Waking a thread takes longer than a small operation, so this helps short work that consists of many operations in
/// sequence. Threads that have other work do that first.
pub fn with_awake_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let done = AtomicBool::new(false);
    rayon::scope(|scope| {
        let _reserved_core = ReservedCore::of_others();
        for _ in 1..rayon::current_num_threads() {
            scope.spawn(|_| look_for_work(&done));
        }
        let _ends = Ends(&done);
        work()
    })
}

/// Stops the other threads, also when the work panics.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn look_for_work(done: &AtomicBool) {
    ReservedCore::register();
    while !done.load(Ordering::Acquire) {
        if rayon::yield_now() != Some(Yield::Executed) {
            // Lets other processes have the core.
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_and_its_panic_is_passed_on() {
        use rayon::prelude::*;
        let sum = || (0..1000_u64).into_par_iter().sum::<u64>();
        assert_eq!(
            with_awake_threads(|| sum() + with_awake_threads(sum)),
            999_000
        );
        let failed = std::panic::catch_unwind(|| with_awake_threads(|| panic!("as it should")));
        assert!(failed.is_err());
        assert_eq!(with_awake_threads(sum), 499_500);
    }
}
