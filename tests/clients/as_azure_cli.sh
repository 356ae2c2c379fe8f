#!/bin/sh
# Runs reissue with `--as azure-cli` against `reissue lab`, its tokens from the real az, which is
# signed in by certificate. Usage: as_azure_cli.sh NEW-FOLDER AZ REISSUE RECORDING.
set -eu
top=$1 az=$2 reissue=$3 recording=$4
here=$(cd "$(dirname "$0")" && pwd)
playbook=$here/../cases/desk.yaml
tenant=7d3c9a10-0000-4000-8000-000000000001

mkdir -p "$top"
cd "$top"
folder=$top/lab
"$reissue" lab "$playbook" --fast --record "$recording" >lab.out 2>&1 &
lab=$!
trap 'kill "$lab" 2>/dev/null' EXIT INT TERM
tries=0
until [ -e lab/lab.json ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { cat lab.out >&2; exit 1; }
    sleep 0.1
done
. "$here/az.sh"

# reissue looks for az in the PATH.
PATH=$(dirname "$az"):$PATH
ssh-keygen -q -t ed25519 -N '' -C ann -f ann
cat >roster.yaml <<ROSTER
reissue_roster: 1
quorum_at_least: 1
people:
  - { name: ann@agency.example, role: security-officer, keys: [ "$(cat ann.pub)" ] }
ROSTER
"$reissue" init --tenant "$tenant" --cloud us_gov_high --roster roster.yaml --lab >/dev/null

# Nobody is signed in to az: nothing falls through to somebody else.
if "$reissue" doctor --playbook "$playbook" --as azure-cli --lab lab >doctor.out 2>&1; then
    fail "the doctor is content although nobody is signed in to az"
fi
grep -q "Please run 'az login'" doctor.out && grep -q -e '-> run `az login' doctor.out || fail "the doctor does not say to run az login: $(cat doctor.out)"
checks=$((checks + 1))

"$az" login --service-principal -u "$(field operator.json client_id)" --certificate "$top/lab/operator.pem" \
    --tenant "$tenant" >/dev/null
"$reissue" doctor --playbook "$playbook" --as azure-cli --lab lab >doctor.out 2>&1 || fail "$(cat doctor.out)"
grep -q 'the account signed in to the Azure CLI' doctor.out || fail "who acts is not said: $(cat doctor.out)"
checks=$((checks + 1))

plan() { # FILE OPTIONS...
    out=$1
    shift
    "$reissue" plan "$playbook" --author op@agency.example --out "$out" --lab lab "$@" >plan.out 2>&1 || fail "$(cat plan.out)"
}
identity() {
    python3 -c 'import json,sys; print(json.loads(open(sys.argv[1]).readline())["identity"])' "$1"
}
plan by-az.jsonl --as azure-cli
plan by-secret.jsonl
check "who acts, by az and by secret" "$(identity by-az.jsonl)" "$(identity by-secret.jsonl)"
check "targets planned by az" "$(wc -l <by-az.jsonl)" "$(wc -l <by-secret.jsonl)"
echo "reissue --as azure-cli: $checks checks passed"
