//! Secret values. A [`Secret`] cannot be printed, compared, serialised or cloned; its value is
//! read in the few places that hand it to its named store or to a sign-in (promise 3).

use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// A secret value in memory, wiped when dropped. Copies inside TLS and HTTP buffers are outside
/// our reach: wiping is best effort.
pub struct Secret(SecretString);

impl Secret {
    pub fn new(value: String) -> Self {
        Self(SecretString::from(value))
    }
    /// The value itself. `tests/tidy.rs` lists the files that may call this.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
    /// Whether both hold the same value, without revealing where they differ.
    pub fn same_as(&self, other: &Secret) -> bool {
        let (a, b) = (self.expose().as_bytes(), other.expose().as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
    }
    /// The published hint: Entra shows the first three characters of every secret to any reader
    /// of the application, so this tells nobody anything new (promise 3's one exception).
    pub fn hint(&self) -> String {
        self.expose().chars().take(3).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let s = Secret::new("x7Q-canary".into());
        assert_eq!(format!("{s:?}"), "Secret(…)");
        assert!(s.same_as(&Secret::new("x7Q-canary".into())));
        assert!(!s.same_as(&Secret::new("x7Q-canarz".into())));
        assert_eq!(s.hint(), "x7Q");
    }
}
