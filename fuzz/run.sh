#!/bin/sh
# Fuzzes one target, or all of them, for so many seconds each:
#   sh fuzz/run.sh TARGET|all SECONDS
# Works with a stable compiler: without sanitizers, which safe Rust needs least. What is found lies
# in fuzz/artifacts/TARGET; `cargo fuzz run TARGET FILE` repeats it.
set -eu
cd "$(dirname "$0")"
target=${1:?name a target, or all}
seconds=${2:-60}
[ "$target" != all ] || target=$(cargo fuzz list)
for one in $target; do
    # What the fuzzer learns stays out of the repository; it begins with the committed seeds.
    learned=../target/fuzz-corpus/$one
    mkdir -p "$learned"
    case $one in
    playbook) seeds="../tests/cases/check ../playbooks" ;;
    *) seeds=seeds/$one ;;
    esac
    # shellcheck disable=SC2086
    cargo fuzz run --sanitizer none --target-dir ../target/fuzz "$one" "$learned" $seeds -- \
        -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1
done
