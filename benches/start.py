"""What it costs to start: `reissue --version`, and `reissue check` of a playbook with 10,000 targets.

    cargo build --release && REISSUE=target/release/reissue python3 benches/start.py [TARGETS]

Instructions are counted by `perf stat` (user space) if the machine lets it, else by valgrind's callgrind;
where there is neither, the column says so. Time is the processor's (user and system), the best of ten
processes; memory is the largest resident set. Needs Python 3 and Linux; writes into a temporary folder only.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import figures


def by_perf(words, folder):
    command = ["perf", "stat", "-x,", "-e", "instructions:u", figures.PROGRAM, *words]
    said = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    counted = re.search(r"^(\d+),.*instructions", said.stderr, re.MULTILINE)
    return int(counted[1]) if said.returncode == 0 and counted else None


def by_callgrind(words, folder):
    out = pathlib.Path(folder) / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", figures.PROGRAM, *words]
    said = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    counted = re.search(r"Collected : (\d+)", said.stderr)
    return int(counted[1]) if said.returncode == 0 and counted else None


def instructions(words, folder):
    for tool, count in (("perf", by_perf), ("valgrind", by_callgrind)):
        if shutil.which(tool):
            counted = count(words, folder)
            if counted is not None:
                return f"{counted / 1e6:,.1f} million ({tool})"
    return "not counted: neither perf nor valgrind can"


def main():
    targets = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        playbook = pathlib.Path(folder) / "playbook.yaml"
        playbook.write_text(figures.playbook(targets))
        print(f"{figures.PROGRAM}, {os.path.getsize(figures.PROGRAM) / (1 << 20):.1f} MiB; {targets:,} targets, ", end="")
        print(f"{playbook.stat().st_size / (1 << 20):.1f} MiB\n")
        print("| command | instructions | processor | peak |\n|---|---|---|---|")
        for words in (["--version"], ["check", "playbook.yaml"]):
            seconds, peak = figures.measured(words, folder, {0}, times=10)
            print(f"| `reissue {words[0]}` | {instructions(words, folder)} | {seconds * 1000:.1f} ms | {peak:.1f} MiB |")


if __name__ == "__main__":
    main()
