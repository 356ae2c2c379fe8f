//! An issuing authority and its cards, made with openssl: certificates, keys, lists of revoked ones, CMS
//! signatures. All dates are given, none is of today.

use reissue::domain::approval::card;
use reissue::domain::id::Digest;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const CONFIG: &str = "
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
serial = serial
crlnumber = crlnumber
crl_extensions = list
default_md = sha256
policy = any
unique_subject = no
[list]
authorityKeyIdentifier = keyid:always
[any]
commonName = supplied
[issuer]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[signing_issuer]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
subjectKeyIdentifier = hash
[card]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,nonRepudiation
extendedKeyUsage = emailProtection
subjectKeyIdentifier = hash
[repudiable]
keyUsage = critical,digitalSignature
[cipher]
keyUsage = critical,keyEncipherment
[nothing]
basicConstraints = CA:FALSE
";

pub const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";
/// The days around the noon of the other tests.
pub const FROM: &str = "20260101000000Z";
pub const UNTIL: &str = "20270101000000Z";
pub const LISTED_FROM: &str = "20261120000000Z";
pub const LISTED_UNTIL: &str = "20261127000000Z";

/// Whether there is an openssl; says loudly if not.
pub fn openssl_is_here() -> bool {
    let here = Command::new("openssl").arg("version").output().is_ok_and(|o| o.status.success());
    if !here {
        eprintln!("SKIPPED: openssl cannot be run here; signatures by certificates were NOT tested");
    }
    here
}

/// An authority in a folder of its own.
pub struct Issuer {
    pub folder: tempfile::TempDir,
}

impl Issuer {
    pub fn new(name: &str) -> Self {
        Self::with(name, "issuer", (FROM, UNTIL))
    }

    pub fn with(name: &str, extensions: &str, (from, until): (&str, &str)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in [("cnf", CONFIG), ("index.txt", ""), ("serial", "01\n"), ("crlnumber", "01\n")] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        let issuer = Self { folder };
        issuer.request("ca", name, "ec -pkeyopt ec_paramgen_curve:P-384");
        issuer.sh(&format!(
            "openssl ca -batch -config cnf -selfsign -keyfile ca.key -in ca.csr -extensions {extensions} \
             -startdate {from} -enddate {until} -notext -out ca.pem"
        ));
        issuer.list("crl", (LISTED_FROM, LISTED_UNTIL));
        issuer
    }

    /// Runs a line in the folder; what it printed on stdout.
    pub fn sh(&self, line: &str) -> Vec<u8> {
        let ran = Command::new("sh").args(["-ec", line]).current_dir(self.folder.path()).output().unwrap();
        assert!(ran.status.success(), "{line}\n{}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
    fn request(&self, file: &str, name: &str, key: &str) {
        self.sh(&format!(
            "openssl req -new -config cnf -newkey {key} -nodes -keyout {file}.key -out {file}.csr -subj /CN={name}"
        ));
    }

    /// A certificate `FILE.pem` with its key `FILE.key`; the digest that goes into a roster.
    pub fn issue(&self, file: &str, key: &str) -> Digest {
        self.issue_with(file, key, "card", (FROM, UNTIL), "")
    }
    pub fn issue_with(
        &self,
        file: &str,
        key: &str,
        extensions: &str,
        (from, until): (&str, &str),
        more: &str,
    ) -> Digest {
        self.request(file, file, key);
        self.sh(&format!(
            "openssl ca -batch -config cnf -cert ca.pem -keyfile ca.key -in {file}.csr -extensions {extensions} \
             -startdate {from} -enddate {until} -notext -out {file}.pem {more}"
        ));
        self.digest(file)
    }
    pub fn digest(&self, file: &str) -> Digest {
        Digest::of(&self.sh(&format!("openssl x509 -in {file}.pem -outform DER")))
    }
    pub fn revoke(&self, file: &str) {
        self.sh(&format!("openssl ca -config cnf -cert ca.pem -keyfile ca.key -revoke {file}.pem"));
    }
    /// A list of all that were revoked so far.
    pub fn list(&self, file: &str, (from, until): (&str, &str)) {
        self.sh(&format!(
            "openssl ca -gencrl -config cnf -cert ca.pem -keyfile ca.key -crl_lastupdate {from} \
             -crl_nextupdate {until} -out {file}.pem"
        ));
    }

    /// A signature as the README says, with further options.
    pub fn sign(&self, file: &str, statement: &[u8], more: &str) -> Vec<u8> {
        fs::write(self.path("statement"), statement).unwrap();
        self.sh(&format!(
            "openssl cms -sign -binary -md sha256 -outform PEM -signer {file}.pem -inkey {file}.key -in statement {more}"
        ))
    }
    /// The same, with the list of revoked certificates: what is handed in.
    pub fn signed(&self, file: &str, statement: &[u8], more: &str) -> String {
        self.enclose(&self.sign(file, statement, more), "crl")
    }
    pub fn enclose(&self, signature: &[u8], list: &str) -> String {
        card::enclose(signature, &fs::read(self.path(&format!("{list}.pem"))).unwrap()).unwrap()
    }
}

/// A roster's text with this authority's certificate, and this one for a person.
pub fn with_card(roster: &str, authority: &str, person: &str, certificates: &[Digest]) -> String {
    let pem: String = authority.lines().map(|l| format!("    {l}\n")).collect();
    let list: Vec<String> = certificates.iter().map(|c| format!("\"{c}\"")).collect();
    let name = format!("name: {person}\n");
    assert!(roster.contains(&name), "{roster}");
    let roster = roster.replacen("people:\n", &format!("authorities:\n  - |\n{pem}people:\n"), 1);
    roster.replacen(&name, &format!("{name}    certificates: [ {} ]\n", list.join(", ")), 1)
}
