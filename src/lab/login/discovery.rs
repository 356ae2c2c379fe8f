//! Discovery documents: OpenID configuration, instance discovery, signing keys, user realm.

use crate::lab::answer::Answer;
use crate::lab::ask::Ask;
use crate::lab::state::State;
use crate::lab::token;
use serde_json::json;

fn issuer(state: &State, ask: &Ask, tenant: &str) -> String {
    let tenant = if tenant == "organizations" || tenant == "common" {
        "{tenantid}"
    } else {
        state.options.tenant.as_str()
    };
    format!("https://{}/{tenant}/v2.0", ask.authority)
}

/// `/{tenant}/v2.0/.well-known/openid-configuration`.
pub(super) fn openid(state: &State, ask: &Ask, tenant: &str) -> Answer {
    let base = format!("https://{}/{tenant}", ask.authority);
    let graph = ask.authority.replacen("login.", "graph.", 1);
    Answer::json(
        200,
        json!({
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer(state, ask, tenant),
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("https://{graph}/oidc/userinfo"),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "acr", "nonce", "preferred_username", "name", "tid", "ver"],
            "tenant_region_scope": "NA",
            "cloud_instance_name": ask.authority.replacen("login.", "", 1),
            "cloud_graph_host_name": graph,
            "msgraph_host": graph,
        }),
    )
}

/// `/common/discovery/instance`: the authority that was asked about is known, under every name
/// it was asked by.
pub(super) fn instance(ask: &Ask) -> Answer {
    let endpoint = ask.option("authorization_endpoint").unwrap_or("");
    let asked = endpoint.strip_prefix("https://").unwrap_or(&ask.authority);
    let (host, rest) = asked.split_once('/').unwrap_or((asked, "common"));
    let tenant = rest.split('/').next().unwrap_or("common");
    Answer::json(
        200,
        json!({
            "tenant_discovery_endpoint": format!("https://{host}/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }),
    )
}

pub(super) fn keys(state: &State, ask: &Ask) -> Answer {
    Answer::json(200, token::jwks(&issuer(state, ask, state.options.tenant.as_str())))
}

/// `/common/userrealm/{upn}`: every lab user is managed in the cloud.
pub(super) fn user_realm(name: &str) -> Answer {
    let domain = name.split('@').nth(1).unwrap_or("");
    Answer::json(
        200,
        json!({"ver": "1.0", "account_type": "Managed", "domain_name": domain, "cloud_instance_name": "lab", "cloud_audience_urn": "urn:federation:MicrosoftOnline"}),
    )
}
