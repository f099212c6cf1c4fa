use std::time::Duration;

/// How often what can pass is tried again, and how long is waited before: twice as long each time,
/// less a random part, so that many clients do not come back at once.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// How often, after the first time. A download that got on in between counts anew.
    pub attempts: u32,
    /// The first wait.
    pub first_wait: Duration,
    /// The longest wait that is chosen here.
    pub longest_wait: Duration,
    /// The longest wait that a server may ask for (`Retry-After`); for more, the failure is final.
    pub longest_asked: Duration,
}

impl Default for Retry {
    /// Five times, within half a minute. The Hugging Face hub counts requests in windows of five minutes.
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(10),
            longest_asked: Duration::from_secs(300),
        }
    }
}

/// How often a server is tried again that could not be reached yet.
const BRIEFLY: u32 = 2;

/// Whether another attempt may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// No.
    Never,
    /// A few times: who has no network should not wait long to learn it.
    Briefly,
    /// Yes, after a while.
    Soon,
    /// The server said when.
    After(Duration),
}

/// The attempts of one thing.
#[derive(Clone, Debug)]
pub struct Attempts {
    retry: Retry,
    failed: u32,
}

impl Retry {
    /// The attempts of one thing, none made yet.
    pub fn attempts(self) -> Attempts {
        Attempts {
            retry: self,
            failed: 0,
        }
    }
}

impl Attempts {
    /// There was headway: the count begins anew.
    pub fn forget(&mut self) {
        self.failed = 0;
    }

    /// How long to wait after an attempt that failed; `None` when it will not pass or has come too
    /// often.
    pub fn wait(&mut self, again: Again) -> Option<Duration> {
        self.failed += 1;
        let most = match again {
            Again::Never => 0,
            Again::Briefly => self.retry.attempts.min(BRIEFLY),
            Again::Soon | Again::After(_) => self.retry.attempts,
        };
        if self.failed > most {
            return None;
        }
        match again {
            Again::After(asked) => (asked <= self.retry.longest_asked).then_some(asked),
            _ => Some(self.chosen().mul_f64(1.0 - fastrand::f64() / 2.0)),
        }
    }

    fn chosen(&self) -> Duration {
        let doubled = 1_u32.checked_shl(self.failed - 1).unwrap_or(u32::MAX);
        let wait = self.retry.first_wait.saturating_mul(doubled);
        wait.min(self.retry.longest_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let mut attempts = Retry::default().attempts();
        for expected in [1, 2, 4, 8, 10] {
            let wait = attempts.wait(Again::Soon).unwrap().as_secs_f64();
            let expected = f64::from(expected);
            assert!(
                (expected / 2.0..=expected).contains(&wait),
                "{wait} for {expected}"
            );
        }
        assert_eq!(attempts.wait(Again::Soon), None);
    }

    #[test]
    fn what_the_server_asks_for_is_kept_within_the_limit() {
        let mut attempts = Retry::default().attempts();
        let asked = Duration::from_secs(42);
        assert_eq!(attempts.wait(Again::After(asked)), Some(asked));
        assert_eq!(attempts.wait(Again::After(Duration::from_secs(301))), None);
        assert_eq!(attempts.wait(Again::Never), None);
    }
}
