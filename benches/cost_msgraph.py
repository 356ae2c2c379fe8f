"""The rotations of benches/cost.py by Microsoft's Python SDKs: cost_msgraph.py FOLDER ROTATIONS WARM AT_ONCE.

Run by benches/cost.py with tests/clients on PYTHONPATH. The clients are made once and shared by all tasks, as their
documentation has it; logging is off.
"""

import asyncio
import json
import logging
import os
import pathlib
import sys

import names  # noqa: F401  (must come before anything opens a socket)

logging.disable(logging.CRITICAL)
FOLDER = pathlib.Path(sys.argv[1])
ROTATIONS, WARM, AT_ONCE = map(int, sys.argv[2:5])
LAB = json.loads((FOLDER / "lab.json").read_text())
OPERATOR = json.loads((FOLDER / "operator.json").read_text())
CA = str(FOLDER / "ca.pem")
os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = CA
PORT = LAB["port"]
LOGIN = f"https://login.lab.test:{PORT}"
GRAPH = f"https://graph.lab.test:{PORT}"
VAULT = f"https://lab.vault.lab.test:{PORT}"

import httpx  # noqa: E402
from azure.identity.aio import ClientSecretCredential  # noqa: E402
from azure.keyvault.secrets.aio import SecretClient  # noqa: E402
from kiota_abstractions.base_request_configuration import RequestConfiguration  # noqa: E402
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider  # noqa: E402
from msgraph import GraphServiceClient  # noqa: E402
from msgraph.generated.applications.item.add_password.add_password_post_request_body import AddPasswordPostRequestBody  # noqa: E402
from msgraph.generated.applications.item.application_item_request_builder import ApplicationItemRequestBuilder  # noqa: E402
from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import RemovePasswordPostRequestBody  # noqa: E402
from msgraph.generated.models.password_credential import PasswordCredential  # noqa: E402
from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: E402

CREDENTIAL = ClientSecretCredential(LAB["tenant"], OPERATOR["client_id"], OPERATOR["client_secret"], authority=LOGIN,
                                    disable_instance_discovery=True, connection_verify=CA)
SELECT = ApplicationItemRequestBuilder.ApplicationItemRequestBuilderGetQueryParameters(
    select=["id", "appId", "displayName", "signInAudience", "passwordCredentials"])


def graph_client():
    hosts = ["graph.lab.test", f"graph.lab.test:{PORT}"]
    provider = AzureIdentityAuthenticationProvider(CREDENTIAL, scopes=[f"{GRAPH}/.default"], allowed_hosts=hosts)
    adapter = GraphRequestAdapter(provider, client=httpx.AsyncClient(verify=CA, timeout=60))
    adapter.base_url = f"{GRAPH}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


async def rotate(graph, vault, n):
    item = graph.applications.by_application_id(f"8a1d0000-0000-4000-9000-{n:012x}")
    app = await item.get(request_configuration=RequestConfiguration(query_parameters=SELECT))
    old = app.password_credentials[0].key_id
    new = PasswordCredential(display_name="msgraph")
    made = await item.add_password.post(AddPasswordPostRequestBody(password_credential=new))
    await vault.set_secret(f"app-{n}", made.secret_text, tags={"run": "msgraph"})
    await item.remove_password.post(RemovePasswordPostRequestBody(key_id=old))


async def rotate_all(graph, vault, numbers):
    numbers = iter(numbers)

    async def work():
        for n in numbers:
            await rotate(graph, vault, n)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def main():
    graph = graph_client()
    async with CREDENTIAL, SecretClient(VAULT, CREDENTIAL, connection_verify=CA) as vault:
        await rotate_all(graph, vault, range(1, WARM + 1))
        print("begin", flush=True)
        await rotate_all(graph, vault, range(WARM + 1, WARM + ROTATIONS + 1))
        print("end", flush=True)


asyncio.run(main())
