"""The memory of a run, with the real program and its lab in another process.

    cargo build --release && REISSUE=target/release/reissue python3 benches/memory.py [TARGETS...]       (default: 100 1000 10000)
    REISSUE=target/sim/reissue python3 benches/memory.py 100 10000 100000

For each number of targets: a lab over TLS on loopback, a hundred times faster than the cloud (`lab --fast=100`);
`init`, `plan`, two people's signatures by ssh-keygen, and `apply` of so many application secrets, hold 0, to its end.
Printed are the largest resident set of `plan` and of `apply`, their processor time, and how long the clock ran.
100,000 targets are 300,000 writes: at a hundred times the documented 20 a second they take about three minutes
at best. Needs Python 3, ssh-keygen and Linux; writes into a temporary folder only.
"""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from figures import HEAD, LETTERS, PROGRAM

TENANT = "7d3c9a10-0000-4000-8000-000000000001"
TARGET = (
    '  - {{ app: 8a1d0000-0000-4000-8000-{n:012x}, name: a{n}, rotate: {{ secret: {{ hint: "{hint}" }},'
    " publish: {{ store: ir, name: a{n} }}, hold: {{ time: 0s }} }} }}\n"
)
PEOPLE = ("ann", "ben")


def playbook(targets):
    def hint(n):
        return LETTERS[n % 62] + LETTERS[n // 62 % 62] + LETTERS[n // 3844 % 62]

    return HEAD.format(n=targets) + "".join(TARGET.format(n=n, hint=hint(n)) for n in range(1, targets + 1))


def end_of(file):
    """The end of what was said, and no more in memory: Linux counts the peak of whoever starts a process as that process's own."""
    with open(file, "rb") as said:
        said.seek(max(0, file.stat().st_size - 4000))
        return said.read().decode(errors="replace")


def measured(folder, *words, codes=(0,)):
    """Processor seconds, seconds by the clock and the largest resident set (MiB) of a command."""
    begun = time.monotonic()
    with open(folder / f"{words[0]}.out", "wb") as out:
        child = subprocess.Popen([PROGRAM, *words], cwd=folder, stdout=out, stderr=out)
        _, status, usage = os.wait4(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    said = end_of(folder / f"{words[0]}.out")
    assert code in codes, f"{words}: {code}\n{said}"
    return usage.ru_utime + usage.ru_stime, time.monotonic() - begun, usage.ru_maxrss / 1024


def people(folder):
    roster = "reissue_roster: 1\npeople:\n"
    for name in PEOPLE:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
        public = (folder / f"{name}.pub").read_text().strip()
        roster += f'  - {{ name: {name}@agency.example, role: security-officer, keys: [ "{public}" ] }}\n'
    (folder / "roster.yaml").write_text(roster)


def lab_of(folder):
    """A lab of the folder's playbook, in a process of its own."""
    with open(folder / "lab.out", "wb") as out:
        return subprocess.Popen([PROGRAM, "lab", "playbook.yaml", "--fast=100"], cwd=folder, stdout=out, stderr=out)


def wait_for(lab, folder):
    while not (folder / "lab/lab.json").exists():
        assert lab.poll() is None, (folder / "lab.out").read_text()
        time.sleep(0.05)


def figures(targets):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "playbook.yaml").write_text(playbook(targets))
        people(folder)
        lab = lab_of(folder)
        try:
            wait_for(lab, folder)
            words = ("--tenant", TENANT, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab")
            measured(folder, "init", *words)
            plan = measured(folder, "plan", "playbook.yaml", "--author", "op@agency.example", "--lab", "lab")
            for name in PEOPLE:
                measured(folder, "approve", "plan.jsonl", "--by", f"{name}@agency.example", "--key", name)
            apply = measured(folder, "apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--pace", "100", codes=(0, 7))
            done = end_of(folder / "apply.out").strip().splitlines()[-8:]
        finally:
            lab.terminate()
            lab.wait()
        size = (folder / "plan.jsonl").stat().st_size / targets
        for name, (seconds, clock, peak) in (("plan", plan), ("apply", apply)):
            print(f"| {targets} | {name} | {peak:.0f} | {seconds:.2f} | {clock:.1f} |", flush=True)
        print(f"  a line of plan: {size:.0f} bytes;", " / ".join(done), flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # With backtraces on, each refusal that is expected would cost one: a twentieth of the whole.
    os.environ["RUST_BACKTRACE"] = "0"
    print("| targets | command | peak, MiB | processor, s | clock, s |\n|---|---|---|---|---|", flush=True)
    for number in map(int, sys.argv[1:] or ["100", "1000", "10000"]):
        figures(number)
