"""What a rotation costs us and others, over TLS on loopback against a lab that answers at once.

    python3 benches/cost.py [ROTATIONS]          (default: 2000; others do fewer)
    COST_PROFILE=sim python3 benches/cost.py     another cargo profile than `bench`
    COST_ONLY=ours,curl python3 benches/cost.py  only these of: ours, curl, msgraph, az
    COST_ROUNDS=1 python3 benches/cost.py        so many rounds (default: 5)

A rotation is four requests: read the application, addPassword, set the secret in the vault, removePassword.

* `ours`: `benches/cost.rs`, 20 rotations at once, with the log on disk and a budget in force; then one at a time.
* `curl`: one keep-alive process that sends the same requests one after the other, ready-made: the floor.
* `msgraph`: msgraph-sdk and azure-keyvault-secrets for Python, asynchronous, 20 rotations at once.
* `az`: the four commands of azure-cli, one after the other.

The two last are installed by `tests/clients/run.sh --with-az` into target/clients, and left out where they are
missing. Each has a lab of its own, `cost lab`, in another process: no lags, no quotas. Measured are the clock and
the processor's time of client and lab, between the client's `begin` and `end` (its start does not count, except
for curl and az, which begin with the first request). They take turns, round after round, and of each the round with
the least time by the clock counts, so that what else the machine does at the time counts less. Needs Python 3, curl, cargo and Linux; writes into a temporary folder only.
"""

import json
import os
import pathlib
import resource
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "target/clients"
AT_ONCE, WARM = 20, 40
TICK = os.sysconf("SC_CLK_TCK")


def build():
    """The path of the bench program."""
    profile = os.environ.get("COST_PROFILE", "bench")
    words = ["cargo", "bench", "--profile", profile, "--no-run", "--bench", "cost", "--message-format", "json"]
    said = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    made = [json.loads(line) for line in said.splitlines()]
    return [m["executable"] for m in made if m.get("executable") and m["target"]["name"] == "cost"][-1]


def processor(pid):
    """Seconds of processor, user and system, of a process and of its children that ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICK


class Lab:
    """A lab in a process and a folder of its own."""

    def __init__(self, program, applications):
        self.program, self.applications = program, applications

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(dir=ROOT / "target")
        self.folder = pathlib.Path(self.temporary.name)
        self.process = subprocess.Popen([self.program, "lab", self.folder, str(self.applications)])
        while not (self.folder / "lab.json").exists():
            assert self.process.poll() is None, "the lab did not start"
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.temporary.cleanup()


def client(n):
    return f"8a1d0000-0000-4000-8000-{n:012x}"


def object_of(n):
    return f"8a1d0000-0000-4000-9000-{n:012x}"


def each(rotations, clock, own, labs):
    """Milliseconds a rotation: by the clock, the processor's of the client, the processor's of the lab."""
    return [1000 * value / rotations for value in (clock, own, labs)]


def marked(words, lab, rotations, environment=None):
    """A client that says `begin` and `end`."""
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    marks = {}
    for line in child.stdout:
        if line.strip() in ("begin", "end"):
            marks[line.strip()] = time.monotonic(), processor(child.pid), processor(lab.process.pid)
    assert child.wait() == 0 and len(marks) == 2, f"{words} failed"
    return each(rotations, *(b - a for a, b in zip(marks["begin"], marks["end"])))


def ours(program, rotations, at_once):
    with Lab(program, rotations + WARM) as lab:
        words = [program, "ours", lab.folder, str(rotations + WARM), str(at_once), str(WARM)]
        return marked(words, lab, rotations)


def msgraph(program, rotations):
    with Lab(program, rotations + WARM) as lab:
        python = CLIENTS / "sdk/bin/python"
        words = [python, "-B", ROOT / "benches/cost_msgraph.py", lab.folder, str(rotations), str(WARM), str(AT_ONCE)]
        path = {"PYTHONPATH": str(ROOT / "tests/clients")}
        return marked(words, lab, rotations, {**os.environ, **path})


def request_by(lab):
    """Sends a request to the lab, and reads the JSON of its answer."""
    about = json.loads((lab.folder / "lab.json").read_text())
    context = ssl.create_default_context(cafile=str(lab.folder / "ca.pem"))
    context.check_hostname = False

    def ask(host, path, body=None, bearer=None):
        request = urllib.request.Request(f"https://{about['addr']}{path}", data=body, headers={"Host": host})
        if bearer:
            request.add_header("Authorization", f"Bearer {bearer}")
        return json.load(urllib.request.urlopen(request, context=context))

    return ask


def token(lab, ask, resource_of):
    operator = json.loads((lab.folder / "operator.json").read_text())
    tenant = json.loads((lab.folder / "lab.json").read_text())["tenant"]
    form = {**operator, "grant_type": "client_credentials", "scope": f"https://{resource_of}/.default"}
    body = urllib.parse.urlencode(form).encode()
    return ask("login.microsoftonline.com", f"/{tenant}/oauth2/v2.0/token", body)["access_token"]


def curl_config(lab, rotations):
    """Everything that curl shall send, ready-made."""
    ask = request_by(lab)
    about = json.loads((lab.folder / "lab.json").read_text())
    graph, vault = token(lab, ask, "graph.microsoft.com"), token(lab, ask, "vault.azure.net")
    common = ['silent', 'fail', 'output = "/dev/null"', f'cacert = "{lab.folder}/ca.pem"']
    hosts = {"graph.microsoft.com": graph, "lab.vault.azure.net": vault}
    common += [f'connect-to = "{host}:443:{about["addr"]}"' for host in hosts]
    sections = []

    def send(host, path, method="GET", body=None):
        lines = [*common, f'url = "https://{host}{path}"', f'request = "{method}"']
        lines.append(f'header = "Authorization: Bearer {hosts[host]}"')
        if body is not None:
            text = json.dumps(body).replace("\\", "\\\\").replace('"', '\\"')
            lines += ['header = "Content-Type: application/json"', f'data = "{text}"']
        sections.append("\n".join(lines))

    for n in range(1, rotations + 1):
        path = f"/v1.0/applications/{object_of(n)}"
        select = "?$select=id,appId,displayName,signInAudience,passwordCredentials"
        old = ask("graph.microsoft.com", path + select, bearer=graph)["passwordCredentials"][0]["keyId"]
        send("graph.microsoft.com", path + select)
        new = {"passwordCredential": {"displayName": "curl", "endDateTime": "2030-01-01T00:00:00Z"}}
        send("graph.microsoft.com", f"{path}/addPassword", "POST", new)
        value = {"value": "a-value-of-some-forty-characters-1234567", "tags": {"run": "curl"}}
        send("lab.vault.azure.net", f"/secrets/app-{n}?api-version=7.4", "PUT", value)
        send("graph.microsoft.com", f"{path}/removePassword", "POST", {"keyId": old})
    return "\nnext\n".join(sections) + "\n"


def curl(program, rotations):
    with Lab(program, rotations) as lab:
        (lab.folder / "curl.conf").write_text(curl_config(lab, rotations))
        begun, labs = time.monotonic(), processor(lab.process.pid)
        child = subprocess.Popen(["curl", "--config", lab.folder / "curl.conf"])
        _, status, usage = os.wait4(child.pid, 0)
        assert status == 0, f"curl: {os.waitstatus_to_exitcode(status)}"
        clock = time.monotonic() - begun
        spent = usage.ru_utime + usage.ru_stime
        return each(rotations, clock, spent, processor(lab.process.pid) - labs)


def az(program, rotations):
    with Lab(program, rotations) as lab:
        words = ["sh", ROOT / "benches/cost_az.sh", lab.folder, CLIENTS / "az/bin/az", str(rotations)]
        return marked(words, lab, rotations)


def contenders(program, rotations):
    """Who takes part: its name, how many rotations it makes, and what runs it."""
    wanted = os.environ.get("COST_ONLY", "ours,curl,msgraph,az").split(",")
    few = max(rotations // 10, 20)
    everybody = {
        "ours": [
            ("ours, 20 at once", rotations, lambda n: ours(program, n, AT_ONCE)),
            ("ours, 1 at once", few, lambda n: ours(program, n, 1)),
        ],
        "curl": [("curl, one after the other", rotations // 2, lambda n: curl(program, n))],
        "msgraph": [("msgraph-sdk for Python, 20 at once", few, lambda n: msgraph(program, n))],
        "az": [("azure-cli, four commands", 2, lambda n: az(program, n))],
    }
    installed = {"msgraph": "sdk", "az": "az"}
    there = [w for w in wanted if w not in installed or (CLIENTS / installed[w] / "installed").exists()]
    return [one for who in there for one in everybody[who]]


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ["RUST_BACKTRACE"] = "0"
    rotations = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    taking_part = contenders(build(), rotations)
    best = {}
    for _ in range(int(os.environ.get("COST_ROUNDS", "5"))):
        for name, number, run in taking_part:
            best[name] = min(best.get(name, [float("inf")]), run(number))
    print("| who | rotations | clock, ms each | its processor, ms each | the lab's, ms each |\n|---|---|---|---|---|")
    for name, number, _ in taking_part:
        print(f"| {name} | {number} | " + " | ".join(f"{ms:.2f}" for ms in best[name]) + " |")
    mine = best.get("ours, 20 at once")
    for name, (clock, spent, _) in best.items() if mine else ():
        print(f"{name}: {clock / mine[0]:.2f} times our clock, {spent / mine[1]:.2f} times our processor")


if __name__ == "__main__":
    main()
