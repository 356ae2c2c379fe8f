//! Openssl's own time stamping authority, with a certificate authority made for the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CONFIG: &str = "
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[good]
basicConstraints = CA:FALSE
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
[loose]
extendedKeyUsage = timeStamping
[web]
extendedKeyUsage = critical,serverAuth
[both]
extendedKeyUsage = critical,timeStamping,codeSigning
[none]
basicConstraints = CA:FALSE
[minica]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[tsa]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256,sha384,sha512
signer_digest = sha256
accuracy = secs:1
ess_cert_id_chain = no
";

/// A folder with a root, and authorities under it.
pub(crate) struct Tsa {
    folder: tempfile::TempDir,
}

impl Tsa {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("tsa.cnf", CONFIG), ("index.txt", ""), ("serial", "01\n")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let tsa = Self { folder };
        tsa.key("ca", "EC");
        let root =
            ["req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=root"];
        tsa.openssl(&[&root[..], &["-config", "tsa.cnf", "-extensions", "ca"]].concat());
        tsa
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn openssl(&self, arguments: &[&str]) -> String {
        let done = Command::new("openssl")
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("openssl is there");
        let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "openssl {arguments:?}\n{text}");
        text.into_owned()
    }

    fn key(&self, name: &str, sort: &str) {
        let file = format!("{name}.key");
        let option = match sort {
            "RSA" => "rsa_keygen_bits:2048".to_owned(),
            "EC" => "ec_paramgen_curve:P-256".to_owned(),
            curve => format!("ec_paramgen_curve:{curve}"),
        };
        let algorithm = if sort == "RSA" { "RSA" } else { "EC" };
        self.openssl(&["genpkey", "-algorithm", algorithm, "-pkeyopt", &option, "-out", &file]);
    }

    /// A certificate with its key, by the root: its extensions, and since when and until when.
    pub(crate) fn certify(&self, name: &str, sort: &str, extensions: &str, days: (&str, &str)) {
        self.key(name, sort);
        let (key, csr, pem) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let subject = format!("/CN={name}.example");
        self.openssl(&["req", "-new", "-key", &key, "-out", &csr, "-subj", &subject, "-config", "tsa.cnf"]);
        let by = ["ca", "-batch", "-notext", "-config", "tsa.cnf", "-name", "minica", "-cert", "ca.pem"];
        let what = ["-keyfile", "ca.key", "-in", &csr, "-out", &pem, "-extensions", extensions];
        let when = ["-startdate", days.0, "-enddate", days.1];
        self.openssl(&[&by[..], &what, &when].concat());
    }

    /// A certificate that is valid now, for time stamping.
    pub(crate) fn authority(&self, name: &str, sort: &str) {
        self.certify(name, sort, "good", NOW);
    }

    /// What the authority answers to this request.
    pub(crate) fn reply(&self, name: &str, request: &[u8], config: &str) -> Vec<u8> {
        fs::write(self.path("q.tsq"), request).unwrap();
        fs::write(self.path("reply.cnf"), format!("{CONFIG}{config}\n")).unwrap();
        let (pem, key) = (format!("{name}.pem"), format!("{name}.key"));
        let by =
            ["-config", "reply.cnf", "-section", "tsa", "-signer", &pem, "-inkey", &key, "-chain", "ca.pem"];
        self.openssl(&[&["ts", "-reply", "-queryfile", "q.tsq", "-out", "r.tsr"], &by[..]].concat());
        self.read("r.tsr")
    }

    /// A request by openssl over a file.
    pub(crate) fn query(&self, over: &[u8], digest: &str) -> Vec<u8> {
        fs::write(self.path("over"), over).unwrap();
        self.openssl(&["ts", "-query", "-data", "over", digest, "-cert", "-out", "o.tsq"]);
        self.read("o.tsq")
    }

    /// The same content, signed again by another certificate: what no honest authority would sign.
    pub(crate) fn signed_again(&self, reply: &[u8], name: &str, more: &[&str]) -> Vec<u8> {
        self.sign(&self.content(reply), name, more)
    }

    /// A good reply over these bytes that states this time: `20261123130000Z`.
    pub(crate) fn stamp_at(&self, name: &str, over: &[u8], time: &str) -> Vec<u8> {
        let reply = self.reply(name, &self.query(over, "-sha256"), "");
        let mut content = self.content(&reply);
        let at = content.windows(2).position(|w| w == [0x18, 15]).unwrap() + 2;
        content[at..at + 15].copy_from_slice(time.as_bytes());
        self.sign(&content, name, &["-cades"])
    }

    fn content(&self, reply: &[u8]) -> Vec<u8> {
        fs::write(self.path("r.tsr"), reply).unwrap();
        self.openssl(&["ts", "-reply", "-in", "r.tsr", "-token_out", "-out", "t.der"]);
        self.openssl(&["cms", "-verify", "-noverify", "-inform", "DER", "-in", "t.der", "-out", "c.der"]);
        self.read("c.der")
    }

    fn sign(&self, content: &[u8], name: &str, more: &[&str]) -> Vec<u8> {
        fs::write(self.path("c.der"), content).unwrap();
        let (pem, key) = (format!("{name}.pem"), format!("{name}.key"));
        let what =
            ["cms", "-sign", "-in", "c.der", "-binary", "-nodetach", "-outform", "DER", "-out", "s.der"];
        let by = ["-econtent_type", "1.2.840.113549.1.9.16.1.4", "-signer", &pem, "-inkey", &key];
        self.openssl(&[&what[..], &by, more].concat());
        granted(&self.read("s.der"))
    }

    /// What openssl itself says of a reply over these bytes.
    pub(crate) fn openssl_accepts(&self, reply: &Path, over: &Path) -> bool {
        let done = Command::new("openssl")
            .args(["ts", "-verify", "-CAfile", "ca.pem", "-data"])
            .arg(over)
            .arg("-in")
            .arg(reply)
            .current_dir(self.folder.path())
            .output();
        done.unwrap().status.success()
    }
}

pub(crate) const NOW: (&str, &str) = ("20200101000000Z", "20991231235959Z");
pub(crate) const LONG_AGO: (&str, &str) = ("20200101000000Z", "20200201000000Z");

/// A token as a reply that grants it.
fn granted(token: &[u8]) -> Vec<u8> {
    let status = [0x30, 3, 2, 1, 0];
    let length = u16::try_from(status.len() + token.len()).unwrap().to_be_bytes();
    [&[0x30, 0x82][..], &length, &status, token].concat()
}
