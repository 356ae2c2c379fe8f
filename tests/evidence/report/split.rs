//! The report of a large run in several files: nothing is lost or told twice, every link leads
//! somewhere, and no name of a file or of a target does harm. Small numbers stand for large ones.

use super::{EVERY_KIND, HOSTILE, judged, model, playbook, rehearsed};
use reissue::domain::id::{Digest, TargetId};
use reissue::report::html::{Split, page, pages};
use reissue::report::model::{ExceptedReport, Remaining};
use reissue::report::{Judged, Model, for_bundle};
use reissue::trail::export::{Bundle, BundleError, unpack};
use reissue::trail::verify::Trust;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

const SMALL: Split = Split { above: 2, targets: 2, lines: 7, bars: 1, rows: 2 };

/// All files, the page that is read first at the front.
fn files(model: &Model, name: &OsStr, split: &Split) -> Vec<(Vec<u8>, String)> {
    let mut files = Vec::new();
    pages(model, name, split, &mut |name, text| files.push((name.into_vec(), text)));
    files.rotate_right(1);
    files
}

fn split(model: &Model, name: &OsStr) -> Vec<(Vec<u8>, String)> {
    files(model, name, &SMALL)
}

/// With a target that the plan left alone.
fn large() -> Model {
    let mut model = model(&playbook(EVERY_KIND));
    let text = || "left alone".to_owned();
    let id = TargetId(u32::try_from(model.targets.len()).unwrap() + 1);
    model.excepted.push(ExceptedReport {
        id,
        name: text(),
        kind: text(),
        code: text(),
        reason: text(),
        next: text(),
    });
    let first = &model.targets[0];
    let left = |n: u32| Remaining {
        target: first.id,
        name: first.name.clone(),
        state: "waits".into(),
        reason: format!("reason {n}"),
        owner: text(),
        expected: text(),
    };
    model.status[0].remaining.extend((0..3).map(left));
    model
}

fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let begins = format!(" {name}=\"");
    let values = page.match_indices(&begins).map(|(at, _)| &page[at + begins.len()..]);
    values.map(|rest| rest.split('"').next().unwrap()).collect()
}

fn decoded(link: &str) -> Vec<u8> {
    let (mut out, mut bytes) = (Vec::new(), link.bytes());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    out
}

/// Every link leads to a place that is there; ids are unique on their page; nothing runs or loads.
fn sound(files: &[(Vec<u8>, String)]) {
    let ids: BTreeMap<&[u8], Vec<&str>> =
        files.iter().map(|(name, text)| (name.as_slice(), attributes(text, "id"))).collect();
    assert_eq!(ids.len(), files.len(), "each name once");
    for (name, text) in files {
        let own = &ids[name.as_slice()];
        assert_eq!(own.len(), own.iter().collect::<BTreeSet<_>>().len(), "ids are unique");
        for href in attributes(text, "href") {
            let (file, place) = href.split_once('#').unwrap_or((href, ""));
            assert!(file.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)), "{href}");
            let file = if file.is_empty() { name.clone() } else { decoded(file) };
            let there = ids.get(file.as_slice()).unwrap_or_else(|| panic!("{href} leads to no file"));
            assert!(place.is_empty() || there.contains(&place), "{href} leads nowhere");
        }
        assert!(text.contains("default-src 'none'") && text.contains("<html lang=\"en\">"));
        assert!(text.contains("REHEARSAL"), "what must be seen is on each of them");
        for bad in ["<script", " src=\"", "@import", "url(", "<link", "<iframe", "<form", "<img", "<svg/"] {
            assert!(!text.to_lowercase().contains(bad), "{bad}");
        }
        let headers = text.matches("<th ").count();
        assert_eq!(headers, text.matches(" scope=\"").count(), "every header says what it heads");
    }
}

#[test]
fn a_run_that_is_not_larger_stays_one_page() {
    let model = model(&playbook(EVERY_KIND));
    let split = Split { above: model.targets.len(), ..SMALL };
    let files = files(&model, OsStr::new("report.html"), &split);
    assert_eq!(files, [(b"report.html".to_vec(), page(&model))]);
}

#[test]
fn everything_is_told_once_and_every_link_leads_there() {
    let model = large();
    let files = split(&model, OsStr::new("report.html"));
    assert_eq!(files, split(&model, OsStr::new("report.html")), "the same model gives the same bytes");
    sound(&files);
    let (first, further) = files.split_first().unwrap();
    let of = |sort: &str| -> Vec<_> {
        let begins = format!("report-{sort}-");
        further.iter().filter(|(name, _)| name.starts_with(begins.as_bytes())).collect()
    };
    let (of_targets, of_events) = (of("credentials"), of("events"));
    assert!(of_targets.len() > 2 && of_events.len() > 2, "there are several of each");
    let all = |files: &[&(Vec<u8>, String)], begins: &str| -> Vec<String> {
        let ids = files.iter().flat_map(|(_, text)| attributes(text, "id"));
        ids.filter_map(|id| id.strip_prefix(begins)).map(str::to_owned).collect()
    };
    let wanted = model.targets.iter().map(|t| t.id).chain(model.excepted.iter().map(|t| t.id));
    assert_eq!(all(&of_targets, "target-"), wanted.map(|id| id.to_string()).collect::<Vec<_>>());
    let wanted = model.events.iter().map(|e| e.seq.to_string()).collect::<Vec<_>>();
    assert_eq!(all(&of_events, "line-"), wanted);
    let credentials: usize = model.targets.iter().map(|t| t.old.len()).sum();
    let told: usize = of_targets.iter().map(|(_, text)| text.matches("<h4>Leaked: ").count()).sum();
    assert_eq!(told, credentials, "each credential once");
    for old in model.targets.iter().flat_map(|t| &t.old).filter_map(|o| o.id.as_ref()) {
        let heads =
            |text: &str| text.matches(&format!("<dt>Key id</dt><dd><span class=\"mono\">{old}")).count();
        assert_eq!(of_targets.iter().map(|(_, text)| heads(text)).sum::<usize>(), 1, "{old}");
    }
    // Of each long table the first page has some rows, and links to files that have all of them.
    for (sort, rows) in
        [("exposure", credentials), ("open", model.open.len()), ("troubles", model.troubles.len())]
    {
        let body = |text: &str| text.split("<tbody>").nth(1).unwrap_or_default().matches("<tr>").count();
        assert!(rows > SMALL.rows, "{sort} is too short to be cut: {rows}");
        assert_eq!(of(sort).iter().map(|(_, text)| body(text)).sum::<usize>(), rows, "{sort}");
        assert!(first.1.contains(&format!("Here are 2 of {rows} rows")), "{sort}");
        assert!(
            attributes(&first.1, "href").contains(&format!("report-{sort}-0001.html").as_str()),
            "{sort}"
        );
    }
    let left: usize = model.status.iter().map(|row| row.remaining.len()).sum();
    let told: usize = of("status").iter().map(|(_, text)| text.matches("<th scope=\"row\">").count()).sum();
    assert!(left > SMALL.rows && told == left, "{told} of {left}");
    // It draws few, says so, and knows the digest of every file.
    let links = of("exposure").into_iter().flat_map(|(_, text)| attributes(text, "href"));
    let links = links.filter(|h| h.contains("#target-t")).collect::<Vec<_>>();
    for target in &model.targets {
        assert!(links.iter().any(|h| h.ends_with(&format!("#target-{}", target.id))), "{}", target.id);
    }
    assert!(first.1.contains(&format!("Drawn are 1 of {credentials} leaked credentials")), "it is said");
    for (name, text) in further {
        assert!(first.1.contains(&Digest::of(text.as_bytes()).hex()), "{name:?}");
    }
}

#[test]
fn no_name_of_a_file_or_target_does_harm() {
    let mut model = large();
    for name in [
        &b"javascript:alert(1).html"[..],
        b"a#b?c%41&d\" onclick=\"x.html",
        "../é<svg/onload=alert(1)>.html".rsplit('/').next().unwrap().as_bytes(),
        b"not text \xff.htm",
        b"-",
        b".html",
    ] {
        let files = split(&model, OsStr::from_bytes(name));
        assert_eq!(files[0].0, name, "the first is the one that was asked for");
        sound(&files);
    }
    for bad in HOSTILE {
        for target in &mut model.targets {
            (target.name, target.kind) = (bad.into(), bad.into());
        }
        (model.excepted[0].name, model.head.incident) = (bad.into(), bad.into());
        sound(&split(&model, OsStr::new("report.html")));
    }
}

/// Both kinds of bundle, judged by both verifiers, as if the further files were not there.
#[test]
fn a_bundle_carries_them_and_is_judged_alike() {
    let (env, home) = rehearsed(&playbook(EVERY_KIND));
    let Judged::Sound(whole) = judged(&env, &home) else { panic!("tampered") };
    let key = home.vkey().unwrap();
    let trust = Trust { key: key.clone(), roster: None, anchors: Vec::new(), keepers: Default::default() };
    let plain = Bundle::gather(&env.disk, &home.log()).unwrap();
    let only = Bundle::gather_only(&env.disk, &home.log(), &whole.head.run).unwrap();
    for mut bundle in [plain, only] {
        let judge = |bundle: &Bundle| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("bundle.tar");
            std::fs::write(&file, bundle.to_tar().unwrap()).unwrap();
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
            let mut python = std::process::Command::new("python3");
            let ran = python.arg(script).arg(&file).arg(key.to_string()).output().unwrap();
            (ran.status.code(), String::from_utf8(ran.stdout).unwrap())
        };
        let before = judge(&bundle);
        assert_ne!(before.0, Some(2), "{before:?}");
        let read = |bundle: &Bundle| {
            let from = unpack(&bundle.to_tar().unwrap()).unwrap();
            for_bundle(&from.disk, &from.folder, &trust, None).unwrap().ok().expect("sound").0
        };
        let model = read(&bundle);
        let files = split(&model, OsStr::new("report.html"));
        sound(&files);
        for (name, text) in &files {
            bundle.add(std::str::from_utf8(name).unwrap(), text.clone().into_bytes());
        }
        assert!(bundle.sums().contains("report-credentials-0001.html"));
        assert_eq!(judge(&bundle), before);
        let again = split(&read(&bundle), OsStr::new("report.html"));
        assert!(again == files, "the bundle's own log gives the bytes that lie in it");
    }
}

#[test]
fn other_names_are_no_part_of_a_report() {
    for name in [
        "report-credentials-1.html",
        "report-credentials-00001.html",
        "report-credentials-0001.html.sh",
        "report-events-000a.html",
        "report-other-0001.html",
        "a/report-events-0001.html",
    ] {
        let mut bundle = Bundle::default();
        bundle.add(name, b"x".to_vec());
        let refused = unpack(&bundle.to_tar().unwrap());
        assert!(matches!(refused.err(), Some(BundleError::Name(_))), "{name}");
    }
}
