//! Threads that work together kept from sharing a core.
//!
//! A thread that is woken is often put on the core of the one that wakes it, and stays there for many milliseconds though
//! another core is idle: to the scheduler both look as if their data were in that core's cache. On two cores a single query
//! then takes up to twice as long.

#[cfg(target_os = "linux")]
pub(crate) use self::linux::Apart;

/// Other systems are left to decide.
#[cfg(not(target_os = "linux"))]
pub(crate) struct Apart;

#[cfg(not(target_os = "linux"))]
impl Apart {
    pub(crate) fn register() {}

    pub(crate) fn of_others() -> Apart {
        Apart
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

    use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

    /// With more threads there are more cores, of which the scheduler finds one that is idle.
    const MOST: usize = 8;

    /// Threads that may be moved, as long as they live.
    static REGISTERED: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

    thread_local! {
        static REGISTRATION: Registration = Registration::new();
    }

    struct Registration(Pid);

    impl Registration {
        fn new() -> Registration {
            registered().push(gettid());
            Registration(gettid())
        }
    }

    impl Drop for Registration {
        fn drop(&mut self) {
            registered().retain(|&thread| thread != self.0);
        }
    }

    fn registered() -> MutexGuard<'static, Vec<Pid>> {
        REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// While it lives, the other registered threads stay off the core that the thread was on that made it.
    pub(crate) struct Apart {
        others: Vec<Pid>,
    }

    impl Apart {
        /// Allows the thread to be moved.
        pub(crate) fn register() {
            // A thread that is ending works no more.
            let _ = REGISTRATION.try_with(|_| ());
        }

        pub(crate) fn of_others() -> Apart {
            let own = gettid();
            let mut others = registered().clone();
            others.retain(|&thread| thread != own);
            Apart::of(others)
        }

        fn of(mut others: Vec<Pid>) -> Apart {
            if others.len() >= MOST {
                others.clear();
            }
            let elsewhere = allowed().and_then(|allowed| without(allowed, sched_getcpu()));
            match elsewhere {
                Some(elsewhere) => set(&others, &elsewhere),
                None => others.clear(),
            }
            Apart { others }
        }
    }

    impl Drop for Apart {
        fn drop(&mut self) {
            if let Some(allowed) = allowed() {
                set(&self.others, allowed);
            }
        }
    }

    /// The cores that the process may use, by its first thread that asks.
    fn allowed() -> Option<&'static CpuSet> {
        static ALLOWED: OnceLock<Option<CpuSet>> = OnceLock::new();
        let allowed = ALLOWED.get_or_init(|| sched_getaffinity(None).ok());
        allowed.as_ref()
    }

    /// The others, if there are any.
    fn without(cores: &CpuSet, core: usize) -> Option<CpuSet> {
        let mut others = *cores;
        others.unset(core);
        (others.count() > 0).then_some(others)
    }

    fn set(threads: &[Pid], cores: &CpuSet) {
        for &thread in threads {
            // Where that is not allowed, they stay where they are.
            let _ = sched_setaffinity(Some(thread), cores);
        }
    }

    #[cfg(test)]
    mod tests {
        use std::sync::mpsc::channel;
        use std::thread;

        use super::*;

        #[test]
        fn others_stay_off_the_core_until_it_ends() {
            let (ready, is_ready) = channel();
            let (end, ends) = channel::<()>();
            // It isn't registered: other tests would move it too.
            let other = thread::spawn(move || {
                ready.send(gettid()).unwrap();
                let _ = ends.recv();
            });
            let thread = is_ready.recv().unwrap();
            let cores = || sched_getaffinity(Some(thread)).unwrap();
            let all = cores();
            let apart = Apart::of(vec![thread]);
            assert_eq!(cores().count(), (all.count() - 1).max(1));
            drop(apart);
            assert_eq!(cores(), all);
            drop(end);
            other.join().unwrap();
        }

        #[test]
        fn threads_are_registered_while_they_live() {
            let thread = thread::spawn(|| {
                Apart::register();
                Apart::register();
                let own = gettid();
                let entries = registered().iter().filter(|&&it| it == own).count();
                (own, entries)
            });
            let (thread, entries) = thread.join().unwrap();
            assert_eq!(entries, 1);
            assert!(!registered().contains(&thread));
        }
    }
}
