//! New passwords: random, of a stated policy, good to read out over the telephone.
//!
//! Entra wants three of four sorts of characters and 8 to 256 of them (Microsoft Learn, "Password
//! policies and account restrictions"). Ours have all four sorts, and none that look alike.

use crate::domain::secret::Secret;
use crate::env::Env;
use zeroize::Zeroizing;

/// What a playbook that says nothing gets.
pub(super) const USUAL_LENGTH: usize = 24;

/// Without I, O, l, o, 0, 1; and no sign that a shell or a form would read as its own.
const SORTS: [&[u8]; 4] =
    [b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"abcdefghijkmnpqrstuvwxyz", b"23456789", b"!#%+-.:=?@_"];

/// A password with at least one character of each sort. Whole candidates are drawn until one fits,
/// so that every password that fits is as likely as any other.
pub(super) fn generate(env: &Env, length: usize) -> Secret {
    let stream = env.random.stream("passwords");
    let alphabet: Vec<u8> = SORTS.concat();
    let length = length.max(SORTS.len());
    loop {
        let mut drawn = Zeroizing::new(String::with_capacity(length));
        for _ in 0..length {
            drawn.push(char::from(alphabet[stream.below(alphabet.len() as u64) as usize]));
        }
        if SORTS.iter().all(|sort| drawn.bytes().any(|b| sort.contains(&b))) {
            return Secret::new(std::mem::take(&mut *drawn));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::env::Clock;

    #[tokio::test(start_paused = true)]
    async fn every_password_has_all_sorts_and_no_lookalikes() {
        let env = Env::simulated(Clock::starting_at(Timestamp::from_unix_s(0)), 1);
        for length in [4, 16, 24, 128] {
            let made = generate(&env, length);
            let text = made.expose();
            assert_eq!(text.chars().count(), length);
            assert!(SORTS.iter().all(|sort| text.bytes().any(|b| sort.contains(&b))), "{length}");
            assert!(!text.chars().any(|c| "IOlo01".contains(c)));
            assert!(!made.same_as(&generate(&env, length)));
        }
    }
}
