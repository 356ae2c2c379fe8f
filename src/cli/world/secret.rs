//! The acting identity's secret: from an open descriptor or from a private file, and from nowhere
//! else. Arguments are visible to every user of the machine; the environment is inherited by every
//! child process, and lands in crash reports and in the settings of CI systems.

use super::{ActingArguments, KEY_BYTES_MAX, unreadable};
use crate::cli::codes;
use crate::cli::error::Failure;
use crate::domain::secret::Secret;
use crate::env::disk::{NotPrivate, read_descriptor, read_private};

/// Where other Azure tools look for it.
const VARIABLE: &str = "AZURE_CLIENT_SECRET";
const NEXT: &str = "pass it on a descriptor, for example `--secret-fd 3 3< <(pass show reissue)`, or in a file \
                    of mode 0600 with `--secret-file FILE`";

fn failure(what: impl Into<String>) -> Failure {
    Failure::new(codes::IDENTITY, what, NEXT)
}

pub(super) fn read(acting: &ActingArguments) -> Result<Secret, Failure> {
    let (bytes, source) = match (&acting.secret_file, acting.secret_fd) {
        (Some(file), _) => {
            let read = read_private(file, KEY_BYTES_MAX).map_err(|e| match e {
                NotPrivate::Disk(e) => unreadable(file, &e, "the file with the secret"),
                NotPrivate::Shared(mode) => Failure {
                    next: format!(
                        "run `chmod 600 {}`, and replace the secret if others may have read it",
                        file.display()
                    ),
                    ..failure(format!(
                        "this file has mode {mode:04o}: others may read or change the secret in it"
                    ))
                    .at(file)
                },
                NotPrivate::Foreign => {
                    failure("this file belongs to somebody else, who can read and change it").at(file)
                }
            });
            (read?, format!("the file {}", file.display()))
        }
        (None, Some(fd)) => {
            let read = read_descriptor(fd, KEY_BYTES_MAX);
            (read.map_err(|e| failure(format!("descriptor {fd}: {e}")))?, format!("descriptor {fd}"))
        }
        (None, None) if std::env::var_os(VARIABLE).is_some() => {
            return Err(failure(format!(
                "{VARIABLE} is set, but a secret is not taken from the environment: every child process inherits it, \
                 and crash reports and logs of CI systems show it"
            )));
        }
        (None, None) => return Err(failure("there is no client secret to read")),
    };
    let text = String::from_utf8(bytes).unwrap_or_default();
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(failure(format!("{source} holds no text"))),
        value => Ok(Secret::new(value.to_owned())),
    }
}
