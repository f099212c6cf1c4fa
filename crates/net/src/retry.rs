use std::time::Duration;

/// How often transient errors are retried, and how long to wait before: twice as long each time, less a
/// random part so that many clients don't retry at once.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The maximum number of retries. A download that made progress starts counting again.
    pub attempts: u32,
    /// The first wait.
    pub first_wait: Duration,
    /// The maximum wait, unless the server requests a longer one.
    pub longest_wait: Duration,
    /// The maximum wait that a server may request (`Retry-After`). If it requests more, the error is final.
    pub longest_asked: Duration,
}

impl Default for Retry {
    /// Five retries within half a minute. The Hugging Face Hub counts requests in windows of five minutes.
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(10),
            longest_asked: Duration::from_secs(300),
        }
    }
}

/// The maximum number of retries for a server that was never reached.
const BRIEFLY: u32 = 2;

/// Whether and when to retry after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// Don't retry.
    Never,
    /// Retry a few times: a user without a network shouldn't wait long for the error.
    Briefly,
    /// Retry with backoff.
    WithBackoff,
    /// Retry after the time that the server requested.
    After(Duration),
}

/// Counts the attempts of one operation.
#[derive(Clone, Debug)]
pub struct Attempts {
    retry: Retry,
    failed: u32,
}

impl Retry {
    /// A new count of attempts.
    pub fn attempts(self) -> Attempts {
        Attempts {
            retry: self,
            failed: 0,
        }
    }
}

impl Attempts {
    /// Starts counting again after progress.
    pub fn forget(&mut self) {
        self.failed = 0;
    }

    /// How long to wait after a failed attempt; `None` if it shouldn't be retried or the retries are used up.
    pub fn wait(&mut self, retry_advice: RetryAdvice) -> Option<Duration> {
        self.failed += 1;
        let most = match retry_advice {
            RetryAdvice::Never => 0,
            RetryAdvice::Briefly => self.retry.attempts.min(BRIEFLY),
            RetryAdvice::WithBackoff | RetryAdvice::After(_) => self.retry.attempts,
        };
        if self.failed > most {
            return None;
        }
        match retry_advice {
            RetryAdvice::After(asked) => (asked <= self.retry.longest_asked).then_some(asked),
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
            let wait = attempts
                .wait(RetryAdvice::WithBackoff)
                .unwrap()
                .as_secs_f64();
            let expected = f64::from(expected);
            assert!(
                (expected / 2.0..=expected).contains(&wait),
                "{wait} for {expected}"
            );
        }
        assert_eq!(attempts.wait(RetryAdvice::WithBackoff), None);
    }

    #[test]
    fn what_the_server_asks_for_is_kept_within_the_limit() {
        let mut attempts = Retry::default().attempts();
        let asked = Duration::from_secs(42);
        assert_eq!(attempts.wait(RetryAdvice::After(asked)), Some(asked));
        assert_eq!(
            attempts.wait(RetryAdvice::After(Duration::from_secs(301))),
            None
        );
        assert_eq!(attempts.wait(RetryAdvice::Never), None);
    }
}
