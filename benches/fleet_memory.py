"""The memory of a fleet's run, with the real program and each tenant's lab in a process of its own.

    cargo build --release && REISSUE=target/release/reissue python3 benches/fleet_memory.py [TENANTS...]     (default: 10 50)

For each number of tenants: so many labs over TLS on loopback, a hundred times faster than the cloud (`lab --fast=100`), each with
twenty application secrets and a hold of twenty seconds, in which all that the fleet has begun is held at once; a home each, `plan --fleet`, two people's
signatures on each plan, and `apply --fleet` to its end. Printed are the largest resident set of `plan` and of `apply`, their processor
time, and how long the clock ran: what a tenant costs is the difference between two rows. Needs what `memory.py` needs.
"""

import os
import pathlib
import resource
import sys
import tempfile

from memory import PEOPLE, TENANT, end_of, lab_of, measured, people, playbook, wait_for

TARGETS = 20


def tenant_of(number):
    return f"{TENANT[:-12]}{number:012x}"


def row(number):
    return f"  - {{ name: t{number}, home: t{number}/home, playbook: t{number}/playbook.yaml, plan: t{number}/plan.jsonl, lab: t{number}/lab, pace: 100 }}\n"


def lab_of_tenant(folder, number):
    place = folder / f"t{number}"
    place.mkdir()
    text = playbook(TARGETS).replace(TENANT, tenant_of(number)).replace("hold: { time: 0s }", "hold: { time: 20s }")
    (place / "playbook.yaml").write_text(text)
    return lab_of(place)


def figures(tenants):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        people(folder)
        (folder / "fleet.yaml").write_text("reissue_fleet: 1\ntenants:\n" + "".join(map(row, range(tenants))))
        labs = [lab_of_tenant(folder, number) for number in range(tenants)]
        try:
            for number, lab in enumerate(labs):
                wait_for(lab, folder / f"t{number}")
                words = ("--tenant", tenant_of(number), "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab")
                measured(folder, "init", "--home", f"t{number}/home", *words)
            plan = measured(folder, "plan", "--fleet", "fleet.yaml", "--author", "op@agency.example")
            for number in range(tenants):
                for name in PEOPLE:
                    key = ("--by", f"{name}@agency.example", "--key", name)
                    measured(folder, "approve", f"t{number}/plan.jsonl", *key, "--home", f"t{number}/home")
            words = ("--fleet", "fleet.yaml", "--operator", "op", "--patience", "1h")
            apply = measured(folder, "apply", *words)
            done = end_of(folder / "apply.out").strip().splitlines()[-1]
        finally:
            for lab in labs:
                lab.terminate()
            for lab in labs:
                lab.wait()
        for name, (seconds, clock, peak) in (("plan", plan), ("apply", apply)):
            print(f"| {tenants} | {name} | {peak:.0f} | {seconds:.2f} | {clock:.1f} |", flush=True)
        print(f"  {done}", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ["RUST_BACKTRACE"] = "0"
    print("| tenants | command | peak, MiB | processor, s | clock, s |\n|---|---|---|---|---|", flush=True)
    for number in map(int, sys.argv[1:] or ["10", "50"]):
        figures(number)
