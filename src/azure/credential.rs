//! Who acts, and the tokens they act with.
//!
//! Tokens come from Microsoft's own credential types, one brand-new object for each request: they
//! cache by the machine's clock, we cache by `env`'s. To the Key Vault clients we look like a
//! credential whose every token has expired long ago, so that they always ask us.

use super::assertion::{CertificateKey, Unsigned};
use super::bridge::{Bridge, Client, Ear, Heard, wire_error_of};
use super::cloud::Endpoints;
use super::fault::{ApiError, Reply, Service};
use super::sign_in::{Meaning, SignIn};
use crate::domain::event::FaultClass;
use crate::domain::id::{ClientId, TenantId};
use crate::domain::secret::Secret;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::env::Env;
use crate::wire::Wire;
use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{ClientMethodOptions, ClientOptions};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertion, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, Executor,
};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;

/// The longest time before its end at which a token is replaced.
const MARGIN: Duration = Duration::from_secs(300);

/// The code of a failure to get a token from the Azure CLI.
pub const AZURE_CLI_FAILED: &str = "azure_cli_failed";

/// Who acts. Chosen explicitly: there is no chain that falls through to somebody else.
pub enum Identity {
    Secret {
        client_id: ClientId,
        secret: Secret,
    },
    Certificate {
        client_id: ClientId,
        key: CertificateKey,
    },
    /// Whoever is signed in to the Azure CLI.
    AzureCli,
}

impl Identity {
    /// For `doctor` and the plan: how, never with what.
    pub fn describe(&self) -> String {
        match self {
            Identity::Secret { client_id, .. } => format!("application {client_id} by client secret"),
            Identity::Certificate { client_id, .. } => format!("application {client_id} by certificate"),
            Identity::AzureCli => "the account signed in to the Azure CLI".into(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// Where and over what sign-in happens.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) env: Env,
    pub(crate) endpoints: Endpoints,
    pub(crate) tenant: TenantId,
    pub(crate) wire: Arc<dyn Wire>,
}

impl Door {
    fn options(&self) -> (ClientOptions, Arc<Ear>) {
        let bridge = Bridge::new(self.wire.clone(), self.env.clone(), Client::SignIn, self.endpoints.login);
        let ear = bridge.ear();
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = format!("https://{}", self.endpoints.login);
        // Never from the environment: AZURE_AUTHORITY_HOST could send a secret elsewhere.
        (ClientOptions { cloud: Some(Arc::new(cloud.into())), ..bridge.client_options() }, ear)
    }

    async fn ask_by_secret(&self, client_id: &ClientId, secret: &Secret, scope: &str) -> Asked {
        let (client_options, ear) = self.options();
        let credential = ClientSecretCredential::new(
            self.tenant.as_str(),
            client_id.to_string(),
            azure_core::credentials::Secret::new(secret.expose().to_owned()),
            Some(ClientSecretCredentialOptions { client_options }),
        );
        ask(credential, scope, &ear).await
    }

    async fn ask_by_assertion(&self, client_id: &ClientId, assertion: &Secret, scope: &str) -> Asked {
        let (client_options, ear) = self.options();
        let credential = ClientAssertionCredential::new(
            self.tenant.to_string(),
            client_id.to_string(),
            Ready(Secret::new(assertion.expose().to_owned())),
            Some(ClientAssertionCredentialOptions { client_options }),
        );
        ask(credential, scope, &ear).await
    }

    async fn ask_by_cli(&self, scope: &str) -> Asked {
        let options = AzureCliCredentialOptions {
            tenant_id: Some(self.tenant.to_string()),
            executor: Some(Arc::new(Shell)),
            ..Default::default()
        };
        let refused = ApiError::refused(Service::SignIn, AZURE_CLI_FAILED);
        let failed = |e: Error| NotGiven::unheard(refused.clone().noting(&e.to_string()));
        let credential = AzureCliCredential::new(Some(options)).map_err(failed)?;
        let token = credential.get_token(&[scope], None).await.map_err(failed)?;
        let now = self.env.clock.now();
        let ends = Timestamp::from_unix_s(token.expires_on.unix_timestamp());
        Ok((Secret::new(token.token.secret().to_owned()), Some((now, ends.since(now)))))
    }

    /// An assertion signed with a key at hand.
    pub(crate) fn assertion(&self, client_id: &ClientId, key: &CertificateKey) -> Result<Secret, ApiError> {
        Unsigned::assertion(&self.env, self.endpoints.login, &self.tenant, client_id, key.certificate())
            .signed_by(key)
            .map_err(|_| ApiError::refused(Service::SignIn, "bad_key"))
    }

    /// One sign-in attempt with a secret, by a brand-new credential: nothing is cached.
    pub(crate) async fn fresh_by_secret(
        &self,
        client_id: &ClientId,
        secret: &Secret,
    ) -> Result<SignIn, ApiError> {
        answered(self.ask_by_secret(client_id, secret, &self.endpoints.graph_scope()).await)
    }

    /// The same with a signed assertion.
    pub(crate) async fn fresh_by_assertion(
        &self,
        client_id: &ClientId,
        assertion: &Secret,
    ) -> Result<SignIn, ApiError> {
        answered(self.ask_by_assertion(client_id, assertion, &self.endpoints.graph_scope()).await)
    }
}

/// A token, when it was given and for how long.
type Asked = Result<(Secret, Option<(Timestamp, Duration)>), NotGiven>;

/// Why there is no token. No text is kept: it may repeat what was sent.
struct NotGiven {
    error: ApiError,
    /// The token service's own number.
    refusal: Option<(u32, Text<64>)>,
}

impl NotGiven {
    fn unheard(error: ApiError) -> Self {
        Self { error, refusal: None }
    }

    fn read(e: &Error, heard: Option<Heard>) -> Self {
        if let Some(wire) = wire_error_of(e) {
            return Self::unheard(ApiError::from_wire(Service::SignIn, wire, false));
        }
        let Some(heard) = heard else {
            return Self::unheard(ApiError::unexpected(Service::SignIn, "sign_in_failed", false));
        };
        let mut error = ApiError::from_reply(&Reply {
            service: Service::SignIn,
            status: heard.status,
            code: heard.refusal.as_ref().map_or("", |(_, code)| code.as_str()),
            inner_code: None,
            text: "",
            request_id: heard.request_id.as_deref(),
            write: false,
            secret: true,
        });
        if let Some((aadsts, _)) = heard.refusal.as_ref().filter(|_| !is_passing(heard.status)) {
            error.class = Meaning::of(*aadsts).class();
        }
        Self { error, refusal: heard.refusal }
    }
}

fn is_passing(status: u16) -> bool {
    status == 429 || status >= 500
}

/// Asks a brand-new credential once.
async fn ask<C: TokenCredential>(credential: azure_core::Result<Arc<C>>, scope: &str, ear: &Ear) -> Asked {
    let setup = |_| NotGiven::unheard(ApiError::refused(Service::SignIn, "bad_credential"));
    match credential.map_err(setup)?.get_token(&[scope], None).await {
        Ok(token) => Ok((Secret::new(token.token.secret().to_owned()), ear.heard().and_then(|h| h.given))),
        Err(e) => Err(NotGiven::read(&e, ear.heard())),
    }
}

/// A refusal is an answer; a busy or troubled token service is a fault.
fn answered(asked: Asked) -> Result<SignIn, ApiError> {
    match asked {
        Ok((_, Some((_, expires_in)))) => Ok(SignIn::Accepted { expires_in }),
        Ok((_, None)) => Err(ApiError::unexpected(Service::SignIn, "no_lifetime", false)),
        Err(NotGiven { error, refusal: Some((aadsts, code)) })
            if !matches!(error.class, FaultClass::Busy | FaultClass::Line) =>
        {
            Ok(SignIn::Refused { aadsts, code })
        }
        Err(NotGiven { error, .. }) => Err(error),
    }
}

/// The tokens of the acting identity, by scope.
#[derive(Clone)]
pub struct Tokens(Arc<TokensInner>);

struct TokensInner {
    door: Door,
    identity: std::sync::Mutex<Arc<Identity>>,
    held: Mutex<BTreeMap<String, Held>>,
}

struct Held {
    token: Arc<Secret>,
    replace_at: Timestamp,
}

impl Tokens {
    pub(crate) fn new(door: Door, identity: Identity) -> Self {
        let identity = std::sync::Mutex::new(Arc::new(identity));
        Self(Arc::new(TokensInner { door, identity, held: Mutex::default() }))
    }

    pub fn identity(&self) -> Arc<Identity> {
        self.0.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Acts with another credential from now on; tokens that the old one got are not used again.
    pub(crate) async fn adopt(&self, identity: Identity) {
        let mut held = self.0.held.lock().await;
        *self.0.identity.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
        held.clear();
    }

    /// A token for `scope` that is good for a while yet.
    pub async fn bearer(&self, scope: &str) -> Result<Arc<Secret>, ApiError> {
        let mut held = self.0.held.lock().await;
        let now = self.0.door.env.clock.now();
        if let Some(found) = held.get(scope).filter(|h| now < h.replace_at) {
            return Ok(found.token.clone());
        }
        let (token, given) = self.ask(scope).await?;
        let token = Arc::new(token);
        // Without a stated lifetime the token is used once.
        if let Some((at, lifetime)) = given {
            let replace_at = at.after(lifetime.saturating_sub(MARGIN.min(lifetime / 3)));
            held.insert(scope.to_owned(), Held { token: token.clone(), replace_at });
        }
        Ok(token)
    }

    /// Forgets all tokens: a service turned one away.
    pub async fn forget(&self) {
        self.0.held.lock().await.clear();
    }

    async fn ask(&self, scope: &str) -> Result<(Secret, Option<(Timestamp, Duration)>), ApiError> {
        let door = &self.0.door;
        let asked = match &*self.identity() {
            Identity::Secret { client_id, secret } => door.ask_by_secret(client_id, secret, scope).await,
            Identity::Certificate { client_id, key } => {
                let assertion = door.assertion(client_id, key)?;
                door.ask_by_assertion(client_id, &assertion, scope).await
            }
            Identity::AzureCli => door.ask_by_cli(scope).await,
        };
        asked.map_err(|e| e.error)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tokens").field(&self.identity()).finish()
    }
}

/// How the Key Vault clients see us.
#[async_trait::async_trait]
impl TokenCredential for Tokens {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let [scope] = scopes else {
            return Err(Error::with_message(ErrorKind::Credential, "exactly one scope is expected"));
        };
        match self.bearer(scope).await {
            // Long expired, to them: so every request asks us, and our clock decides.
            Ok(token) => Ok(AccessToken::new(
                azure_core::credentials::Secret::new(token.expose().to_owned()),
                azure_core::time::OffsetDateTime::UNIX_EPOCH,
            )),
            Err(e) => Err(Error::new(ErrorKind::Credential, e)),
        }
    }
}

/// An assertion that is already signed.
struct Ready(Secret);

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready")
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Ready {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.expose().to_owned())
    }
}

/// Runs the Azure CLI through the one door to child processes.
#[derive(Debug)]
struct Shell;

#[async_trait::async_trait]
impl Executor for Shell {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> std::io::Result<std::process::Output> {
        let text = |s: &OsStr| s.to_str().map(str::to_owned).ok_or(std::io::ErrorKind::InvalidInput);
        let program = text(program)?;
        let args = args.iter().map(|a| text(a)).collect::<Result<Vec<_>, _>>()?;
        let run = move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            crate::env::child::run(&program, &args, b"", false)
        };
        let done = tokio::task::spawn_blocking(run).await.map_err(std::io::Error::other)??;
        Ok(std::process::Output { status: exit_status(done.code), stdout: done.stdout, stderr: done.stderr })
    }
}

#[cfg(unix)]
fn exit_status(code: Option<i32>) -> std::process::ExitStatus {
    use std::os::unix::process::ExitStatusExt;
    // A wait status holds the exit code in its second byte (POSIX, wait).
    std::process::ExitStatus::from_raw(code.unwrap_or(1) << 8)
}

#[cfg(windows)]
fn exit_status(code: Option<i32>) -> std::process::ExitStatus {
    use std::os::windows::process::ExitStatusExt;
    std::process::ExitStatus::from_raw(code.and_then(|c| u32::try_from(c).ok()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_shell_runs_and_tells_how_it_ended() {
        let run = async |script: &str| {
            Shell.run(OsStr::new("/bin/sh"), &[OsStr::new("-c"), OsStr::new(script)]).await.unwrap()
        };
        let fine = run("echo out; echo err >&2").await;
        assert!(fine.status.success());
        assert_eq!((fine.stdout.as_slice(), fine.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(run("exit 3").await.status.code(), Some(3));
    }
}
