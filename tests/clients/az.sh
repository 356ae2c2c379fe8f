# Sourced by the scripts that drive azure-cli: its environment, and the lab as a registered cloud.
# Needs $here, this folder; $az, the path of az; and $folder, with lab.json and ca.pem.

field() { # FILE KEY
    python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$folder/$1" "$2"
}

checks=0
check() { # WHAT FOUND EXPECTED
    if [ "$2" != "$3" ]; then
        echo "FAILED: $1: expected '$3', got '$2'" >&2
        exit 1
    fi
    checks=$((checks + 1))
}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

export PYTHONPATH="$here/site" REQUESTS_CA_BUNDLE="$folder/ca.pem" AZURE_CORE_INSTANCE_DISCOVERY=false
export AZURE_CONFIG_DIR="$folder/azure" AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_OUTPUT=tsv
export AZURE_CORE_ONLY_SHOW_ERRORS=true PYTHONDONTWRITEBYTECODE=1
port=$(field lab.json port)

"$az" cloud register -n Lab --endpoint-active-directory "https://login.lab.test:$port" \
    --endpoint-active-directory-resource-id "https://management.lab.test:$port/" \
    --endpoint-resource-manager "https://management.lab.test:$port" \
    --endpoint-management "https://management.lab.test:$port/" \
    --endpoint-microsoft-graph-resource-id "https://graph.lab.test:$port/" \
    --endpoint-active-directory-graph-resource-id "https://graph.lab.test:$port/" \
    --endpoint-gallery "https://gallery.lab.test:$port/" \
    --suffix-keyvault-dns ".vault.lab.test:$port" --suffix-storage-endpoint "lab.test:$port"
"$az" cloud set -n Lab
