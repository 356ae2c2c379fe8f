#!/bin/sh
# Drives azure-cli against a served lab: login, credentials of an application, secrets of a vault.
# Usage: azure_cli.sh FOLDER AZ, with the folder of lab.json and the path of az.
set -eu
folder=$1 az=$2
here=$(cd "$(dirname "$0")" && pwd)
field() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$folder/$1" "$2"; }
port=$(field lab.json port)
app=aaaaaaaa-0000-4000-8000-000000000002

export PYTHONPATH="$here/site" REQUESTS_CA_BUNDLE="$folder/ca.pem" AZURE_CORE_INSTANCE_DISCOVERY=false
export AZURE_CONFIG_DIR="$folder/azure" AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_OUTPUT=tsv AZURE_CORE_ONLY_SHOW_ERRORS=true PYTHONDONTWRITEBYTECODE=1

checks=0
check() {
    if [ "$2" != "$3" ]; then
        echo "FAILED: $1: expected '$3', got '$2'" >&2
        exit 1
    fi
    checks=$((checks + 1))
}

"$az" cloud register -n Lab --endpoint-active-directory "https://login.lab.test:$port" \
    --endpoint-active-directory-resource-id "https://management.lab.test:$port/" \
    --endpoint-resource-manager "https://management.lab.test:$port" \
    --endpoint-management "https://management.lab.test:$port/" \
    --endpoint-microsoft-graph-resource-id "https://graph.lab.test:$port/" \
    --endpoint-active-directory-graph-resource-id "https://graph.lab.test:$port/" \
    --endpoint-gallery "https://gallery.lab.test:$port/" \
    --suffix-keyvault-dns ".vault.lab.test:$port" --suffix-storage-endpoint "lab.test:$port"
"$az" cloud set -n Lab
if "$az" login --service-principal -u "$(field operator.json client_id)" -p wrong --tenant "$(field lab.json tenant)" 2>"$folder/az.err"; then
    echo "FAILED: a wrong secret signed in" >&2
    exit 1
fi
grep -q AADSTS7000215 "$folder/az.err"
"$az" login --service-principal -u "$(field operator.json client_id)" -p "$(field operator.json client_secret)" \
    --tenant "$(field lab.json tenant)" >/dev/null
check "list by name" "$("$az" ad app list --display-name app-0002 --query '[].appId')" "$app"
check "show" "$("$az" ad app show --id "$app" --query displayName)" app-0002
check "secrets before" "$("$az" ad app credential list --id "$app" --query 'length(@)')" 1
"$az" ad app credential reset --id "$app" --append --display-name rot-1 --query password >/dev/null
sleep 3
check "secrets after" "$("$az" ad app credential list --id "$app" --query 'length(@)')" 2
old=$("$az" ad app credential list --id "$app" --query "[?displayName!='rot-1'].keyId")
"$az" ad app credential delete --id "$app" --key-id "$old"
sleep 3
check "secrets at the end" "$("$az" ad app credential list --id "$app" --query '[].displayName')" rot-1
if "$az" ad app credential delete --id "$app" --key-id "$old" 2>"$folder/az.err"; then
    echo "FAILED: an unknown key id was deleted" >&2
    exit 1
fi
check "service principal" "$("$az" ad sp show --id "$app" --query appId)" "$app"
check "user" "$("$az" ad user show --id user1@lab.test --query userPrincipalName)" user1@lab.test
"$az" keyvault secret set --vault-name lab -n az1 --value v1 --tags a=b >/dev/null
"$az" keyvault secret set --vault-name lab -n az1 --value v2 >/dev/null
check "newest secret" "$("$az" keyvault secret show --vault-name lab -n az1 --query value)" v2
check "versions" "$("$az" keyvault secret list-versions --vault-name lab -n az1 --query 'length(@)')" 2
"$az" rest --method PATCH --url "https://graph.lab.test:$port/v1.0/applications(appId='$app')" --body '{"isDisabled": true}' \
    --resource "https://graph.lab.test:$port/"
sleep 3
check "disabled" "$("$az" rest --url "https://graph.lab.test:$port/v1.0/applications(appId='$app')?\$select=isDisabled" --resource "https://graph.lab.test:$port/" --query isDisabled)" true
echo "azure-cli: $checks checks passed"
