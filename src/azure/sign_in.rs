//! What sign-in said: the numbers of Microsoft Entra's token service and what they mean to us.
//!
//! Source: Microsoft Learn, "Microsoft Entra authentication and authorization error codes".
//! Microsoft calls the numbers "for diagnosis" and subject to change; a number not listed here is
//! [`Meaning::Other`], never a guess.

use crate::domain::event::FaultClass;
use crate::domain::text::Text;
use std::time::Duration;

/// The result of one sign-in attempt that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// A token was given, and thrown away.
    Accepted { expires_in: Duration },
    /// Refused, with the token service's number, and `AADSTS` and that number as code.
    Refused { aadsts: u32, code: Text<64> },
}

impl SignIn {
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            SignIn::Accepted { .. } => None,
            SignIn::Refused { aadsts, .. } => Some(Meaning::of(*aadsts)),
        }
    }
    pub fn is_accepted(&self) -> bool {
        matches!(self, SignIn::Accepted { .. })
    }
}

/// What a refusal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The secret, or the certificate's key, is not (yet, or any more) one of the application's.
    WrongCredential,
    /// It is one, and its time is over.
    Expired,
    /// The application is not (yet) in this tenant.
    NoSuchApplication,
    /// The application or its service principal is switched off. The number for `isDisabled` is
    /// unconfirmed.
    Disabled,
    /// Sessions were revoked or ended by a password change.
    Revoked,
    /// A user's own trouble: wrong or expired password, locked, disabled, unknown.
    User,
    /// Our assertion is malformed or our clock is off.
    Assertion,
    /// Blocked by Conditional Access or a security policy.
    Policy,
    /// Wrong cloud, unknown tenant, missing consent or resource.
    Configuration,
    /// Too fast.
    Busy,
    /// The token service has a passing trouble.
    Transient,
    /// A new password was refused.
    PasswordRefused,
    Other,
}

impl Meaning {
    pub fn of(aadsts: u32) -> Self {
        match aadsts {
            7_000_215 | 700_027 => Self::WrongCredential,
            7_000_222 => Self::Expired,
            700_016 => Self::NoSuchApplication,
            7_000_112 | 70_001 | 1_000_031 => Self::Disabled,
            50_173 | 50_132 | 50_133 => Self::Revoked,
            50_055 | 50_126 | 50_053 | 50_057 | 50_034 => Self::User,
            50_012 | 50_013 | 50_027 | 50_048 | 700_021 | 700_023 | 7_000_218 => Self::Assertion,
            53_003 | 530_032 => Self::Policy,
            90_002 | 90_038 | 900_382 | 500_011 | 65_001 | 90_094 => Self::Configuration,
            90_055 | 50_196 => Self::Busy,
            90_033 | 90_012 | 90_024 | 50_033 | 90_090 => Self::Transient,
            120_002..=120_021 => Self::PasswordRefused,
            _ => Self::Other,
        }
    }

    /// How a *new* credential's refusal counts while it spreads: the nodes of the token service
    /// learn of it seconds to minutes later, and until then answer as if it were wrong.
    pub fn class_while_spreading(self) -> FaultClass {
        match self {
            // Disabled: a block that was lifted is on its way, too.
            Self::WrongCredential | Self::NoSuchApplication | Self::Disabled => FaultClass::NotYet,
            other => other.class(),
        }
    }

    /// How a refusal counts otherwise.
    pub fn class(self) -> FaultClass {
        match self {
            Self::Busy => FaultClass::Busy,
            Self::Transient => FaultClass::Line,
            Self::Other => FaultClass::Unexpected,
            _ => FaultClass::Refused,
        }
    }

    /// Whether this refusal is about the credential itself: only then does it count as evidence
    /// that the credential is dead.
    pub fn proves_dead(self) -> bool {
        matches!(self, Self::WrongCredential | Self::Expired)
    }

    /// Whether this refusal is evidence that a switch is off.
    pub fn proves_disabled(self) -> bool {
        self == Self::Disabled
    }
}

/// The number in a token service's answer: the first of `error_codes`, else the one in the text
/// after `AADSTS`. The text itself is dropped.
pub(crate) fn read_refusal(body: &[u8]) -> Option<(u32, Text<64>)> {
    #[derive(serde::Deserialize)]
    struct Answer {
        error: Option<String>,
        #[serde(default)]
        error_description: String,
        #[serde(default)]
        error_codes: Vec<u32>,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    answer.error?;
    let written = || {
        let (_, rest) = answer.error_description.split_once("AADSTS")?;
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    };
    let number = answer.error_codes.first().copied().or_else(written).unwrap_or(0);
    Some((number, Text::lossy(&format!("AADSTS{number}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_may_wait_and_an_old_one_is_dead() {
        let wrong = Meaning::of(7_000_215);
        assert_eq!(wrong.class_while_spreading(), FaultClass::NotYet);
        assert_eq!(wrong.class(), FaultClass::Refused);
        assert!(wrong.proves_dead());
        for (number, meaning) in [
            (7_000_112, Meaning::Disabled),
            (90_055, Meaning::Busy),
            (90_033, Meaning::Transient),
            (53_003, Meaning::Policy),
            (1, Meaning::Other),
        ] {
            assert_eq!(Meaning::of(number), meaning);
            assert!(!meaning.proves_dead());
        }
    }

    #[test]
    fn the_number_is_read_and_the_text_is_not() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret 's3cr3t'","error_codes":[7000215]}"#;
        assert_eq!(read_refusal(body), Some((7_000_215, Text::lossy("AADSTS7000215"))));
        let bare = br#"{"error":"invalid_client","error_description":"AADSTS700016: no app"}"#;
        assert_eq!(read_refusal(bare).map(|(n, _)| n), Some(700_016));
        assert_eq!(read_refusal(b"<html>"), None);
        assert_eq!(read_refusal(br#"{"access_token":"x"}"#), None);
    }
}
