//! The codes of findings in a playbook.

use super::super::ExitCode;
use super::Entry;
use crate::domain::playbook::Code;

/// Declares one entry for each finding: its code, title and text. A test counts them.
macro_rules! findings {
    ($($code:ident $id:literal $title:literal $text:literal)*) => {
        pub(super) const TABLE: &[(Code, Entry)] = &[
            $((Code::$code, Entry { id: $id, exit: ExitCode::Error, title: $title, text: $text }),)*
        ];
    };
}

findings! {
    NotUtf8 "PB001" "The file is not UTF-8 text"
        "Playbooks are UTF-8. The place shown is the first byte that is not. A PFX, a \
         spreadsheet or a file saved as UTF-16 ends here; save it as UTF-8, or pick the right \
         file."
    TooLarge "PB002" "The file is too large"
        "A playbook has at most 32 MiB: a hundred thousand targets. Split it; several playbooks can \
         share one incident id."
    Syntax "PB003" "The file is not YAML"
        "The place shown is where reading stopped; the mistake may be on the line above. \
         Usual causes: a tab, a missing space after a colon, a colon inside unquoted text, a \
         bracket or quotation mark that is never closed."
    TwoDocuments "PB004" "The file holds more than one document"
        "A line `---` begins a new YAML document. A playbook is one document: split the file, \
         or remove the line."
    Alias "PB005" "Anchors and aliases are not taken"
        "`&name`, `*name` and `<<` make a file mean something else than it shows, and can \
         make a small file huge. Write the value out. Text that begins with & or * needs \
         quotes."
    Tag "PB006" "Tags and directives are not taken"
        "`!name` and lines that begin with % change how YAML is read. Remove them. Text that \
         begins with ! or % needs quotes."
    Budget "PB007" "The file is nested too deeply or has too many values"
        "At most 32 levels and 200,000 values. A real playbook has about six levels."
    Empty "PB008" "The playbook is empty"
        "The file has no content, or only comments. Start from one of the examples in \
         playbooks/."
    DuplicateKey "PB009" "A key stands twice in one mapping"
        "Other readers keep the last one silently; reissue does not guess which one you \
         meant. Keep one."
    Hostile "PB010" "A character that does not print"
        "Control characters, text that runs right to left by force, and invisible characters \
         can make a file read differently to a reviewer than to a program. Remove the \
         character; typing the line anew helps."
    UnknownKey "PB011" "A key that nobody knows"
        "Unknown keys are refused, because a misspelt key would be a setting that silently \
         does not hold. The hint names the nearest known key or all of them."
    MissingKey "PB012" "A key is missing"
        "The hint lists the keys of this mapping."
    WrongType "PB013" "Another type of value is wanted"
        "For example a list where a mapping is wanted. `[ a, b ]` and lines with dashes are \
         lists; `{ a: b }` and lines `a: b` are mappings."
    EmptyValue "PB014" "A value is empty"
        "Leave the key out if you do not need it. An empty list of targets would be a run \
         that does nothing."
    OneOf "PB015" "Exactly one of several keys is wanted"
        "For example a leaked secret is named by `hint` or by `key_id`, not by both: they \
         could disagree."
    Version "PB016" "Another version of the playbook language"
        "This program reads `reissue: 1`. A later version may mean things that this program \
         does not know; use the program that belongs to it."
    NotAnId "PB020" "Not a GUID"
        "Ids look like 8a1d0000-0000-4000-8000-000000000001. For an app it is the client id \
         (\"Application (client) ID\" in the portal), not the object id. A wrong key id is not \
         shown, because the secret itself is easily pasted in its place."
    NotATime "PB021" "Not a time, or not a possible one"
        "Write it as 2026-11-23T07:00:00Z, or with an offset: 2026-11-23T09:00:00+02:00. A \
         time in the future or before 2010 is refused."
    NotASpan "PB022" "Not a span of time, or out of range"
        "A whole number and one unit: 90s, 30m, 26h, 7d."
    NotANumber "PB023" "Not a whole number, or out of range"
        "Digits only, without quotes, sign or leading zero."
    NotAWord "PB024" "A word that is not known here"
        "The hint lists the words that are. They are written in small letters."
    NotABoolean "PB025" "Neither true nor false"
        "YAML readers disagree about yes, no, on and off. reissue takes `true` and `false` \
         only, without quotes."
    TooLong "PB026" "Text is too long"
        "The message says how many characters are taken. It does not say how many there are, \
         because the text may be a secret."
    BadName "PB027" "A name with characters that do not belong into it"
        "Such names become parts of addresses and commands. Names in a key vault have \
         letters, digits and hyphens."
    VaultHost "PB028" "Not a key vault of the tenant's cloud"
        "New secrets go only to https://NAME.vault.azure.net (public), \
         NAME.vault.usgovcloudapi.net (both clouds for the US government) or \
         NAME.vault.azure.cn (china): no other host, no port, no path. So a playbook cannot \
         send a secret to a stranger."
    NotALimit "PB029" "Neither a count nor a percentage"
        "A limit is a count (10) or a percentage of all objects of that kind in the tenant \
         (5%), both whole numbers."
    NotAHint "PB030" "Not a secret's hint"
        "The hint is the three characters that Entra publishes of every secret: in the portal \
         under \"Certificates & secrets\", column Value; in Graph passwordCredentials/hint. \
         The value is not shown, because a secret is easily pasted here. If you pasted one, \
         it has leaked into this file too."
    NotAThumbprint "PB031" "Not a certificate's thumbprint"
        "The SHA-1 of the certificate, as the portal shows it: 40 hexadecimal digits, without \
         colons or spaces."
    NotAUser "PB032" "Not a user principal name"
        "It looks like alice@agency.example. Guests have theirs with #EXT# in the middle. \
         Object ids and display names are not taken: the name makes the plan readable, the \
         plan resolves it to the id."
    NoSubject "PB040" "A target does not say what it is about"
        "Every target has `app:` with a client id, or `user:` with a user principal name."
    TwoSubjects "PB041" "A target names an app and a user"
        "A target is one object and one action. Write two targets."
    NoAction "PB042" "A target does not say what to do"
        "Give it `rotate:`, `reset:` or `disable:`, as the hint says."
    TwoActions "PB043" "A target has two actions"
        "A target is one object and one action, so that it can be planned, approved, counted \
         and undone by itself. Write two targets with the same subject."
    WrongSubject "PB044" "The action does not fit the subject"
        "Applications have secrets and certificates to rotate and can be disabled; users have \
         a password to reset."
    DuplicateTarget "PB045" "A target stands twice"
        "The same application or user, and the same kind of action, however the id is spelt. \
         If several secrets of one app leaked, one target with `secret: all` replaces them."
    Contradiction "PB046" "Two targets contradict each other"
        "For example one disables an application whose secret the other rotates: the new \
         secret could never be seen to work. Or one application has two names."
    UnknownStore "PB047" "The store is not declared"
        "Every store that a target names is declared once under `stores`, with its address."
    SamePlace "PB048" "Two targets write to the same name"
        "The later value would hide the earlier one from its consumers. Key Vault names know \
         no difference between capital and small letters."
    HoldTooLong "PB049" "A hold outlives the approval"
        "The old credential is taken away when the hold ends, and that needs a valid \
         approval. Make `approval.valid_for` longer, or write `retire: separately`: then a \
         second approval is asked for when the hold ends."
    OnlyRotations "PB050" "A key that only rotations have"
        "`contain` and `consumers` are about a credential that is replaced while something \
         uses it."
    DuplicateName "PB051" "A name stands twice in a list"
        "Consumers and confirmations are told apart by name."
    Protected "PB052" "A target is protected"
        "`guardrails.protect` names objects that are never touched. One of the two lines is a \
         mistake; better ask which."
    SecretInside "PB060" "A secret stands in the playbook"
        "A playbook is copied, reviewed and kept, so it never holds a secret value; a leaked \
         credential is named by its hint or key id. Delete the value here and in the file's \
         history, and treat it as leaked: if it was the new one, it has leaked too. The value \
         is never shown, and no digest of it is kept."
}
