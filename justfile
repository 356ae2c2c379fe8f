# One line per task; `just --list` shows them.

# everything a change must pass
ci:
    .ci/run

# format, lint, test
check:
    cargo fmt && cargo clippy --all-targets -- -D warnings && cargo test

# rehearse a playbook with no cloud at all
drill playbook="playbooks/leaked-app-secret.yaml":
    cargo run --quiet -- drill {{playbook}}

# kill `apply` so often, ten times a run, in a hostile lab over TLS
crash-test kills="200":
    CRASH_KILLS={{kills}} CRASH_SEED=${CRASH_SEED:-$(date +%s)} CRASH_HOSTILE=1 cargo test --test crash -- --nocapture

# any bytes as one kind of file (`cargo fuzz list` in fuzz/ names them), or `all`, for so many seconds each
fuzz target="all" seconds="60":
    sh fuzz/run.sh {{target}} {{seconds}}

# one seed of the simulator, told line by line: virtual time, event, fault
sim seed:
    SIM_SEED={{seed}} cargo test --quiet --test sim promises -- --nocapture

# many seeds, from `first` on; ends with how often each thing happened
sim-many seeds first="0":
    SIM_SEEDS={{seeds}} SIM_FIRST={{first}} cargo test --profile sim --test sim promises -- --nocapture

# deliberately broken engines must be caught by the simulator; prints the table
bent:
    cargo test --features bent --test bent -- --nocapture

# the report in a browser: headings, keyboard, axe, print, hostile names; pictures in target/browser/pictures
browser:
    sh tests/browser/run.sh

# official clients against the lab (add --with-az for azure-cli)
clients *flags:
    sh tests/clients/run.sh {{flags}}

# everything the lab answered, against the official API descriptions (with ../shared)
contract:
    LAB_RECORDING=target/clients.jsonl sh tests/clients/run.sh --with-az
    sh tests/clients/contract.sh target/clients.jsonl

# Blob clients against Azurite, Microsoft's emulator of the storage service, from npm.
azurite:
    bash tests/clients/azurite.sh
