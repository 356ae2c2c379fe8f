//! Canonical JSON (RFC 8785) of our own types.
//!
//! Reading a plan writes each of its lines again, to see that it is in its only form; with `serde_json_canonicalizer`,
//! which keeps every member of every object by itself until the object ends, that was a third of `audit verify`. Of what
//! `serde_json` writes, little is not canonical: the order of members. So that is written, and what is out of order is
//! sorted in place.
//!
//! Where that is not all (keys beyond ASCII, which RFC 8785 sorts by UTF-16, numbers that a double does not hold or writes
//! otherwise), the library does it. Where mistakes are looked for, it always does it too.

use serde::Serialize;
use std::ops::Range;

/// Whole numbers of so many digits are the same in every form.
const DIGITS_MAX: usize = 15;

/// The only form of `value`.
pub fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let plain = serde_json::to_vec(value)?;
    let Some(sorted) = sorted(&plain) else { return serde_json_canonicalizer::to_vec(value) };
    debug_assert_eq!(serde_json_canonicalizer::to_vec(value).ok().as_ref(), Some(&sorted));
    Ok(sorted)
}

/// What `serde_json` wrote, with the members of each object in order. None: that would not be all.
fn sorted(plain: &[u8]) -> Option<Vec<u8>> {
    let out = Vec::with_capacity(plain.len());
    let mut sorter = Sorter { rest: plain, out, members: Vec::new(), spare: Vec::new() };
    sorter.value()?;
    Some(sorter.out)
}

struct Sorter<'a> {
    /// What is still to be read.
    rest: &'a [u8],
    out: Vec<u8>,
    /// Of the objects that have begun: key, and where in `out` the member is.
    members: Vec<(&'a [u8], Range<usize>)>,
    spare: Vec<u8>,
}

impl<'a> Sorter<'a> {
    fn value(&mut self) -> Option<()> {
        match self.rest.first()? {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => self.string().map(|text| self.out.extend_from_slice(text)),
            b'n' | b't' | b'f' => {
                let word = self.up_to(|b| !b.is_ascii_lowercase());
                self.out.extend_from_slice(word);
                Some(())
            }
            _ => {
                let number = self.up_to(|b| matches!(b, b',' | b']' | b'}'));
                self.out.extend_from_slice(number);
                (number.len() <= DIGITS_MAX && number.iter().all(u8::is_ascii_digit)).then_some(())
            }
        }
    }

    fn array(&mut self) -> Option<()> {
        self.copy(b'[');
        while !self.copy(b']') {
            self.copy(b',');
            self.value()?;
        }
        Some(())
    }

    fn object(&mut self) -> Option<()> {
        let first = self.members.len();
        self.copy(b'{');
        let begin = self.out.len();
        while !self.copy(b'}') {
            self.copy(b',');
            let from = self.out.len();
            let key = self.string()?;
            self.out.extend_from_slice(key);
            self.copy(b':');
            self.value()?;
            // Without the quotation marks, which would count in the order.
            let name = &key[1..key.len() - 1];
            if !name.is_ascii() || name.contains(&b'\\') {
                return None;
            }
            self.members.push((name, from..self.out.len()));
        }
        let members = &mut self.members[first..];
        if !members.is_sorted_by_key(|(name, _)| *name) {
            members.sort_by_key(|(name, _)| *name);
            self.spare.clear();
            for (_, at) in members {
                self.spare.extend_from_slice(&self.out[at.clone()]);
                self.spare.push(b',');
            }
            self.spare.pop();
            self.out.truncate(begin);
            self.out.extend_from_slice(&self.spare);
            self.out.push(b'}');
        }
        self.members.truncate(first);
        Some(())
    }

    /// Copies this byte, if it comes next.
    fn copy(&mut self, byte: u8) -> bool {
        let Some(rest) = self.rest.strip_prefix(&[byte]) else { return false };
        self.rest = rest;
        self.out.push(byte);
        true
    }

    /// Takes a string with its quotation marks.
    fn string(&mut self) -> Option<&'a [u8]> {
        let mut at = 1;
        loop {
            at += memchr::memchr2(b'"', b'\\', self.rest.get(at..)?)?;
            if self.rest[at] == b'"' {
                break;
            }
            at += 2;
        }
        let (text, rest) = self.rest.split_at(at + 1);
        self.rest = rest;
        Some(text)
    }

    fn up_to(&mut self, is_end: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|b| is_end(*b)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Any value, its objects in any order of members.
    #[derive(Clone, Debug)]
    enum Any {
        Null,
        Bool(bool),
        Number(i64),
        Real(f64),
        Text(String),
        List(Vec<Any>),
        Object(Vec<(String, Any)>),
    }

    impl Serialize for Any {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            match self {
                Any::Null => to.serialize_none(),
                Any::Bool(b) => to.serialize_bool(*b),
                Any::Number(n) => to.serialize_i64(*n),
                Any::Real(x) => to.serialize_f64(*x),
                Any::Text(s) => to.serialize_str(s),
                Any::List(all) => to.collect_seq(all),
                Any::Object(members) => to.collect_map(members.iter().map(|(k, v)| (k, v))),
            }
        }
    }

    fn values() -> impl Strategy<Value = Any> {
        let key = prop_oneof![4 => "[a-z_ !\"]{0,3}", 1 => "\\PC{0,2}"];
        let one = prop_oneof![
            Just(Any::Null),
            any::<bool>().prop_map(Any::Bool),
            any::<i64>().prop_map(Any::Number),
            (0..99i64).prop_map(Any::Number),
            (-1e9..1e9f64).prop_map(Any::Real),
            "\\PC{0,6}".prop_map(Any::Text),
            "[\"\\\\\\\\\\n\\u{1}]{0,4}".prop_map(Any::Text),
        ];
        one.prop_recursive(4, 40, 6, move |inner| {
            // One member of each name.
            let object = prop::collection::btree_map(key.clone(), inner.clone(), 0..6);
            let shuffled =
                object.prop_map(|o: BTreeMap<_, _>| o.into_iter().collect::<Vec<_>>()).prop_shuffle();
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Any::List),
                shuffled.prop_map(Any::Object)
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_the_library_makes_of_it(value in values()) {
            let want = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(to_vec(&value).unwrap(), want);
        }
    }

    #[test]
    fn members_are_sorted_here_and_the_rest_is_left_to_the_library() {
        let value = serde_json::json!({ "b": [{ "y": 1, "x": "\"," }], "a b": null, "a": {}, "ab": true });
        let plain = br#"{"b":[{"y":1,"x":"\","}],"ab":true,"a b":null,"a":{}}"#;
        assert_eq!(sorted(plain).unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap());
        for other in ["{\"ü\":1}", "{\"a\\n\":1}", "[1.5]", "-1", "9007199254740993"] {
            assert_eq!(sorted(other.as_bytes()), None, "{other}");
        }
    }
}
