use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Memory shared by the pictures being decoded, so that large ones aren't decoded all at once.
#[derive(Debug)]
pub struct Budget {
    bytes: u64,
    free: Mutex<u64>,
    returned: Condvar,
}

impl Budget {
    /// A budget of `bytes` bytes.
    pub fn of(bytes: u64) -> Budget {
        Budget {
            bytes,
            free: Mutex::new(bytes),
            returned: Condvar::new(),
        }
    }

    /// Runs `work` when `bytes` bytes are free. Work that needs more than the whole budget runs alone.
    pub fn with<T>(&self, bytes: u64, work: impl FnOnce() -> T) -> T {
        let _share = self.take(bytes.min(self.bytes));
        work()
    }

    fn take(&self, bytes: u64) -> Share<'_> {
        let mut free = self.lock();
        while *free < bytes {
            free = self
                .returned
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Share {
            budget: self,
            bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        // The number is valid even after a panic.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are returned on drop, after a panic too.
struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.lock() += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn never_more_at_once_than_there_is() {
        let budget = Budget::of(100);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            let (budget, now, most) = (&budget, &now, &most);
            for bytes in [60, 40, 30, 500, 70, 100, 0, 1, 99] {
                scope.spawn(move || {
                    for _ in 0..50 {
                        budget.with(bytes, || {
                            let taken = now.fetch_add(bytes.min(100), Ordering::SeqCst);
                            most.fetch_max(taken + bytes.min(100), Ordering::SeqCst);
                            thread::yield_now();
                            now.fetch_sub(bytes.min(100), Ordering::SeqCst);
                        });
                    }
                });
            }
        });
        assert!(most.into_inner() <= 100);
        assert_eq!(*budget.lock(), 100);
    }

    #[test]
    fn what_panics_returns_its_share() {
        let budget = Budget::of(100);
        let panicked = catch_unwind(AssertUnwindSafe(|| budget.with(80, || panic!("damaged"))));
        assert!(panicked.is_err());
        budget.with(100, || ());
    }
}
