//! Whose cosignatures are wanted: a C2SP tlog-policy file, of `log`, `witness`, `group` and `quorum`
//! lines.

use super::cosigned::CosignerKey;
use crate::trail::key::{KeyError, VerifierKey};
use std::collections::{BTreeMap, BTreeSet};

/// A policy of a hundred witnesses is small.
pub const POLICY_BYTES_MAX: u64 = 256 << 10;

/// Why a file is not a policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("line {0}: {1:?} is not a line of a policy (log, witness, group or quorum, with its parts)")]
    Malformed(usize, String),
    #[error("line {0}: {1}")]
    Key(usize, KeyError),
    #[error("line {0}: {1:?} is not defined on a line before, or is named a second time")]
    Name(usize, String),
    #[error("line {0}: a number from 1 to the number of members is wanted, or `any`, or `all`")]
    Threshold(usize),
    #[error("there must be exactly one quorum line, there are {0}")]
    Quorum(usize),
    #[error("it holds a control character or is not text")]
    Character,
}

/// A witness, or so many of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Member {
    Witness(CosignerKey),
    Group(usize, Vec<String>),
}

/// Which witnesses are known, and which of them are enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    members: BTreeMap<String, Member>,
    /// None: nobody's word is asked for.
    quorum: Option<String>,
    urls: Vec<(CosignerKey, String)>,
}

impl Policy {
    /// Any one of these witnesses is enough.
    pub fn any_of(witnesses: &[CosignerKey]) -> Self {
        let mut policy = Self::default();
        let mut names = Vec::new();
        for witness in witnesses {
            names.push(witness.to_string());
            policy.members.insert(witness.to_string(), Member::Witness(witness.clone()));
        }
        if !names.is_empty() {
            policy.members.insert(String::new(), Member::Group(1, names));
            policy.quorum = Some(String::new());
        }
        policy
    }

    pub fn from_text(bytes: &[u8]) -> Result<Self, PolicyError> {
        let text = std::str::from_utf8(bytes).map_err(|_| PolicyError::Character)?;
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(PolicyError::Character);
        }
        let (mut policy, mut quorums) = (Self::default(), 0);
        let mut free: BTreeSet<String> = BTreeSet::new();
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split([' ', '\t']).filter(|w| !w.is_empty()).collect();
            let malformed = || PolicyError::Malformed(number, line.chars().take(100).collect());
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key, rest @ ..] if rest.len() <= 1 => {
                    let key: VerifierKey = key.parse().map_err(|e| PolicyError::Key(number, e))?;
                    policy.logs.push(key);
                }
                ["witness", name, key, rest @ ..] if rest.len() <= 1 => {
                    policy.witness(number, name, key, rest.first().copied())?;
                    free.insert((*name).to_owned());
                }
                ["group", name, threshold, members @ ..] if !members.is_empty() => {
                    policy.group(number, name, threshold, members, &mut free)?;
                    free.insert((*name).to_owned());
                }
                ["quorum", name] => {
                    quorums += 1;
                    if *name != "none" && !policy.members.contains_key(*name) {
                        return Err(PolicyError::Name(number, (*name).to_owned()));
                    }
                    policy.quorum = (*name != "none").then(|| (*name).to_owned());
                }
                _ => return Err(malformed()),
            }
        }
        if quorums == 1 { Ok(policy) } else { Err(PolicyError::Quorum(quorums)) }
    }

    fn witness(
        &mut self,
        number: usize,
        name: &str,
        key: &str,
        url: Option<&str>,
    ) -> Result<(), PolicyError> {
        let key: CosignerKey = key.parse().map_err(|e| PolicyError::Key(number, e))?;
        let twice = self.witnesses().iter().any(|k| k.key() == key.key());
        if twice || name == "none" || self.members.contains_key(name) {
            return Err(PolicyError::Name(number, name.to_owned()));
        }
        self.urls.extend(url.map(|url| (key.clone(), url.to_owned())));
        self.members.insert(name.to_owned(), Member::Witness(key));
        Ok(())
    }

    fn group(
        &mut self,
        number: usize,
        name: &str,
        threshold: &str,
        members: &[&str],
        free: &mut BTreeSet<String>,
    ) -> Result<(), PolicyError> {
        let decimal = |s: &str| s.parse::<usize>().ok().filter(|n| n.to_string() == s);
        let threshold = match threshold {
            "any" => Some(1),
            "all" => Some(members.len()),
            number => decimal(number),
        };
        let threshold = threshold.filter(|k| (1..=members.len()).contains(k));
        let threshold = threshold.ok_or(PolicyError::Threshold(number))?;
        if name == "none" || self.members.contains_key(name) {
            return Err(PolicyError::Name(number, name.to_owned()));
        }
        for member in members {
            // Each name is a member of one group at most, so that nobody counts twice.
            if !free.remove(*member) {
                return Err(PolicyError::Name(number, (*member).to_owned()));
            }
        }
        let members = members.iter().map(|m| (*m).to_owned()).collect();
        self.members.insert(name.to_owned(), Member::Group(threshold, members));
        Ok(())
    }

    /// All witnesses that are known.
    pub fn witnesses(&self) -> Vec<CosignerKey> {
        let keys = self.members.values().filter_map(|m| match m {
            Member::Witness(key) => Some(key.clone()),
            Member::Group(..) => None,
        });
        keys.collect()
    }

    /// The witnesses that can be asked, and where.
    pub fn urls(&self) -> &[(CosignerKey, String)] {
        &self.urls
    }

    /// Whether the policy is about this log; one without logs is about any.
    pub fn covers(&self, log: &VerifierKey) -> bool {
        self.logs.is_empty() || self.logs.contains(log)
    }

    /// Whether these witnesses are enough. `quorum none` is met by nobody: it witnesses nothing.
    pub fn is_met_by(&self, by: &[CosignerKey]) -> bool {
        self.quorum.as_deref().is_some_and(|name| self.has_witnessed(name, by))
    }

    fn has_witnessed(&self, name: &str, by: &[CosignerKey]) -> bool {
        match self.members.get(name) {
            None => false,
            Some(Member::Witness(key)) => by.contains(key),
            // Groups name only what stands before them, so this ends.
            Some(Member::Group(threshold, members)) => {
                members.iter().filter(|m| self.has_witnessed(m, by)).count() >= *threshold
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> CosignerKey {
        CosignerKey::new(&format!("w{n}.example"), [n; 32]).unwrap()
    }

    /// The example of the specification, with keys.
    fn example() -> String {
        let mut text = String::from("# logs\n");
        for (n, name) in ["X1", "X2", "X3", "Y1", "Y2", "Y3"].iter().enumerate() {
            text += &format!("witness {name}\t{}  https://w.example/{n}\n", key(u8::try_from(n).unwrap()));
        }
        text + "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n\
                group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
    }

    #[test]
    fn the_example_of_the_specification_means_what_it_says() {
        let policy = Policy::from_text(example().as_bytes()).unwrap();
        assert_eq!((policy.witnesses().len(), policy.urls().len()), (6, 6));
        let met = |names: &[u8]| policy.is_met_by(&names.iter().map(|n| key(*n)).collect::<Vec<_>>());
        assert!(met(&[0, 1, 3]) && met(&[0, 2, 5]) && met(&[0, 1, 2, 3, 4, 5]));
        for few in [&[][..], &[0, 1], &[0, 3], &[3, 4, 5], &[0, 0, 3], &[7, 8, 9]] {
            assert!(!met(few), "{few:?}");
        }
    }

    #[test]
    fn any_of_some_and_none() {
        let any = Policy::any_of(&[key(1), key(2)]);
        assert!(any.is_met_by(&[key(2)]) && !any.is_met_by(&[key(3)]));
        assert!(!Policy::any_of(&[]).is_met_by(&[key(1)]));
        let none = Policy::from_text(format!("witness W {}\nquorum none\n", key(1)).as_bytes()).unwrap();
        assert!(!none.is_met_by(&[key(1)]), "`quorum none` must not pass for witnessed");
    }

    #[test]
    fn what_is_not_a_policy_is_refused_with_its_line() {
        let (one, two) = (format!("witness A {}\n", key(1)), format!("witness B {}\n", key(2)));
        for (bad, says) in [
            (one.clone(), "exactly one quorum"),
            (format!("{one}quorum A\nquorum A\n"), "there are 2"),
            (format!("quorum A\n{one}"), "line 1"),
            (format!("{one}{one}quorum A\n"), "line 2"),
            (format!("{one}witness B {}\nquorum A\n", key(1)), "second time"),
            (format!("witness none {}\nquorum none\n", key(1)), "line 1"),
            (format!("{one}{two}group G 3 A B\nquorum G\n"), "from 1 to"),
            (format!("{one}{two}group G 0 A B\nquorum G\n"), "from 1 to"),
            (format!("{one}{two}group G 01 A B\nquorum G\n"), "from 1 to"),
            (format!("{one}{two}group G all A B\ngroup H all A\nquorum H\n"), "line 4"),
            (format!("{one}group G all G\nquorum G\n"), "line 2"),
            (format!("{one}group G all\nquorum G\n"), "line 2"),
            (format!("{one}quorum A\u{1b}[2J\n"), "control"),
            ("witness A x+y+z\nquorum A\n".into(), "line 1"),
            ("wittness A\nquorum none\n".into(), "not a line of a policy"),
        ] {
            let why = Policy::from_text(bad.as_bytes()).map(|_| ()).unwrap_err().to_string();
            assert!(why.contains(says), "{bad}{why}");
        }
    }
}
