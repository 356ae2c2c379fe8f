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

# deliberately broken engines must be caught by the simulator; prints the table
bent:
    cargo test --features bent --test bent -- --nocapture

# official clients against the lab (add --with-az for azure-cli)
clients *flags:
    sh tests/clients/run.sh {{flags}}

# everything the lab answered, against the official API descriptions (with ../shared)
contract:
    LAB_RECORDING=target/clients.jsonl sh tests/clients/run.sh --with-az
    sh tests/clients/contract.sh target/clients.jsonl
