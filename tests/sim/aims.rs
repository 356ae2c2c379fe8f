//! What the playbook of a seed is about: applications with a secret or a certificate to rotate,
//! users to reset, applications to switch off; drawn, and written as a playbook.

use reissue::domain::credential::Form;
use reissue::domain::id::ClientId;
use reissue::env::random::Stream;
use std::fmt::Write;
use std::time::Duration;

/// An application with a credential to rotate. Two of them may be about one application.
pub(crate) struct App {
    pub(crate) client_id: ClientId,
    pub(crate) name: String,
    pub(crate) form: Form,
    pub(crate) place: String,
    pub(crate) spoiled: Option<Spoiled>,
    pub(crate) contain: bool,
    /// The leaked secret is on the service principal.
    pub(crate) on_principal: bool,
    /// Further credentials of the form: on the service principal or not.
    pub(crate) others: Vec<bool>,
    pub(crate) selector: Pick,
    pub(crate) hint: String,
    /// The store holds the leaked value before the run.
    pub(crate) stored: bool,
    /// A certificate's key may leave the vault.
    pub(crate) exportable: bool,
    pub(crate) consumers: Vec<Consumer>,
    pub(crate) hold_s: Option<u64>,
    pub(crate) confirmed_by: Vec<String>,
}

/// Why the name in the store cannot be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoiled {
    Deleted,
    Disabled,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// By what people see of it: a secret's hint, a certificate's thumbprint.
    Hint,
    KeyId,
    All,
}

pub(crate) struct Consumer {
    pub(crate) name: String,
    pub(crate) follows: Follows,
    pub(crate) signs_in_every: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    Every(u64),
    Restart,
    Pinned,
}

/// A person whose password is out.
pub(crate) struct User {
    pub(crate) upn: String,
    pub(crate) place: String,
    pub(crate) block: bool,
}

/// An application that nobody needs.
pub(crate) struct Off {
    pub(crate) client_id: ClientId,
    pub(crate) name: String,
}

/// What names a leaked credential in the playbook.
pub(crate) struct Named {
    pub(crate) key_id: String,
    pub(crate) thumbprint: String,
}

impl App {
    pub(crate) fn write(&self, out: &mut String, named: &Named) {
        let _ = writeln!(out, "  - app: {}\n    name: {}", self.client_id.as_str(), self.name);
        if self.contain {
            out.push_str("    contain: true\n");
        }
        if !self.consumers.is_empty() {
            out.push_str("    consumers:\n");
        }
        for c in &self.consumers {
            let refresh = match c.follows {
                Follows::Every(s) => format!("{s}s"),
                Follows::Restart => "restart".into(),
                Follows::Pinned => "pinned".into(),
            };
            let _ = writeln!(out, "      - {{ name: {}, refresh: {refresh} }}", c.name);
        }
        let which = match (self.selector, self.form) {
            (Pick::All, _) => "all".to_owned(),
            (Pick::Hint, Form::Secret) => format!("{{ hint: \"{}\" }}", self.hint),
            (Pick::Hint, _) => format!("{{ thumbprint: {} }}", named.thumbprint),
            (Pick::KeyId, _) => format!("{{ key_id: {} }}", named.key_id),
        };
        let mut hold = Vec::new();
        hold.extend(self.hold_s.map(|s| format!("time: {s}s")));
        if !self.confirmed_by.is_empty() {
            hold.push(format!("confirmed_by: [ {} ]", self.confirmed_by.join(", ")));
        }
        let word = if self.form == Form::Secret { "secret" } else { "certificate" };
        let _ = writeln!(out, "    rotate:\n      {word}: {which}");
        let _ = writeln!(out, "      publish: {{ store: ir, name: {} }}", self.place);
        let _ = writeln!(out, "      hold: {{ {} }}", hold.join(", "));
        if !self.exportable {
            out.push_str("      exportable: false\n");
        }
    }
}

impl User {
    pub(crate) fn write(&self, out: &mut String) {
        let Self { upn, place, block } = self;
        let deliver = format!("{{ store: ir, name: {place}, to: helpdesk }}");
        let _ = writeln!(out, "  - user: {upn}\n    reset: {{ block: {block}, deliver: {deliver} }}");
    }
}

impl Off {
    pub(crate) fn write(&self, out: &mut String) {
        let id = self.client_id.as_str();
        let _ = writeln!(out, "  - app: {id}\n    name: {}\n    disable: {{ reason: unused }}", self.name);
    }
}

/// Which targets a seed has, by their letters: secret, certificate, both on one application, user,
/// off.
pub(crate) fn draw(s: &Stream) -> (Vec<App>, Vec<User>, Vec<Off>) {
    let count = [1, 1, 1, 2, 2, 3, 4][s.below(7) as usize];
    let (mut apps, mut users, mut offs) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..count {
        match s.below(20) {
            0..=8 => apps.push(app(s, n, Form::Secret)),
            9..=12 => apps.push(app(s, n, Form::Certificate)),
            13 | 14 => {
                apps.push(app(s, n, Form::Secret));
                apps.push(app(s, n, Form::Certificate));
            }
            15..=17 => users.push(User {
                upn: format!("person-{n}@lab.test"),
                place: format!("person-{n}-temporary"),
                block: s.chance(500),
            }),
            _ => offs.push(Off { client_id: client(n), name: format!("unused-{n}") }),
        }
    }
    (apps, users, offs)
}

fn client(n: usize) -> ClientId {
    ClientId::from_random([n as u8 + 1; 16])
}

fn app(s: &Stream, n: usize, form: Form) -> App {
    let word = if form == Form::Secret { "secret" } else { "certificate" };
    let is_secret = form == Form::Secret;
    let exportable = is_secret || s.chance(800);
    // A pointer to a key is nothing that the lab's consumers follow.
    let many = s.below(4) * u64::from(exportable);
    let consumers: Vec<Consumer> = (0..many).map(|c| consumer(s, &format!("{word}-{n}-{c}"))).collect();
    let hold_s = [Some(0), Some(120), Some(300), Some(900), None][s.below(5) as usize];
    let may_confirm = consumers.iter().filter(|c| c.follows != Follows::Pinned);
    let mut confirmed_by: Vec<String> =
        may_confirm.filter(|_| hold_s.is_none() || s.chance(400)).map(|c| c.name.clone()).collect();
    confirmed_by.truncate(2);
    let hold_s = if confirmed_by.is_empty() && hold_s.is_none() { Some(180) } else { hold_s };
    App {
        client_id: client(n),
        name: format!("app-{n}"),
        form,
        place: format!("app-{n}-{word}"),
        spoiled: s.chance(30).then(|| if s.chance(500) { Spoiled::Deleted } else { Spoiled::Disabled }),
        contain: s.chance(150),
        on_principal: is_secret && s.chance(150),
        others: (0..s.below(3)).map(|_| is_secret && s.chance(300)).collect(),
        selector: [Pick::Hint, Pick::Hint, Pick::KeyId, Pick::All][s.below(4) as usize],
        hint: format!("x{n}Q"),
        stored: s.chance(900),
        exportable,
        consumers,
        hold_s,
        confirmed_by,
    }
}

fn consumer(s: &Stream, name: &str) -> Consumer {
    let follows = match s.below(9) {
        0 => Follows::Restart,
        1 => Follows::Pinned,
        2 => Follows::Every(3_600),
        3 => Follows::Every(86_400),
        _ => Follows::Every([1, 20, 60, 110, 290][s.below(5) as usize]),
    };
    let signs_in_every = Duration::from_secs([30, 60, 180][s.below(3) as usize]);
    Consumer { name: format!("user-{name}"), follows, signs_in_every }
}
