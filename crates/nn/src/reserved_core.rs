//! Keeps threads that work together on different cores.
//!
//! Linux often wakes a thread on the core of the thread that wakes it, and leaves it there for milliseconds while
//! another core is idle: the scheduler assumes that both threads share that core's cache. On two cores, this doubles
//! the time of a single query.

#[cfg(target_os = "linux")]
pub(crate) use self::linux::ReservedCore;

/// Other systems need no help.
#[cfg(not(target_os = "linux"))]
pub(crate) struct ReservedCore;

#[cfg(not(target_os = "linux"))]
impl ReservedCore {
    pub(crate) fn register() {}

    pub(crate) fn of_others() -> ReservedCore {
        ReservedCore
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

    use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

    /// With more cores than this, the scheduler finds an idle one by itself.
    const MOST: usize = 8;

    /// The running threads that may be moved.
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

    /// While this value lives, the other registered threads stay off the core of the thread that made it.
    pub(crate) struct ReservedCore {
        others: Vec<Pid>,
    }

    impl ReservedCore {
        /// Lets this thread be moved.
        pub(crate) fn register() {
            // Registration fails only in a thread that is ending.
            let _ = REGISTRATION.try_with(|_| ());
        }

        pub(crate) fn of_others() -> ReservedCore {
            let own = gettid();
            let mut others = registered().clone();
            others.retain(|&thread| thread != own);
            ReservedCore::of(others)
        }

        fn of(mut others: Vec<Pid>) -> ReservedCore {
            if others.len() >= MOST {
                others.clear();
            }
            let elsewhere = allowed().and_then(|allowed| without(allowed, sched_getcpu()));
            match elsewhere {
                Some(elsewhere) => set(&others, &elsewhere),
                None => others.clear(),
            }
            ReservedCore { others }
        }
    }

    impl Drop for ReservedCore {
        fn drop(&mut self) {
            if let Some(allowed) = allowed() {
                set(&self.others, allowed);
            }
        }
    }

    /// The cores that the process may use, read once.
    fn allowed() -> Option<&'static CpuSet> {
        static ALLOWED: OnceLock<Option<CpuSet>> = OnceLock::new();
        let allowed = ALLOWED.get_or_init(|| sched_getaffinity(None).ok());
        allowed.as_ref()
    }

    /// All cores but one, unless that is the only one.
    fn without(cores: &CpuSet, core: usize) -> Option<CpuSet> {
        let mut others = *cores;
        others.unset(core);
        (others.count() > 0).then_some(others)
    }

    fn set(threads: &[Pid], cores: &CpuSet) {
        for &thread in threads {
            // If the system refuses, the thread stays where it is.
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
            // Not registered: other tests would move it too.
            let other = thread::spawn(move || {
                ready.send(gettid()).unwrap();
                let _ = ends.recv();
            });
            let thread = is_ready.recv().unwrap();
            let cores = || sched_getaffinity(Some(thread)).unwrap();
            let all = cores();
            let reserved = ReservedCore::of(vec![thread]);
            assert_eq!(cores().count(), (all.count() - 1).max(1));
            drop(reserved);
            assert_eq!(cores(), all);
            drop(end);
            other.join().unwrap();
        }

        #[test]
        fn threads_are_registered_while_they_live() {
            let thread = thread::spawn(|| {
                ReservedCore::register();
                ReservedCore::register();
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
