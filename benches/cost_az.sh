#!/bin/sh
# The rotations of benches/cost.py by azure-cli: cost_az.sh FOLDER AZ ROTATIONS. The signing in does not count.
set -eu
folder=$1 az=$2 rotations=$3
here=$(cd "$(dirname "$0")/../tests/clients" && pwd)
. "$here/az.sh" >/dev/null

"$az" login --service-principal -u "$(field operator.json client_id)" --password="$(field operator.json client_secret)" \
    --tenant "$(field lab.json tenant)" >/dev/null
echo begin
n=1
while [ "$n" -le "$rotations" ]; do
    app=$(printf '8a1d0000-0000-4000-8000-%012x' "$n")
    old=$("$az" ad app credential list --id "$app" --query '[0].keyId')
    new=$("$az" ad app credential reset --id "$app" --append --display-name az --query password)
    "$az" keyvault secret set --vault-name lab -n "app-$n" --value="$new" >/dev/null
    "$az" ad app credential delete --id "$app" --key-id "$old"
    n=$((n + 1))
done
echo end
