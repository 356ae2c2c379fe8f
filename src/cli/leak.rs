//! Leaks on purpose, to show that the canary scan (`tests/canary`) is not blind. Built only with
//! the feature `leak`; the environment variable `REISSUE_LEAK` names the sink.

use super::Session;
use super::codes;
use super::error::Failure;
use crate::domain::text::Text;
use crate::trail::{Home, Objects};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::{Mutex, PoisonError};

static VALUE: Mutex<String> = Mutex::new(String::new());

/// Keeps a value for [`through`] and [`name`].
pub(super) fn remember(value: &str) {
    value.clone_into(&mut VALUE.lock().unwrap_or_else(PoisonError::into_inner));
}

fn value(sink: &str) -> Option<String> {
    let wanted = std::env::var("REISSUE_LEAK").is_ok_and(|s| s == sink);
    wanted.then(|| VALUE.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// The operator's name, as it goes into an event.
pub(super) fn name(name: Text<128>) -> Text<128> {
    value("event").map_or(name, |v| Text::lossy(&v))
}

/// Whatever is not an event.
#[allow(clippy::panic)]
pub(super) fn through(session: &mut Session, home: &Home) -> Result<(), Failure> {
    if let Some(v) = value("stdout") {
        session.out.line(&format!("signed in with {v}"));
    }
    if let Some(v) = value("debug") {
        session.out.notice(&format!("{:?}\n", Some(v)));
    }
    encoded(session);
    files(session, home)?;
    children()?;
    if let Some(v) = value("panic") {
        panic!("the value is {v}");
    }
    match value("error") {
        Some(v) => Err(Failure::new(codes::MACHINE, format!("refused: {v}"), "this is a test")),
        None => Ok(()),
    }
}

/// Shapes in which a value leaves that nobody meant to print.
fn encoded(session: &mut Session) {
    for (sink, before) in [("base64", ""), ("base64-one-off", "a"), ("base64-two-off", "ab")] {
        if let Some(v) = value(sink) {
            session.out.line(&STANDARD.encode(format!("{before}{v}")));
        }
    }
    if let Some(v) = value("hex") {
        session.out.line(&crate::domain::id::hex(v.as_bytes()));
    }
    if let Some(v) = value("url") {
        let form: String = url::form_urlencoded::byte_serialize(v.as_bytes()).collect();
        session.out.line(&format!("https://graph.example/?secret={form}"));
    }
    if let Some(v) = value("json") {
        session.out.line(&serde_json::json!({ "secret": v }).to_string());
    }
}

fn files(session: &mut Session, home: &Home) -> Result<(), Failure> {
    let failed = |e: String| Failure::new(codes::MACHINE, e, "this is a test");
    if let Some(v) = value("object") {
        let put = Objects::new(session.env.disk.clone(), &home.log()).put(v.as_bytes());
        put.map_err(|e| failed(e.to_string()))?;
    }
    if let Some(v) = value("file") {
        let written = session.env.disk.write_new(&home.root().join("cache.json"), v.as_bytes());
        written.map_err(|e| failed(e.to_string()))?;
    }
    Ok(())
}

/// What other users of the machine see of our children.
fn children() -> Result<(), Failure> {
    let run = |program: &str, arguments: &[&str]| {
        let ran = crate::env::child::run(program, arguments, b"", false);
        ran.map(drop).map_err(|e| Failure::new(codes::MACHINE, e.to_string(), "this is a test"))
    };
    if let Some(v) = value("argv") {
        run("ssh-keygen", &["-Y", "sign", &v])?;
    }
    if let Some(v) = value("environ") {
        run("env", &[&format!("SECRET={v}"), "ssh-keygen", "-Y", "sign"])?;
    }
    Ok(())
}
