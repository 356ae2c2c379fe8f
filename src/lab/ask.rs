//! One request as the lab's routes read it: host, decoded path, query and body.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

pub(super) struct Ask {
    pub(super) method: Method,
    /// Host and port, as the client wrote them.
    pub(super) authority: String,
    /// Path and query, as the client wrote them.
    pub(super) target: String,
    /// Path without query, not decoded.
    pub(super) path: String,
    /// Path segments, percent-decoded; empty ones (a trailing slash) are dropped.
    pub(super) segments: Vec<String>,
    /// Query keys (lower case) and values, decoded.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Ask {
    /// Reads a request. The host comes from the absolute-form URI, else from the `Host` header.
    pub(super) fn read(request: http::Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let from_header =
            || parts.headers.get(http::header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("");
        let authority = parts.uri.authority().map_or_else(|| from_header().to_owned(), |a| a.to_string());
        let target = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        Self::new(parts.method, authority, target, parts.headers, body)
    }

    pub(super) fn new(
        method: Method,
        authority: String,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments = path.split('/').filter(|s| !s.is_empty()).map(percent_decode).collect();
        let query = url::form_urlencoded::parse(query.as_bytes())
            .map(|(k, v)| (k.to_ascii_lowercase(), v.into_owned()))
            .collect();
        Self {
            method,
            authority,
            target: target.to_owned(),
            path: path.to_owned(),
            segments,
            query,
            headers,
            body,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
    /// A query option, by its lower-case name with the `$`.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }
    /// The body as a JSON object; an empty body is an empty object, anything else is `None`.
    pub(super) fn json(&self) -> Option<serde_json::Map<String, Value>> {
        if self.body.is_empty() {
            return Some(serde_json::Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(map)) => Some(map),
            _ => None,
        }
    }
    /// The fields of a form body.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
    /// Segments as string slices, for matching.
    pub(super) fn path_parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
    pub(super) fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

/// Percent-decoding of a path segment (RFC 3986, 2.1); bytes that are no UTF-8 become U+FFFD.
pub(super) fn percent_decode(s: &str) -> String {
    let bytes = s.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let digits = bytes.get(i + 1..i + 3).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(byte) if bytes[i] == b'%' => {
                out.push(byte);
                i += 3;
            }
            _ => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_decoded() {
        let ask = Ask::new(
            Method::GET,
            "graph.lab.test".into(),
            "/v1.0/users/user1%40lab.test/?$filter=a%20eq%20'b'&api%2Dversion=7.4",
            HeaderMap::new(),
            Bytes::new(),
        );
        assert_eq!(ask.path_parts(), ["v1.0", "users", "user1@lab.test"]);
        assert_eq!(ask.option("$filter"), Some("a eq 'b'"));
        assert_eq!(ask.option("api-version"), Some("7.4"));
        assert_eq!(percent_decode("100%"), "100%");
    }
}
