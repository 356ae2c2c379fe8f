#!/bin/sh
# The parsers for Microsoft Sentinel, judged by Microsoft's own parser of their language: syntax, functions
# and the columns that dcr.json declares. Needs node and npm; the package is kept in target/kql and reused.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/target/kql
mkdir -p "$work"

if ! cmp -s "$here/package.json" "$work/package.json" || [ ! -d "$work/node_modules" ]; then
    cp "$here/package.json" "$work/package.json"
    if ! (cd "$work" && npm install --silent --no-audit --no-fund); then
        rm "$work/package.json"
        echo "not run: @kusto/language-service-next cannot be had here" >&2
        exit 0
    fi
fi
node "$here/check.cjs" "$work/node_modules/@kusto/language-service-next" "$root/integrations/sentinel"
