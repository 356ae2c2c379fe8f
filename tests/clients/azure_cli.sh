#!/bin/sh
# Drives azure-cli against a served lab: login, credentials of an application, secrets of a vault.
# Usage: azure_cli.sh FOLDER AZ, with the folder of lab.json and the path of az.
set -eu
folder=$1 az=$2
here=$(cd "$(dirname "$0")" && pwd)
app=aaaaaaaa-0000-4000-8000-000000000002
. "$here/az.sh"

if "$az" login --service-principal -u "$(field operator.json client_id)" -p wrong --tenant "$(field lab.json tenant)" 2>"$folder/az.err"; then
    fail "a wrong secret signed in"
fi
grep -q AADSTS7000215 "$folder/az.err"
"$az" login --service-principal -u "$(field operator.json client_id)" --password="$(field operator.json client_secret)" \
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
    fail "an unknown key id was deleted"
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
