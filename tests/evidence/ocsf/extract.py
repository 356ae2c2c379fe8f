"""Writes down what OCSF says of the classes and objects that the export uses.

    python3 tests/evidence/ocsf/extract.py SCHEMA_REPOSITORY COMMIT > tests/evidence/ocsf/VERSION.json

The schema is github.com/ocsf/ocsf-schema (Apache-2.0). Kept are requirement, type, enum, label and
deprecation of every attribute, the constraints, and the profile `host`; descriptions and other
profiles are left out.
"""

import json
import subprocess
import sys

REPOSITORY, COMMIT = sys.argv[1:3]
CLASSES = {
    "iam": ["account_change", "authentication", "entity_management", "user_management"],
    "application": ["application_lifecycle", "api_activity"],
}
OBJECTS = [
    "actor", "api", "application", "authorization", "managed_entity", "metadata", "network_endpoint", "policy",
    "product", "programmatic_credential", "request", "resource_details", "response", "service", "user",
]


def show(path):
    found = subprocess.run(
        ["git", "-C", REPOSITORY, "show", f"{COMMIT}:{path}"], capture_output=True, text=True, check=False
    )
    return json.loads(found.stdout) if found.returncode == 0 else None


dictionary = show("dictionary.json")
types = dictionary["types"]["attributes"]
categories = show("categories.json")["attributes"]


def kind(name):
    while name in types and "type" in types[name]:
        name = types[name]["type"]
    return name


def attribute(name, said):
    known = dictionary["attributes"].get(name, {})
    of_type = said.get("type", known.get("type", "string_t"))
    is_object = of_type not in types
    enum = {k: v["caption"] for k, v in {**known.get("enum", {}), **said.get("enum", {})}.items()}
    out = {"type": f"object:{of_type}" if is_object else kind(of_type)}
    if known.get("is_array") or said.get("is_array"):
        out["array"] = True
    if said.get("requirement") == "required":
        out["required"] = True
    if enum:
        out["enum"] = enum
        sibling = said.get("sibling", known.get("sibling"))
        if sibling:
            out["label"] = sibling
    if "@deprecated" in said or "@deprecated" in known:
        out["deprecated"] = True
    return out


def merged(path, folder):
    """A class or object with what it extends; profiles are not applied."""
    own = show(path)
    above, attributes, constraints = own.get("extends"), {}, {}
    if above and above not in ("object", own["name"]):
        place = f"{folder}/{above}.json"
        place = place if show(place) else f"{folder.split('/')[0]}/{above}.json"
        _, attributes, constraints = merged(place, folder)
    for name, said in own["attributes"].items():
        if name.startswith("$") or said.get("profile"):
            continue
        before = attributes.get(name, {})
        enum = {**before.get("enum", {}), **said.get("enum", {})}
        attributes[name] = {**before, **said, **({"enum": enum} if enum else {})}
    return own, attributes, own.get("constraints") or constraints


def told(own, attributes, constraints):
    out = {"attributes": {n: attribute(n, a) for n, a in sorted(attributes.items())}}
    if constraints:
        out["constraints"] = constraints
    if "@deprecated" in own:
        out["deprecated"] = own["@deprecated"]["since"]
    return out


out = {"version": show("version.json")["version"], "commit": COMMIT, "classes": {}, "objects": {}}
for category, names in CLASSES.items():
    for name in names:
        path = f"events/{category}/{name}.json"
        if show(path) is None:
            continue
        own, attributes, constraints = merged(path, f"events/{category}")
        of = categories[category]
        uid = str(of["uid"] * 1000 + own["uid"])
        head = {"caption": own["caption"], "category_uid": of["uid"], "category_name": of["caption"]}
        out["classes"][uid] = {**head, **told(own, attributes, constraints)}
for name in OBJECTS:
    if show(f"objects/{name}.json"):
        out["objects"][name] = told(*merged(f"objects/{name}.json", "objects"))
# Every class may have it: it includes it from the base event.
host = show("profiles/host.json")["attributes"]
out["profiles"] = {"host": {n: attribute(n, a) for n, a in sorted(host.items())}}
print(json.dumps(out, indent=1, sort_keys=True))
