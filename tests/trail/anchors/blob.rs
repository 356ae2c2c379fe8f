//! A blob that nobody may change for a time, in the lab's storage account.

use super::house::House;

const AT: &str = "https://kept.blob.core.usgovcloudapi.net/anchors";

fn keep(house: &House, code: i32, span: &str) -> String {
    house.anchored(code, &["--blob", AT, "--keep-for", span, "--lab", "lab"])
}

#[test]
fn a_checkpoint_is_put_and_locked_and_recorded() {
    let mut house = House::beside_a_lab();
    let size = house.size();
    let said = keep(&house, 0, "30d");
    assert!(
        said.contains(&format!("Anchored {size} lines: {AT}/")) && said.contains("locked   until 20"),
        "{said}"
    );
    let record = std::fs::read_to_string(house.anchor(size, "blob.json")).unwrap();
    assert!(
        record.contains("\"locked_until\": \"20") && record.contains(&format!("/{size:012}\"")),
        "{record}"
    );
    // Again: it is there, and locked for long enough, so nothing is written.
    keep(&house, 0, "10d");
    house.team.send_the_lab_home();
    let ledger = std::fs::read_to_string(house.path("ledger.json")).unwrap();
    let ledger: serde_json::Value = serde_json::from_str(&ledger).unwrap();
    let writes =
        ledger["ledger"]["writes"].as_array().unwrap().iter().map(|w| w["operation"].as_str().unwrap());
    assert_eq!(writes.collect::<Vec<_>>(), ["putBlob", "setBlobImmutabilityPolicy"]);

    let said = house.verified(3, &[]);
    assert!(said.contains(&format!("blob         recorded for {size} lines, NOT CHECKED: {AT}/")), "{said}");
    // The kept copy counts when somebody brings it.
    std::fs::copy(house.checkpoint(size), house.path("fetched")).unwrap();
    house.verified(0, &["--anchor", "fetched"]);
}

#[test]
fn a_rewritten_log_does_not_take_the_blob_of_the_first() {
    let house = House::beside_a_lab();
    let size = house.size();
    house.grow();
    keep(&house, 0, "30d");
    house.cut_to(size);
    house.grow();
    let said = keep(&house, 1, "30d");
    assert!(said.contains("another checkpoint of this size is kept there"), "{said}");
}

#[test]
fn what_is_wrong_with_a_blob_is_told() {
    let house = House::new();
    let elsewhere = ["--blob", "https://kept.blob.core.windows.net/anchors", "--keep-for", "30d"];
    let said = house.anchored(1, &elsewhere);
    assert!(said.contains("RI016"), "a lab's log is not kept in a real account: {said}");
    let house = House::beside_a_lab();
    let said = house.anchored(64, &[&elsewhere[..], &["--lab", "lab"]].concat());
    assert!(said.contains("is not in a storage account of this cloud"), "{said}");
    let said = keep(&house, 64, "for ever");
    assert!(said.contains("--keep-for"), "{said}");
}
