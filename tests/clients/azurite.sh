#!/usr/bin/env bash
# Brings Azurite (Microsoft's emulator of the storage service) from npm and lets the blob clients loose on it.
set -euo pipefail
cd "$(dirname "$0")/../.."

at=target/azurite
[ -x "$at/node_modules/.bin/azurite-blob" ] || npm install --silent --no-audit --no-fund --prefix "$at" azurite@3.35.0
AZURITE_BLOB="$PWD/$at/node_modules/.bin/azurite-blob" cargo test --test azure azurite -- --ignored
