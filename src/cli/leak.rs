//! Leaks on purpose, to show that the canary scan (`tests/canary`) is not blind. Built only with
//! the feature `leak`; the environment variable `REISSUE_LEAK` names the sink.

use super::Session;
use super::codes;
use super::error::Failure;
use crate::domain::text::Text;
use crate::trail::{Home, Objects};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
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
    as_programs_write(session);
    traced();
    files(session, home)?;
    packed(session, home)?;
    unlucky(session, home);
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
    if let Some(v) = value("base64url") {
        session.out.line(&URL_SAFE_NO_PAD.encode(v));
    }
    if let Some(v) = value("hex") {
        session.out.line(&crate::domain::id::hex(v.as_bytes()));
    }
    if let Some(v) = value("hex-upper") {
        session.out.line(&crate::domain::id::hex(v.as_bytes()).to_uppercase());
    }
    if let Some(v) = value("url") {
        let form: String = url::form_urlencoded::byte_serialize(v.as_bytes()).collect();
        session.out.line(&format!("https://graph.example/?secret={form}"));
    }
    if let Some(v) = value("json") {
        session.out.line(&serde_json::json!({ "secret": v }).to_string());
    }
}

/// Shapes that belong to a language or a format.
fn as_programs_write(session: &mut Session) {
    if let Some(v) = value("json-ascii") {
        let escaped = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", c as u32) };
        let json = serde_json::json!({ "secret": v }).to_string();
        session.out.line(&json.chars().map(escaped).collect::<String>());
    }
    if let Some(v) = value("html") {
        session.out.line(&maud::html! { p { (v) } }.into_string());
    }
    if let Some(v) = value("bytes") {
        session.out.line(&format!("{:?}", v.as_bytes()));
    }
    if let Some(v) = value("part") {
        // Twelve bytes out of its middle, where nothing has to be escaped.
        session.out.line(&format!("it ends with {}", &v[v.len() - 12..]));
    }
}

/// What a library writes for developers, once somebody listens.
fn traced() {
    if let Some(v) = value("trace") {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).init();
        tracing::trace!(secret = v, "signed in");
    }
}

/// Nobody sees these by looking at the bytes.
fn packed(session: &mut Session, home: &Home) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::new(codes::MACHINE, e.to_string(), "this is a test");
    let keep = |name: &str, bytes: &[u8]| {
        let written = session.env.disk.write_new(&home.root().join(name), bytes);
        written.map_err(|e| Failure::new(codes::MACHINE, e.to_string(), "this is a test"))
    };
    let zipped =
        |v: &str| crate::env::child::run("gzip", &["-9", "-c"], v.as_bytes(), false).map(|f| f.stdout);
    if let Some(v) = value("utf16") {
        keep("cache.utf16", &v.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())?;
    }
    if let Some(v) = value("gzip") {
        keep("cache.gz", &zipped(&v.repeat(20)).map_err(failed)?)?;
    }
    if let Some(v) = value("gzip-in-tar") {
        let bytes = zipped(&v.repeat(20)).map_err(failed)?;
        let (mut tar, mut header) = (tar::Builder::new(Vec::new()), tar::Header::new_ustar());
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, "cache.gz", bytes.as_slice()).map_err(failed)?;
        keep("cache.tar", &tar.into_inner().map_err(failed)?)?;
    }
    Ok(())
}

/// Ends that nobody plans for.
fn unlucky(session: &mut Session, home: &Home) {
    if let Some(v) = value("full")
        && let Err(e) = session.env.disk.write_new(&home.root().join("cache.full"), v.as_bytes())
    {
        session.out.line(&format!("could not keep {v}: {e}"));
    }
    if let Some(v) = value("deleted") {
        let gone = home.root().join("cache.gone");
        let _ = session.env.disk.write_new(&gone, v.as_bytes()).and_then(|()| session.env.disk.remove(&gone));
    }
    if let Some(v) = value("killed") {
        // What it was about to write is left half-written.
        let _ = session.env.disk.write_new(&home.root().join("cache.half"), v.as_bytes());
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
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
