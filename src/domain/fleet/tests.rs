//! The reader in its parts: defaults, and mistakes that no other test shows.

use super::*;

const ROW: &str = "reissue_fleet: 1\ntenants:\n  - { name: contoso, home: h/contoso, playbook: c.yaml, ";

fn read_row(rest: &str) -> Result<Tenant, Vec<Code>> {
    let text = format!("{ROW}{rest} }}\n");
    match check_bytes(text.as_bytes()) {
        Ok(fleet) => Ok(fleet.tenants.into_iter().next().unwrap()),
        Err(e) => Err(e.found().iter().map(|d| d.code).collect()),
    }
}

#[test]
fn what_is_not_said_is_as_on_the_command_line() {
    let tenant = read_row("lab: lab").unwrap();
    assert_eq!((tenant.pace, tenant.plan.to_str()), (None, Some("contoso.plan.jsonl")));
    assert_eq!((tenant.acts, tenant.mirror, tenant.countersign), (None, None, None));
}

#[test]
fn who_acts_is_said_in_one_way() {
    let id = "client_id: 8a1d0000-0000-4000-8000-000000000001";
    assert_eq!(read_row("as: azure_cli").unwrap().acts, Some(Acts::AzureCli));
    let by = read_row(&format!("as: {{ certificate: a.pem, {id} }}")).unwrap().acts;
    assert!(matches!(by, Some(Acts::Certificate { file, .. }) if file == Path::new("a.pem")));
    for (rest, codes) in [
        ("pace: 50", vec![Code::MissingKey]),
        ("as: azure-cli", vec![Code::NotAWord]),
        ("as: certificate", vec![Code::NotAWord]),
        ("as: { certificate: a.pem }", vec![Code::MissingKey]),
        (&format!("as: {{ {id} }}"), vec![Code::OneOf]),
        (&format!("as: {{ {id}, certificate: a, secret_file: b }}"), vec![Code::OneOf]),
        ("lab: lab, pace: 0", vec![Code::NotANumber]),
        ("lab: lab, pace: 101", vec![Code::NotANumber]),
        ("lab: [ lab ]", vec![Code::WrongType]),
        ("lab: lab, mirror: ''", vec![Code::EmptyValue]),
    ] {
        assert_eq!(read_row(rest).unwrap_err(), codes, "{rest}");
    }
}

#[test]
fn a_secret_in_place_of_its_file_is_not_shown() {
    let id = "client_id: 8a1d0000-0000-4000-8000-000000000001";
    let value = "k4R8Q~c4n4ryC4N4RYc4n4ryC4N4RYc4n4ryC4N4";
    for wrong in [format!("as: {{ secret_file: {value}, {id} }}"), format!("as: {{ secret: {value}, {id} }}")]
    {
        let text = format!("{ROW}{wrong} }}\n");
        let found = check_bytes(text.as_bytes()).unwrap_err();
        assert!(!found.text().contains(value) && found.text().contains("[masked]"), "{}", found.text());
        let told: String = found.found().iter().map(|d| format!("{} {:?}", d.message, d.hint)).collect();
        assert!(!told.contains(value), "{told}");
    }
}

#[test]
fn places_that_are_one_by_another_spelling_are_one() {
    let rows =
        "  - { name: a, home: ./x, playbook: p, lab: l }\n  - { name: A, home: x/, playbook: p, lab: l }\n";
    let found = check_bytes(format!("reissue_fleet: 1\ntenants:\n{rows}").as_bytes()).unwrap_err();
    let codes: Vec<Code> = found.found().iter().map(|d| d.code).collect();
    assert_eq!(codes, [Code::DuplicateName, Code::SamePlace]);
}

#[test]
fn a_name_and_a_home_that_stand_twice_are_told_with_other_mistakes_of_their_rows() {
    let rows = "  - { name: a, home: x, playbook: p, lab: l }\n  - { name: a, home: x, playbook: p, pace: 0, lab: l }\n";
    let found = check_bytes(format!("reissue_fleet: 1\ntenants:\n{rows}").as_bytes()).unwrap_err();
    let codes: Vec<Code> = found.found().iter().map(|d| d.code).collect();
    assert_eq!(codes, [Code::DuplicateName, Code::SamePlace, Code::NotANumber]);
}
