"""What a large run costs: time, memory and sizes of verify and report, with the real program.

    cargo build && python3 benches/figures.py [TARGETS...]          (default: 40 400 1600)
    REISSUE=target/release/reissue python3 benches/figures.py 10000

Each number of targets is rehearsed once (`reissue drill --keep`, in virtual time); then every command
reads that log three times, each in a process of its own, and the best counts. Time is the processor's
(user and system), so that what else runs does not count; memory is the largest resident set. Needs Python 3 and Linux; writes into a temporary folder only.
"""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile

PROGRAM = pathlib.Path(os.environ.get("REISSUE", "target/debug/reissue")).resolve()
HEAD = """reissue: 1
incident: {{ id: INC-2024-0402, title: Figures, exposed_since: 2024-03-28T09:15:00Z }}
tenant: {{ id: 7d3c9a10-0000-4000-8000-000000000001, cloud: us_gov_high }}
stores: {{ ir: {{ key_vault: https://kv-ir.vault.usgovcloudapi.net }} }}
approval: {{ quorum: 2, valid_for: 72h }}
guardrails: {{ rotate_at_most: {n} }}
targets:
"""
# Short: a line for each target.
TARGET = (
    '  - {{ app: 8a1d0000-0000-4000-8000-{n:012x}, name: a{n}, rotate: {{ secret: {{ hint: "{hint}" }},'
    ' publish: {{ store: ir, name: a{n} }}, hold: {{ time: 1h }} }} }}\n'
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def playbook(targets):
    def hint(n):
        return LETTERS[n % 62] + LETTERS[n // 62 % 62] + LETTERS[n // 3844 % 62]

    return HEAD.format(n=targets) + "".join(TARGET.format(n=n, hint=hint(n)) for n in range(1, targets + 1))


def measured(arguments, folder, codes, times=3):
    """Least time and largest resident set of a command, in seconds and MiB."""
    best, peak = float("inf"), 0
    for attempt in range(times):
        words = [word.replace("{attempt}", str(attempt)) for word in arguments]
        child = subprocess.Popen([PROGRAM, *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in codes, f"{words}: {code}\n{said.decode()}"
        best, peak = min(best, usage.ru_utime + usage.ru_stime), max(peak, usage.ru_maxrss / 1024)
    return best, peak


def size(*paths):
    return sum(path.stat().st_size for path in paths) / (1 << 20)


def figures(targets):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "playbook.yaml").write_text(playbook(targets))
        drill = measured(["drill", "playbook.yaml", "--keep", "home"], folder, (0, 7), times=1)
        log = folder / "home/log/events.jsonl"
        lines = sum(1 for _ in log.open("rb"))
        verify = measured(["audit", "verify", "--home", "home"], folder, (0, 3, 4))
        one = measured(["report", "--home", "home", "--out", "report-{attempt}.html"], folder, (0,))
        everything = measured(["report", "--home", "home", "--out", "all-{attempt}"], folder, (0,))
        siem = measured(["report", "--home", "home", "--ocsf", "1.8", "--out", "o-{attempt}.jsonl"], folder, (0,))
        bundle = measured(["audit", "export", "--home", "home", "--out", "b-{attempt}.tar"], folder, (0,))
        print(f"\n{targets} targets, {lines} lines of log ({size(log):.1f} MiB); rehearsed in {drill[0]:.0f} s, {drill[1]:.0f} MiB")
        print("| command | processor s | MiB | processor lines/s | writes |\n|---|---|---|---|---|")
        for name, (seconds, peak), *made in [
            ("audit verify", verify),
            ("report, page and what lies beside it", one, *folder.glob("report-0*.html")),
            ("report, JSON of it", everything, folder / "all-0/report.json"),
            ("report --ocsf 1.8", siem, folder / "o-0.jsonl"),
            ("audit export", bundle, folder / "b-0.tar"),
        ]:
            writes = f"{size(*made):.1f} MiB in {len(made)}" if made else "-"
            print(f"| {name} | {seconds:.2f} | {peak:.0f} | {lines / seconds:,.0f} | {writes} |", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in map(int, sys.argv[1:] or ["40", "400", "1600"]):
        figures(number)
