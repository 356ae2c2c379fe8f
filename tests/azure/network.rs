//! The real network wire, over TLS on loopback, against the served lab.

use crate::scene::{OPERATOR, client, env, tenant};
use bytes::Bytes;
use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::domain::playbook::model::Cloud;
use reissue::domain::secret::Secret;
use reissue::env::{Clock, Env};
use reissue::lab::serve::serve;
use reissue::lab::{Lab, LabOptions, Lags, NewApplication, SecretSpec};
use reissue::wire::budget::Start;
use reissue::wire::net::{Net, NetOptions, Roots};
use reissue::wire::{Cause, Kind, Reached, Wire};
use std::sync::Arc;
use std::time::Duration;

fn options(ca_pem: &str, addr: std::net::SocketAddr) -> NetOptions {
    let names = ["login.microsoftonline.us", "graph.microsoft.us", "*.vault.usgovcloudapi.net"];
    let resolve = Some(names.iter().map(|n| ((*n).to_owned(), addr)).collect());
    NetOptions { roots: Roots::Only(ca_pem.as_bytes().to_vec()), resolve, plain: false }
}

fn get(uri: &str) -> http::Request<Bytes> {
    http::Request::get(uri).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn the_network_wire_reaches_the_lab_and_nothing_else() {
    let env = Env { clock: Clock::real(), ..env(1) };
    let lab = Lab::new(
        env.clock,
        env.random.clone(),
        LabOptions { tenant: tenant(), lags: Lags::none(), ..LabOptions::default() },
    );
    lab.create_application(NewApplication::new(client(OPERATOR), "operator"));
    let (_, secret) = lab.add_secret(&client(OPERATOR), SecretSpec::default());
    lab.grant_app_permission(&client(OPERATOR), "Application.Read.All");
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(lab, folder.path(), "127.0.0.1:0".parse().unwrap()).await.unwrap();

    let net = Net::new(options(&serving.ca_pem, serving.addr)).unwrap();
    let identity = Identity::Secret { client_id: client(OPERATOR), secret: Secret::new(secret) };
    let budget = Azure::budget_for(&env, 70, Start::Full);
    let azure = Azure::new(&env, Cloud::UsGovHigh, tenant(), Arc::new(net.clone()), budget, identity);
    let app = azure.graph().application_by_client_id(&client(OPERATOR)).await.unwrap().unwrap();
    assert_eq!(app.display_name().as_str(), "operator");

    let kind = |e: Result<_, reissue::wire::WireError>| {
        e.map(|_: http::Response<Bytes>| ()).map_err(|e| (e.kind, e.reached))
    };
    let nowhere = Err((Kind::Connect, Reached::No));
    assert_eq!(kind(net.call(get("https://login.microsoftonline.com/")).await), nowhere, "not in the table");
    let insecure = net.call(get("http://graph.microsoft.us/")).await.unwrap_err();
    assert_eq!(insecure.reached, Reached::No);
    let small = net.clone().with_limits(Duration::from_secs(5), 64);
    let large = "https://login.microsoftonline.us/common/v2.0/.well-known/openid-configuration";
    assert_eq!(kind(small.call(get(large)).await), Err((Kind::TooLarge, Reached::Unknown)));

    let stranger = rcgen::KeyPair::generate().unwrap();
    let stranger = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&stranger).unwrap();
    let distrustful = Net::new(options(&stranger.pem(), serving.addr)).unwrap();
    assert_eq!(
        kind(distrustful.call(get("https://graph.microsoft.us/")).await),
        nowhere,
        "another authority"
    );
    // What a person has to check is another thing each time.
    let cause = async |net: &Net, uri: &str| net.call(get(uri)).await.unwrap_err().cause;
    assert_eq!(cause(&net, "https://login.microsoftonline.com/").await, Cause::NoName);
    assert_eq!(cause(&distrustful, "https://graph.microsoft.us/").await, Cause::Tls);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = Net::new(options(&serving.ca_pem, closed)).unwrap();
    assert_eq!(cause(&closed, "https://graph.microsoft.us/").await, Cause::Refused);
}
