#!/bin/sh
# Holds everything the lab was seen to answer against the official API descriptions: what the
# official clients asked, the recorded requests, a run that a vault countersigns,
# and a drill of every playbook. The last line is
# `contract: passed` or `contract: skipped (no ../shared)`; anything else fails.
# Usage: contract.sh CLIENTS-RECORDING, as tests/clients/run.sh leaves it with LAB_RECORDING.
set -eu
clients=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
shared=../shared
check=$shared/tools/contract-check
if [ ! -e "$check" ]; then
    echo "contract: skipped (no ../shared)"
    exit 0
fi

work=$root/target/contract
mkdir -p "$work"
rm -f "$work"/*.jsonl
cp "$clients" "$work/clients.jsonl"
LAB_RECORDING=$work/requests.jsonl cargo test --quiet --test lab requests:: >/dev/null
LAB_RECORDING=$work/countersign.jsonl cargo test --quiet --test desk countersign::a_key >/dev/null
cargo build --quiet --bin reissue
for playbook in playbooks/*.yaml; do
    target/debug/reissue drill "$playbook" --record "$work/drills.jsonl" >/dev/null
done

python=$work/venv/bin/python
if [ ! -e "$work/venv/installed" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet -r "$shared/tools/requirements.txt"
    touch "$work/venv/installed"
fi
# A judge that finds nothing must first be seen to find something.
"$python" -B "$check" --self-test
# One by one: an empty recording is unusable input, not a pass.
passed=yes
for recording in clients requests countersign drills; do
    printf '%s: ' "$recording"
    "$python" -B "$check" "$work/$recording.jsonl" || passed=no
done
if [ "$passed" = no ]; then
    echo "contract: failed: the lab contradicts an API description, or was asked what none describes" >&2
    exit 1
fi
echo "contract: passed"
