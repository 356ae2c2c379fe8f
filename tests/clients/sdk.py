#!/usr/bin/env python3
"""Drives azure-identity, azure-keyvault-secrets/-certificates and msgraph-sdk against a served lab.

Usage: sdk.py FOLDER, where FOLDER holds lab.json, ca.pem and operator.json.
"""
import asyncio
import json
import logging
import os
import sys
import time
from pathlib import Path

import names  # noqa: F401  (must come before anything opens a socket)

logging.disable(logging.CRITICAL)  # refusals are expected here
FOLDER = Path(sys.argv[1])
LAB = json.loads((FOLDER / "lab.json").read_text())
OPERATOR = json.loads((FOLDER / "operator.json").read_text())
CA = str(FOLDER / "ca.pem")
os.environ["REQUESTS_CA_BUNDLE"] = CA
PORT = LAB["port"]
LOGIN = f"https://login.lab.test:{PORT}"
GRAPH = f"https://graph.lab.test:{PORT}"
VAULT = f"https://lab.vault.lab.test:{PORT}"
APP = "aaaaaaaa-0000-4000-8000-000000000001"

import httpx  # noqa: E402
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError  # noqa: E402
from azure.identity import CertificateCredential, ClientSecretCredential  # noqa: E402
from azure.keyvault.certificates import CertificateClient, CertificatePolicy  # noqa: E402
from azure.keyvault.secrets import SecretClient  # noqa: E402
from kiota_abstractions.base_request_configuration import RequestConfiguration  # noqa: E402
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider  # noqa: E402
from msgraph import GraphServiceClient  # noqa: E402
from msgraph.generated.applications.applications_request_builder import ApplicationsRequestBuilder  # noqa: E402
from msgraph.generated.applications.item.add_password.add_password_post_request_body import AddPasswordPostRequestBody  # noqa: E402
from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import RemovePasswordPostRequestBody  # noqa: E402
from msgraph.generated.models.application import Application  # noqa: E402
from msgraph.generated.models.o_data_errors.o_data_error import ODataError  # noqa: E402
from msgraph.generated.models.password_credential import PasswordCredential  # noqa: E402
from msgraph.generated.models.password_profile import PasswordProfile  # noqa: E402
from msgraph.generated.models.service_principal import ServicePrincipal  # noqa: E402
from msgraph.generated.models.user import User  # noqa: E402
from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: E402

CHECKS = 0


def check(what, fact):
    global CHECKS
    CHECKS += 1
    if not fact:
        raise SystemExit(f"FAILED: {what}")


def secret_credential(secret=None, client=None):
    return ClientSecretCredential(LAB["tenant"], client or OPERATOR["client_id"], secret or OPERATOR["client_secret"],
                                  authority=LOGIN, disable_instance_discovery=True)


def identity():
    token = secret_credential().get_token(f"{GRAPH}/.default")
    check("a client secret gets a token", token.token.count(".") == 2)
    check("the token lives about an hour", 3000 < token.expires_on - time.time() <= 3600)
    by_certificate = CertificateCredential(LAB["tenant"], OPERATOR["client_id"], authority=LOGIN,
                                           certificate_data=OPERATOR["certificate_pem"].encode(),
                                           disable_instance_discovery=True)
    check("a certificate gets a token", by_certificate.get_token(f"{VAULT.replace('lab.vault', 'vault')}/.default").token)
    try:
        secret_credential("wrong").get_token(f"{GRAPH}/.default")
        check("a wrong secret is refused", False)
    except ClientAuthenticationError as refused:
        check("a wrong secret is refused by number", "AADSTS7000215" in str(refused))


def secrets():
    client = SecretClient(VAULT, secret_credential())
    first = client.set_secret("s1", "v1", tags={"k": "v"}, content_type="text/plain")
    second = client.set_secret("s1", "v2")
    check("a set makes a version", first.properties.version != second.properties.version)
    check("the newest is read", client.get_secret("s1").value == "v2")
    check("an older one is read by version", client.get_secret("s1", first.properties.version).value == "v1")
    check("tags are kept", client.get_secret("s1", first.properties.version).properties.tags == {"k": "v"})
    versions = list(client.list_properties_of_secret_versions("s1"))
    check("versions are listed", len(versions) == 2)
    client.update_secret_properties("s1", second.properties.version, enabled=False)
    try:
        client.get_secret("s1")
        check("a disabled newest version hides the secret", False)
    except HttpResponseError as refused:
        check("a disabled newest version is forbidden", refused.status_code == 403)
    try:
        client.get_secret("nosuch")
        check("a missing secret is refused", False)
    except ResourceNotFoundError:
        check("a missing secret is not found", True)
    client.begin_delete_secret("s1").wait()
    check("a deleted secret is listed", any(s.name == "s1" for s in client.list_deleted_secrets()))
    client.begin_recover_deleted_secret("s1").wait()
    check("a recovered secret is back", client.get_secret("s1", first.properties.version).value == "v1")
    check("secrets are listed", any(s.name == "s1" for s in client.list_properties_of_secrets()))


def certificates():
    client = CertificateClient(VAULT, secret_credential())
    policy = CertificatePolicy(issuer_name="Self", subject="CN=sdk", exportable=True, key_type="RSA", key_size=2048,
                               reuse_key=False, content_type="application/x-pem-file", validity_in_months=3)
    made = client.begin_create_certificate("c1", policy, tags={"run": "r1"}).result()
    check("a certificate is made", made.cer and made.properties.version)
    check("its subject is as asked", made.policy.subject == "CN=sdk")
    pem = SecretClient(VAULT, secret_credential()).get_secret("c1").value
    check("its secret holds key and certificate", "PRIVATE KEY" in pem and "CERTIFICATE" in pem)
    imported = client.import_certificate("c2", pem.encode(), policy=CertificatePolicy(issuer_name="Unknown", content_type="application/x-pem-file"))
    check("an imported certificate is the same", imported.cer == made.cer)
    check("versions are listed", len(list(client.list_properties_of_certificate_versions("c1"))) == 1)


def graph_client():
    provider = AzureIdentityAuthenticationProvider(secret_credential(), scopes=[f"{GRAPH}/.default"],
                                                   allowed_hosts=["graph.lab.test", f"graph.lab.test:{PORT}"])
    adapter = GraphRequestAdapter(provider, client=httpx.AsyncClient(verify=CA))
    adapter.base_url = f"{GRAPH}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


async def until(what, test, seconds=20):
    """The lab's replicas lag: asks until several answers in a row agree."""
    end, agreeing = time.time() + seconds, 0
    while time.time() < end:
        agreeing = agreeing + 1 if await test() else 0
        if agreeing == 5:
            return check(what, True)
        await asyncio.sleep(0.2)
    check(what, False)


async def graph():
    client = graph_client()
    query = ApplicationsRequestBuilder.ApplicationsRequestBuilderGetQueryParameters(
        filter="startswith(displayName,'app-000')", select=["id", "appId", "displayName", "passwordCredentials"], count=True, top=2)
    config = RequestConfiguration(query_parameters=query)
    config.headers.add("ConsistencyLevel", "eventual")
    page = await client.applications.get(request_configuration=config)
    check("a page has its size, a count and a link", len(page.value) == 2 and page.odata_count == 5 and page.odata_next_link)
    rest = await client.applications.with_url(page.odata_next_link).get()
    check("the next page follows", rest.value[0].id > page.value[1].id)
    app = await client.applications_with_app_id(APP).get()
    check("an alternate key finds the application", app.app_id == APP)
    item = client.applications.by_application_id(app.id)
    old = app.password_credentials[0]
    added = await item.add_password.post(AddPasswordPostRequestBody(password_credential=PasswordCredential(display_name="rot")))
    check("a secret is minted once", added.secret_text.startswith(added.hint) and added.key_id != old.key_id)

    async def signs_in():
        try:
            return bool(secret_credential(added.secret_text, APP).get_token(f"{GRAPH}/.default").token)
        except ClientAuthenticationError:
            return False

    await until("the new secret signs in", signs_in)
    await item.remove_password.post(RemovePasswordPostRequestBody(key_id=old.key_id))

    async def gone():
        now = await item.get()
        return [c.key_id for c in now.password_credentials] == [added.key_id]

    await until("the old secret is gone", gone)
    try:
        await item.remove_password.post(RemovePasswordPostRequestBody(key_id=old.key_id))
        check("an unknown key id is refused", False)
    except ODataError as refused:
        check("an unknown key id is refused in words", "No password credential found" in refused.error.message)
    await item.patch(Application(notes="seen by msgraph-sdk"))
    principal = await client.service_principals_with_app_id(APP).get()
    await client.service_principals.by_service_principal_id(principal.id).patch(ServicePrincipal(account_enabled=False))

    async def refused_sign_in():
        try:
            secret_credential(added.secret_text, APP).get_token(f"{GRAPH}/.default")
            return False
        except ClientAuthenticationError as refused:
            return "AADSTS7000112" in str(refused)

    await until("a disabled service principal does not sign in", refused_sign_in)
    user = client.users.by_user_id("user1@lab.test")
    await user.patch(User(password_profile=PasswordProfile(password="N3w-Lab-Passw0rd", force_change_password_next_sign_in=False)))
    await asyncio.sleep(0.3)
    check("sessions are revoked", (await user.revoke_sign_in_sessions.post()).value is True)
    try:
        await client.applications.by_application_id("f1e9022d-d1bc-540b-a6ed-595ab4d5f4bf").get()
        check("an unknown application is refused", False)
    except ODataError as refused:
        check("an unknown application is not found", refused.error.code == "Request_ResourceNotFound")
    audits = await client.audit_logs.directory_audits.get()
    check("audit rows are read", audits.value is not None)


identity()
secrets()
certificates()
asyncio.run(graph())
print(f"sdk: {CHECKS} checks passed")
