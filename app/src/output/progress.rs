//! Progress on stderr, only while someone waits at a terminal for more than a second.

use std::future::Future;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Ui;

/// What is quicker isn't worth a line that comes and goes.
const PATIENCE: Duration = Duration::from_secs(1);

impl Ui {
    /// A spinner with room for words; none where nobody looks.
    pub fn spinner(&self) -> ProgressBar {
        let bar = if self.quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        match ProgressStyle::with_template("{spinner} {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// Awaits work, and says what it is once it takes long.
    pub async fn during<T>(&self, what: &'static str, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
            return done;
        }
        let bar = self.spinner().with_message(what);
        bar.enable_steady_tick(Duration::from_millis(100));
        let done = work.await;
        bar.finish_and_clear();
        done
    }
}
