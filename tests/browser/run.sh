#!/bin/sh
# The report as people meet it: a browser opens it from the disk, with no network and no scripts.
# Needs node, npm, chromium and pdftotext; packages are kept in target/browser and reused, pictures
# of every page are left there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/target/browser
mkdir -p "$work"

if ! cmp -s "$here/package.json" "$work/package.json"; then
    cp "$here/package.json" "$work/package.json"
    (cd "$work" && npm install --silent --no-audit --no-fund)
fi
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}

rm -rf "$work/pages" "$work/pictures"
mkdir "$work/pages" "$work/pictures"
cd "$root"
cargo run --quiet --example report_pages -- "$work/pages"
cp "$here/report.mjs" "$here/page.mjs" "$work/"
(cd "$work" && CHROMIUM=$chromium node report.mjs pages pictures)
python3 -B "$here/tables.py" "$work/pages/good" "$work/pages/hostile"
