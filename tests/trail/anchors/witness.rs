//! Witnesses (C2SP tlog-witness, tlog-cosignature, tlog-policy).

use super::house::{House, Served, serve};
use super::keeper::{Keeper, Mood};
use reissue::trail::export::Bundle;
use std::sync::Arc;

const NAME: &str = "witness.example/w1";

fn watched() -> (House, Arc<Keeper>, Served) {
    let house = House::new();
    let keeper = Keeper::new(1, NAME, house.path("witness-state"), &house.vkey());
    let served = serve(keeper.router());
    (house, keeper, served)
}

fn ask(house: &House, served: &Served, keeper: &Keeper, code: i32) -> String {
    let url = format!("{}/w/", served.url);
    house.anchored(code, &["--witness", &url, "--witness-vkey", &keeper.vkey()])
}

#[test]
fn a_witness_cosigns_and_each_time_gets_the_proof_from_the_last() {
    let (house, keeper, served) = watched();
    let size = house.size();
    house.verified(3, &["--witness-vkey", &keeper.vkey()]);
    let said = ask(&house, &served, &keeper, 0);
    assert!(said.contains(&format!("Anchored {size} lines: the witness {NAME}, at 20")), "{said}");
    let said = house.verified(0, &["--witness-vkey", &keeper.vkey()]);
    assert!(
        said.contains(&format!("witness      holds for {size} lines: the witness {NAME}, at 20")),
        "{said}"
    );
    assert!(said.contains("time stamp   none"), "{said}");
    assert!(house.verified(3, &[]).contains("NOT CHECKED: no key was given of those who cosigned it"));
    assert_eq!(keeper.last().0, size);

    let grown = house.grow();
    keeper.asked();
    ask(&house, &served, &keeper, 0);
    let asked = keeper.asked();
    assert_eq!(asked.len(), 1, "the size that it knows is known here");
    assert!(asked[0].starts_with(&format!("old {size}\n")) && asked[0].lines().nth(1).unwrap().len() == 44);
    assert_eq!(keeper.last().0, grown);
    house.verified(0, &["--witness-vkey", &keeper.vkey()]);
    // Asked again, nothing is new; nothing is lost either.
    ask(&house, &served, &keeper, 0);
    house.verified(0, &["--witness-vkey", &keeper.vkey()]);
    // In a bundle it goes along.
    let (vkey, disk) = (house.vkey(), reissue::env::Env::real().disk);
    let bundle = Bundle::gather(&disk, &house.home().log()).unwrap().to_tar().unwrap();
    std::fs::write(house.path("bundle.tar"), bundle).unwrap();
    let bundle = ["--bundle", "bundle.tar", "--key", &vkey];
    house.verified(0, &[&bundle[..], &["--witness-vkey", &keeper.vkey()]].concat());
    house.verified(3, &bundle);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier/reissue_verify.py");
    let said = house.run("python3", &[script, "bundle.tar", &vkey, &keeper.vkey()]);
    assert!(said.contains("Verdict: intact, anchored and complete."), "{said}");
}

#[test]
fn what_this_side_forgot_the_witness_tells() {
    let (house, keeper, served) = watched();
    let size = house.size();
    ask(&house, &served, &keeper, 0);
    std::fs::remove_file(house.anchor(size, "cosig")).unwrap();
    house.grow();
    keeper.asked();
    ask(&house, &served, &keeper, 0);
    let olds: Vec<String> = keeper.asked().iter().map(|b| b.lines().next().unwrap().to_owned()).collect();
    assert_eq!(olds, ["old 0".to_owned(), format!("old {size}")]);
}

#[test]
fn a_witness_that_died_after_it_had_persisted_is_asked_again() {
    let (house, keeper, served) = watched();
    keeper.set(Mood::DiesOnce);
    let said = ask(&house, &served, &keeper, 1);
    assert!(said.contains("HTTP status 500") && said.contains("nothing was anchored"), "{said}");
    assert_eq!(keeper.last().0, house.size(), "it persists before it replies");
    assert!(!house.anchor(house.size(), "cosig").exists());
    ask(&house, &served, &keeper, 0);
    house.verified(0, &["--witness-vkey", &keeper.vkey()]);
}

#[test]
fn a_cut_log_is_told_by_the_witness_and_by_what_it_gave() {
    let (house, keeper, served) = watched();
    let size = house.size();
    ask(&house, &served, &keeper, 0);
    let grown = house.grow();
    ask(&house, &served, &keeper, 0);
    std::fs::copy(house.anchor(grown, "cosig"), house.path("kept")).unwrap();
    house.cut_to(size);
    // The folder alone shows nothing, and the judgement says so; the witness and its word do.
    let said = house.verified(0, &["--witness-vkey", &keeper.vkey()]);
    assert!(said.contains("only by what lies in the log's own folder"), "{said}");
    let said = ask(&house, &served, &keeper, 1);
    assert!(said.contains(&format!("has cosigned {grown} lines")) && said.contains("audit verify"), "{said}");
    house.verified(1, &["--anchor", "kept"]);
    std::fs::copy(house.path("kept"), house.anchor(grown, "cosig")).unwrap();
    let said = house.verified(1, &[]);
    assert!(said.contains("the log was cut"), "{said}");
    assert_eq!(keeper.last().0, grown, "it did not go back");
}

#[test]
fn a_rewritten_log_is_refused_by_the_witness() {
    let (house, keeper, served) = watched();
    let size = house.size();
    let first = house.team.log();
    house.grow();
    ask(&house, &served, &keeper, 0);
    // The holder of the key goes back and writes other lines, as many.
    house.cut_to(size);
    house.grow();
    assert!(house.team.log().starts_with(&first));
    let said = ask(&house, &served, &keeper, 1);
    assert!(said.contains("has seen another log of this name"), "{said}");
}

#[test]
fn whoever_does_not_know_the_log_or_its_key_says_so() {
    let (house, keeper, served) = watched();
    keeper.knows(None);
    assert!(ask(&house, &served, &keeper, 1).contains("does not know this log"));
    let (name, _) = house.vkey().split_once('+').map(|(n, r)| (n.to_owned(), r.to_owned())).unwrap();
    let disk = reissue::env::MemoryDisk::default();
    let random = reissue::env::Random::from_seed(9);
    let other = reissue::trail::LogKey::create(&disk, std::path::Path::new("k"), &random, &name).unwrap();
    keeper.knows(Some(&other.public().to_string()));
    assert!(ask(&house, &served, &keeper, 1).contains("knows another key"));
}

#[test]
fn an_answer_that_does_not_hold_is_not_kept() {
    let (house, keeper, served) = watched();
    for (mood, says) in [
        (Mood::Late, "its clock says 1970-01-12"),
        (Mood::Confused, "does not match the text"),
        (Mood::Stranger, "no cosignature of the key that was given"),
    ] {
        keeper.set(mood);
        let said = ask(&house, &served, &keeper, 1);
        assert!(said.contains(says), "{mood:?}: {said}");
        assert!(!house.anchor(house.size(), "cosig").exists(), "{mood:?}");
    }
    let nowhere = ["--witness", "http://127.0.0.1:9/", "--witness-vkey", &keeper.vkey()];
    assert!(house.anchored(1, &nowhere).contains("connection refused"));
    let secret = ["--witness", "http://kim:s3cret@127.0.0.1:9/", "--witness-vkey", &keeper.vkey()];
    assert!(house.anchored(1, &secret).contains("no name or password before it"));
}

/// The witness of these tests is none that signs whatever it is shown.
#[test]
fn the_witness_itself_keeps_the_rules() {
    let (house, keeper, served) = watched();
    ask(&house, &served, &keeper, 0);
    let (first, old) = (keeper.asked().remove(0), house.size());
    house.grow();
    ask(&house, &served, &keeper, 0);
    let second = keeper.asked().remove(0);
    let post = |body: &str| {
        let at = house.path("body");
        std::fs::write(&at, body).unwrap();
        let url = format!("{}/w/add-checkpoint", served.url);
        let script = "import sys, urllib.request, urllib.error\n\
            try: r = urllib.request.urlopen(sys.argv[1], open(sys.argv[2], 'rb').read())\n\
            except urllib.error.HTTPError as e: r = e\n\
            print(r.status, r.headers['Content-Type'], r.read().decode().strip())";
        house.run("python3", &["-c", script, &url, &at.to_string_lossy()])
    };
    let size = keeper.last().0;
    // Back to the first checkpoint; the second once more from where it was.
    assert_eq!(post(&first).trim(), format!("409 text/x.tlog.size {size}"));
    assert_eq!(post(&second).trim(), format!("409 text/x.tlog.size {size}"));
    let note = second.split_once("\n\n").unwrap().1;
    assert!(post(&format!("old {size}\n\n{note}")).starts_with("200"));
    let proof = "A".repeat(43) + "=";
    assert!(post(&format!("old {size}\n{proof}\n\n{note}")).starts_with("422"));
    assert!(post(&format!("old {}\n\n{note}", size + 1)).starts_with("400"));
    assert!(post(&format!("old {size}\n\n{}", note.replacen('\n', "x\n", 1))).starts_with("404"));
    let flipped = note.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
    assert!(post(&format!("old {size}\n\n{flipped}")).starts_with("403"));
    assert_eq!(keeper.last().0, size);
    // A proof that does not verify, on a state from before.
    std::fs::write(house.path("witness-state"), {
        let text = std::fs::read_to_string(house.checkpoint(old)).unwrap();
        format!("{old} {}", text.lines().nth(2).unwrap())
    })
    .unwrap();
    let wrong = format!("old {old}\n{proof}\n\n{note}");
    assert!(post(&wrong).starts_with("422") && keeper.last().0 == old);
    assert!(post(&second).starts_with("200"));
}

#[test]
fn a_policy_says_who_is_asked_and_how_many_are_enough() {
    let (house, one, served) = watched();
    let two = Keeper::new(2, "witness.example/w2", house.path("second-state"), &house.vkey());
    let second = serve(two.router());
    let policy = |quorum: &str, second: &str| {
        let text = format!(
            "log {}\nwitness A {} {}/w\nwitness B {} {second}/w\ngroup both all A B\nquorum {quorum}\n",
            house.vkey(),
            one.vkey(),
            served.url,
            two.vkey()
        );
        std::fs::write(house.path("policy"), text).unwrap();
    };
    policy("both", "http://127.0.0.1:9");
    let said = house.anchored(1, &["--policy", "policy"]);
    assert!(
        said.contains("Anchored") && said.contains("connection refused"),
        "the one, not the other: {said}"
    );
    let said = house.verified(3, &["--policy", "policy"]);
    assert!(said.contains("1 of the known witnesses have cosigned it: the policy asks for more"), "{said}");
    policy("both", &second.url);
    house.anchored(0, &["--policy", "policy"]);
    house.verified(0, &["--policy", "policy"]);
    policy("none", &second.url);
    house.verified(3, &["--policy", "policy"]);
    std::fs::write(house.path("policy"), format!("witness A {}\nquorum A\n", one.vkey())).unwrap();
    assert!(house.anchored(64, &["--policy", "policy"]).contains("no witness of this policy has a URL"));
    let other = house.vkey().replacen("reissue", "another", 1);
    std::fs::write(house.path("policy"), format!("log {other}\nquorum none\n")).unwrap();
    assert!(house.verified(2, &["--policy", "policy"]).contains("--policy: line 1"));
}
