//! `$filter`: the part of OData 4.01 (5.1.1) that directory reads use: `eq ne ge le gt lt in`,
//! `and or not`, `startswith endswith contains`, and `any` over collections.

use crate::domain::time::Timestamp;
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq)]
pub(in crate::lab) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(Vec<String>, Op, Value),
    In(Vec<String>, Vec<Value>),
    Call(Text, Vec<String>, String),
    Any(Vec<String>, String, Box<Filter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lab) enum Op {
    Eq,
    Ne,
    Ge,
    Le,
    Gt,
    Lt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lab) enum Text {
    Starts,
    Ends,
    Contains,
}

/// Nested deeper than this, a filter is refused.
const DEPTH_MAX: u32 = 16;

struct Parser<'a> {
    rest: &'a str,
    depth: u32,
}

/// Reads a filter; `None` if it is none that Graph would accept.
pub(in crate::lab) fn parse(text: &str) -> Option<Filter> {
    let mut parser = Parser { rest: text.trim(), depth: 0 };
    let filter = parser.any_of()?;
    parser.rest.trim().is_empty().then_some(filter)
}

impl<'a> Parser<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }
    fn take(&mut self, symbol: char) -> Option<()> {
        self.space();
        self.rest = self.rest.strip_prefix(symbol)?;
        Some(())
    }
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let end = self.rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(self.rest.len());
        let found = self.rest[..end].eq_ignore_ascii_case(word);
        if found {
            self.rest = &self.rest[end..];
        }
        found
    }
    fn any_of(&mut self) -> Option<Filter> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let mut left = self.all_of()?;
        while self.word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.all_of()?));
        }
        self.depth -= 1;
        Some(left)
    }
    fn all_of(&mut self) -> Option<Filter> {
        let mut left = self.one()?;
        while self.word("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Some(left)
    }
    fn one(&mut self) -> Option<Filter> {
        if self.word("not") {
            return Some(Filter::Not(Box::new(self.one()?)));
        }
        if self.take('(').is_some() {
            let inner = self.any_of()?;
            self.take(')')?;
            return Some(inner);
        }
        let path = self.path()?;
        if self.rest.starts_with('(') {
            return self.call(path);
        }
        if self.word("in") {
            return self.list(path);
        }
        let op =
            [("eq", Op::Eq), ("ne", Op::Ne), ("ge", Op::Ge), ("le", Op::Le), ("gt", Op::Gt), ("lt", Op::Lt)];
        let op = op.into_iter().find(|(w, _)| self.word(w))?.1;
        Some(Filter::Compare(path, op, self.literal()?))
    }
    fn path(&mut self) -> Option<Vec<String>> {
        self.space();
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '/' | '@' | '.')))
            .unwrap_or(self.rest.len());
        let (path, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!path.is_empty()).then(|| path.split('/').map(str::to_owned).collect())
    }
    fn call(&mut self, mut path: Vec<String>) -> Option<Filter> {
        self.take('(')?;
        let name = path.pop()?.to_ascii_lowercase();
        if name == "any" && !path.is_empty() {
            let variable = self.path()?.join("/");
            self.take(':')?;
            let inner = self.any_of()?;
            self.take(')')?;
            return Some(Filter::Any(path, variable, Box::new(inner)));
        }
        let call = match name.as_str() {
            "startswith" => Text::Starts,
            "endswith" => Text::Ends,
            "contains" => Text::Contains,
            _ => return None,
        };
        let field = self.path()?;
        self.take(',')?;
        let Value::String(text) = self.literal()? else { return None };
        self.take(')')?;
        Some(Filter::Call(call, field, text))
    }
    fn list(&mut self, path: Vec<String>) -> Option<Filter> {
        self.take('(')?;
        let mut items = vec![self.literal()?];
        while self.take(',').is_some() {
            items.push(self.literal()?);
        }
        self.take(')')?;
        Some(Filter::In(path, items))
    }
    /// A quoted string (`''` is a quote), or a bare word: number, true, false, null, date, GUID.
    fn literal(&mut self) -> Option<Value> {
        self.space();
        if self.rest.starts_with('\'') {
            return self.quoted();
        }
        let end =
            self.rest.find(|c: char| c.is_whitespace() || matches!(c, ')' | ',')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "" => None,
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ => Some(word.parse::<i64>().map_or_else(|_| Value::from(word), Value::from)),
        }
    }
    fn quoted(&mut self) -> Option<Value> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c != '\'' {
                text.push(c);
            } else if chars.peek().is_some_and(|(_, next)| *next == '\'') {
                chars.next();
                text.push('\'');
            } else {
                self.rest = &self.rest[at + 1..];
                return Some(Value::String(text));
            }
        }
        None
    }
}

/// One element of an `any`, by the name of its variable.
type Scope<'a> = Option<(&'a str, &'a Value)>;

impl Filter {
    pub(in crate::lab) fn matches(&self, fields: &Map<String, Value>) -> bool {
        self.holds(fields, None)
    }

    fn holds(&self, fields: &Map<String, Value>, scope: Scope<'_>) -> bool {
        match self {
            Self::And(a, b) => a.holds(fields, scope) && b.holds(fields, scope),
            Self::Or(a, b) => a.holds(fields, scope) || b.holds(fields, scope),
            Self::Not(a) => !a.holds(fields, scope),
            Self::Compare(path, op, wanted) => compare(resolve(fields, scope, path), *op, wanted),
            Self::In(path, wanted) => {
                let found = resolve(fields, scope, path);
                wanted.iter().any(|w| compare(found, Op::Eq, w))
            }
            Self::Call(call, path, text) => {
                let found = resolve(fields, scope, path).and_then(Value::as_str).map(str::to_lowercase);
                let text = text.to_lowercase();
                found.is_some_and(|f| match call {
                    Text::Starts => f.starts_with(&text),
                    Text::Ends => f.ends_with(&text),
                    Text::Contains => f.contains(&text),
                })
            }
            Self::Any(path, variable, inner) => {
                let items = resolve(fields, scope, path).and_then(Value::as_array);
                items.is_some_and(|items| items.iter().any(|i| inner.holds(fields, Some((variable, i)))))
            }
        }
    }

    /// The value of a top-level `field eq 'value'`, so that a lookup need not scan.
    pub(in crate::lab) fn equals(&self, field: &str) -> Option<&str> {
        match self {
            Self::Compare(path, Op::Eq, Value::String(s)) if path.len() == 1 && path[0] == field => Some(s),
            Self::And(a, b) => a.equals(field).or_else(|| b.equals(field)),
            _ => None,
        }
    }

    /// The only values that a field may have, if the filter says so: `field in (…)`, or one of several.
    pub(in crate::lab) fn among(&self, field: &str) -> Option<Vec<&str>> {
        match self {
            Self::In(path, values) if path.len() == 1 && path[0] == field => {
                Some(values.iter().filter_map(Value::as_str).collect())
            }
            Self::Or(a, b) => {
                let (mut a, b) = (a.among(field)?, b.among(field)?);
                a.extend(b);
                Some(a)
            }
            Self::And(a, b) => a.among(field).or_else(|| b.among(field)),
            _ => self.equals(field).map(|only| vec![only]),
        }
    }

    /// The value of a top-level `field ge value`.
    pub(in crate::lab) fn at_least(&self, field: &str) -> Option<&str> {
        match self {
            Self::Compare(path, Op::Ge | Op::Gt, Value::String(s)) if path.len() == 1 && path[0] == field => {
                Some(s)
            }
            Self::And(a, b) => a.at_least(field).or_else(|| b.at_least(field)),
            _ => None,
        }
    }

    /// Whether Graph answers it only with `ConsistencyLevel: eventual` and `$count=true`.
    pub(in crate::lab) fn is_advanced(&self) -> bool {
        match self {
            Self::And(a, b) | Self::Or(a, b) => a.is_advanced() || b.is_advanced(),
            Self::Not(_) | Self::Compare(_, Op::Ne, _) | Self::Call(Text::Ends | Text::Contains, ..) => true,
            Self::Any(_, _, inner) => inner.is_advanced(),
            _ => false,
        }
    }
}

fn resolve<'a>(fields: &'a Map<String, Value>, scope: Scope<'a>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let start = match scope {
        Some((variable, item)) if variable == first => Some(item),
        _ => fields.get(first),
    };
    rest.iter().try_fold(start?, |value, key| value.get(key))
}

fn compare(found: Option<&Value>, op: Op, wanted: &Value) -> bool {
    let found = found.unwrap_or(&Value::Null);
    let order = match (found, wanted) {
        (Value::String(a), Value::String(b)) => match (a.parse::<Timestamp>(), b.parse::<Timestamp>()) {
            (Ok(a), Ok(b)) => Some(a.cmp(&b)),
            _ => Some(a.to_lowercase().cmp(&b.to_lowercase())),
        },
        (Value::Number(a), Value::Number(b)) => a.as_i64().map(|a| a.cmp(&b.as_i64().unwrap_or(0))),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Null, Value::Null) => Some(std::cmp::Ordering::Equal),
        _ => None,
    };
    match op {
        Op::Eq => order.is_some_and(|o| o.is_eq()),
        Op::Ne => order.is_none_or(|o| o.is_ne()),
        Op::Ge => order.is_some_and(|o| o.is_ge()),
        Op::Le => order.is_some_and(|o| o.is_le()),
        Op::Gt => order.is_some_and(|o| o.is_gt()),
        Op::Lt => order.is_some_and(|o| o.is_lt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(filter: &str) -> bool {
        let Value::Object(fields) = json!({
            "appId": "a1", "displayName": "It's App-0003", "isDisabled": null, "createdDateTime": "2026-01-02T00:00:00.000Z",
            "servicePrincipalNames": ["a1", "api://a1"], "status": {"errorCode": 0}, "types": [{"k": "x"}],
        }) else {
            unreachable!()
        };
        parse(filter).unwrap_or_else(|| panic!("not read: {filter}")).matches(&fields)
    }

    #[test]
    fn filters_as_clients_send_them() {
        for yes in [
            "appId eq 'A1'",
            "startswith(displayName,'it''s app-0')",
            "startsWith(displayName, 'It')",
            "servicePrincipalNames/any(c:c eq 'api://a1')",
            "createdDateTime ge 2026-01-01T00:00:00Z and createdDateTime le 2026-02-01T00:00:00Z",
            "appId in ('zz', 'a1')",
            "not (appId eq 'b')",
            "status/errorCode eq 0",
            "types/any(t: t/k eq 'x')",
            "isDisabled ne true",
            "appId eq 'b' or (appId eq 'a1' and isDisabled eq null)",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in
            ["isDisabled eq true", "createdDateTime lt 2025-01-01T00:00:00Z", "endswith(displayName,'4')"]
        {
            assert!(!holds(no), "{no}");
        }
        for bad in ["", "appId", "appId eq", "appId eq 'x", "foo(a,'b')", "a eq 'b' c", "appId like 'x'"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
        assert!(parse(&"(".repeat(1000)).is_none());
        assert_eq!(parse("appId eq 'x'").unwrap().equals("appId"), Some("x"));
    }
}
