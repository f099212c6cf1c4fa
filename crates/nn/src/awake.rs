use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rayon::Yield;

use crate::apart::Apart;

/// What `work` gives. Until it is done, the other threads of rayon's pool look for parts of its operations by themselves,
/// where otherwise they fall asleep between two of them, and to be woken takes longer than a small operation.
///
/// It is for work that is short and has many operations, one after another. Threads that have other work do that first.
pub fn awake<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let done = AtomicBool::new(false);
    rayon::scope(|scope| {
        let _apart = Apart::of_others();
        for _ in 1..rayon::current_num_threads() {
            scope.spawn(|_| look_for_work(&done));
        }
        let _ends = Ends(&done);
        work()
    })
}

/// Ends the looking, also where the work panics.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn look_for_work(done: &AtomicBool) {
    Apart::register();
    while !done.load(Ordering::Acquire) {
        if rayon::yield_now() != Some(Yield::Executed) {
            // Other processes may have the core.
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
        assert_eq!(awake(|| sum() + awake(sum)), 999_000);
        let failed = std::panic::catch_unwind(|| awake(|| panic!("as it should")));
        assert!(failed.is_err());
        assert_eq!(awake(sum), 499_500);
    }
}
