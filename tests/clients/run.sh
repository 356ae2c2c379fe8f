#!/bin/sh
# Judges the lab by the official clients: starts it on loopback and drives the Python SDKs
# against it; with --with-az (a large install) azure-cli too, and reissue with az's tokens.
# Refusals are part of it, and recorded like the rest: they have described shapes as well.
# The virtual environments are kept in target/clients and reused.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/target/clients
mkdir -p "$work"

venv() { # NAME PACKAGE...
    name=$1
    shift
    if [ ! -e "$work/$name/installed" ]; then
        python3 -m venv "$work/$name"
        "$work/$name/bin/pip" install --quiet "$@"
        touch "$work/$name/installed"
    fi
}

venv sdk -r "$here/requirements.txt"
if [ "${1:-}" = --with-az ]; then
    venv az azure-cli==2.91.0
fi

cd "$root"
cargo build --quiet --example lab_server --bin reissue
folder=$(mktemp -d)
"$root/target/debug/examples/lab_server" "$folder" "${LAB_PORT:-0}" &
server=$!
trap 'kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT INT TERM
tries=0
until [ -e "$folder/lab.json" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "the lab did not start" >&2; exit 1; }
    sleep 0.1
done

"$work/sdk/bin/python" -B "$here/sdk.py" "$folder"
if [ "${1:-}" = --with-az ]; then
    sh "$here/azure_cli.sh" "$folder" "$work/az/bin/az"
    sh "$here/as_azure_cli.sh" "$folder/desk" "$work/az/bin/az" "$root/target/debug/reissue" "$folder/desk.jsonl"
    cat "$folder/desk.jsonl" >>"$folder/exchanges.jsonl"
fi
if [ -n "${LAB_RECORDING:-}" ]; then
    cp "$folder/exchanges.jsonl" "$LAB_RECORDING"
fi
