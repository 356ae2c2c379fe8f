#!/usr/bin/env python3
"""Judges a reissue log, or a bundle of one, without reissue. Python 3.8+, standard library only.

    python3 reissue_verify.py FOLDER_OR_TAR VKEY [ANCHOR_FILE | WITNESS_VKEY | VAULT_VKEY ...]

VKEY is the log's public key, from where it was kept when the log was begun or handed over: never from the bundle. An
ANCHOR_FILE is a checkpoint of this log that somebody kept elsewhere; a WITNESS_VKEY is the key of a witness (C2SP
tlog-cosignature) whose cosignatures in the folder `anchors` count; a VAULT_VKEY is the key that countersigns checkpoints.
For time stamps, the openssl command is printed. Approvals that a card signed (CMS) are checked by OpenSSL 3, if it is
there: in a temporary folder; beside that nothing is written, and no network is asked.

Exit codes: 0 intact, anchored and complete; 1 tampered; 2 wrong usage or unreadable; 3 consistent, but NOT anchored;
4 intact as far as it goes, but not complete. It was written apart from reissue, so that the two can disagree."""
import base64, hashlib, json, os, re, subprocess, sys, tarfile, tempfile
from datetime import datetime, timezone

# ---- Ed25519 (RFC 8032, 5.1), verification only -----------------------------------------------------------------
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)
SKEW = 300000  # milliseconds between two clocks, or between a clearance and its intent
def recover(data):
    """The point that 32 bytes stand for, in extended coordinates; None if they stand for none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    x = x * ROOT % P if (x * x - x2) % P else x
    if len(data) != 32 or y >= P or (x * x - x2) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)
def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)
def times(n, p, add=add, q=(0, 1, 1, 0)):
    while n:
        q, p, n = (add(q, p) if n & 1 else q), add(p, p), n >> 1
    return q
def ed25519(key, message, signature):
    a, r, s = recover(key), recover(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or len(signature) != 64 or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    p, q = times(s, recover((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))), add(r, times(k, a))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0

# ---- ECDSA on P-256 (FIPS 186-5; the curve by SP 800-186), verification only ---------------------------------------
P2, N2 = 2**256 - 2**224 + 2**192 + 2**96 - 1, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G2 = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
      0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
B2 = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
def add2(p, q):
    """The sum of two points; None is the point at infinity."""
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % P2 == 0:
        return None
    up, down = (3 * p[0] * p[0] - 3, 2 * p[1]) if p == q else (q[1] - p[1], q[0] - p[0])
    m = up * pow(down, -1, P2) % P2
    x = (m * m - p[0] - q[0]) % P2
    return x, (m * (p[0] - x) - p[1]) % P2
def p256(key, message, der):
    """`key` is x and y, `der` the sequence of the two integers r and s."""
    x, y = (int.from_bytes(part, "big") for part in (key[:32], key[32:]))
    n = der[3] if len(der) > 8 else 0
    form = list(der[:3]) == [48, len(der) - 2, 2] and list(der[4 + n:6 + n]) == [2, len(der) - n - 6]
    if not form or (y * y - x * x * x + 3 * x - B2) % P2:
        return False
    r, s, z = (int.from_bytes(part, "big") for part in (der[4:4 + n], der[6 + n:], sha(message)))
    if not (0 < r < N2 and 0 < s < N2):
        return False
    w = pow(s, -1, N2)
    point = add2(times(z * w % N2, G2, add2, None), times(r * w % N2, (x, y), add2, None))
    return point is not None and point[0] % N2 == r

# ---- Merkle tree (RFC 6962, 2.1), canonical JSON (RFC 8785), checkpoints (C2SP) -----------------------------------
sha = lambda data: hashlib.sha256(data).digest()
leaf = lambda line: sha(b"\0" + line)
class Tree:
    """The right edge of a tree that grows: one hash per bit of its size."""
    def __init__(self, leaves=()):
        self.size, self.edge = 0, []
        for hash in leaves:
            self.push(hash)
    def push(self, hash, leaves=1):
        """Adds the next leaf, or the root of a complete subtree of that many leaves."""
        if leaves < 1 or leaves & leaves - 1 or self.size % leaves:
            raise ValueError("no complete subtree of %d lines begins here" % leaves)
        n, self.size = self.size // leaves, self.size + leaves
        while n & 1:
            hash, n = sha(b"\1" + self.edge.pop() + hash), n >> 1
        self.edge.append(hash)
    def root(self):
        hash = self.edge[-1] if self.edge else sha(b"")
        for left in reversed(self.edge[:-1]):
            hash = sha(b"\1" + left + hash)
        return hash
def canonical(data):
    """Reads JSON whose bytes are the only ones it can have: writing it again must give them. Whole numbers only."""
    def refuse(text):
        raise ValueError("a number that is not whole")
    value = json.loads(data.decode("utf-8"), parse_float=refuse, parse_constant=refuse)
    if json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8") != data:
        raise ValueError("not in canonical form (RFC 8785)")
    return value
def signed(note):
    """The text of a signed note, and of each signature line: the signer's name, the key's id, the signature."""
    text, _, lines = note.decode("utf-8").rpartition("\n\n")
    matches = [re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line) for line in lines.split("\n")[:-1]]
    if lines[-1:] != "\n" or not all(matches):
        raise ValueError("not a signed note")
    raws = [base64.b64decode(match[2], validate=True) for match in matches]
    return text + "\n", [(match[1], raw[:4].hex(), raw[4:]) for match, raw in zip(matches, raws)]
class Vkey:
    """A public key by its sort: 1 a log's, 2 a vault's (ECDSA), 4 a witness's. Lines of other keys are passed over."""
    def __init__(self, text, *sorts):
        self.text = text.strip()
        self.name, self.id, key = self.text.split("+", 2)
        key = base64.b64decode(key, validate=True)
        self.sort, self.key = key[0], key[1:]
        hashed = self.key if self.sort == 2 else self.name.encode() + b"\n" + key
        if self.sort not in sorts or len(key) != (92 if self.sort == 2 else 33) or self.id != sha(hashed)[:4].hex():
            raise ValueError("the key's id does not belong to its name and key, or it is of another sort")
    def own(self, note):
        text, lines = signed(note)
        return text, [signature for name, id, signature in lines if (name, id) == (self.name, self.id)]
    def open(self, note):
        """(size, root) of a checkpoint that this key signed."""
        text, own = self.own(note)
        good = own and all(ed25519(self.key, text.encode(), signature) for signature in own)
        lines = text.split("\n")
        if not good or lines[0] != self.name or str(int(lines[1])) != lines[1]:
            raise ValueError("not a checkpoint that the given key signed: changed, or signed by somebody else")
        return int(lines[1]), base64.b64decode(lines[2], validate=True)
    def cosigned(self, note):
        """When this witness cosigned a checkpoint (seconds since 1970); None if it did not."""
        text, own = self.own(note)
        for raw in own:
            time = int.from_bytes(raw[:8], "big")
            if not time or not ed25519(self.key, b"cosignature/v1\ntime %d\n%s" % (time, text.encode()), raw[8:]):
                raise ValueError("the cosignature of %s does not match the text" % self.name)
            return time
    def countersigned(self, note):
        """Whether a checkpoint bears this vault's line."""
        text, own = self.own(note)
        if not all(p256(self.key[-64:], text.encode(), signature) for signature in own):
            raise ValueError("the vault's line does not match the text: changed, or of another checkpoint")
        return bool(own)

# ---- SSH signatures (OpenSSH PROTOCOL.sshsig) ---------------------------------------------------------------------
def fields(data):
    out = []
    while data:
        n = 4 + int.from_bytes(data[:4], "big")
        if n > len(data):
            raise ValueError("a field ends too early")
        out, data = out + [data[4:n]], data[n:]
    return out
def sshsig(armor, message, namespace):
    """The key that signed (base64), and whether that is sure: kinds other than Ed25519 are for ssh-keygen to check."""
    form = r"-+BEGIN SSH SIGNATURE-+\s([\sA-Za-z0-9+/=]+)-+END SSH SIGNATURE-+\s*"
    match = re.fullmatch(form, armor.decode("ascii"))
    data = base64.b64decode("".join(match[1].split()), validate=True) if match else b""
    if data[:10] != b"SSHSIG\0\0\0\1":
        raise ValueError("not an SSH signature of version 1")
    key, space, reserved, algorithm, signature = fields(data[10:])
    if space != namespace.encode() or reserved or algorithm not in (b"sha256", b"sha512"):
        raise ValueError("signed for another purpose: %r" % space)
    parts = (space, reserved, algorithm, hashlib.new(algorithm.decode(), message).digest())
    signed = b"SSHSIG" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    sure = fields(key)[0] == b"ssh-ed25519"
    if sure and not ed25519(fields(key)[1], signed, fields(signature)[1]):
        raise ValueError("the SSH signature does not match")
    return base64.b64encode(key).decode(), sure
# ---- Signatures by a card's certificate (CMS, RFC 5652), with the list of revoked ones: OpenSSL checks them -------
def cms(text, message, authorities, at):
    """The SHA-256 of the certificate that signed, and None; or None, and why it could not be checked here."""
    block = "-----BEGIN %s-----\n[A-Za-z0-9+/=\n]+-----END %s-----\n"
    if not re.fullmatch(block % ("CMS", "CMS") + block % ("X509 CRL", "X509 CRL"), text.decode("ascii")):
        raise ValueError("not a CMS signature with a list of revoked certificates")
    try:
        version = subprocess.run(["openssl", "version"], stdout=subprocess.PIPE, timeout=60).stdout
        if not re.match(rb"OpenSSL [3-9]\.", version):
            return None, "openssl is there, but it is not OpenSSL 3"
        with tempfile.TemporaryDirectory() as folder:
            files = {"signature": text, "statement": message, "behind": authorities.encode() + text}
            names = {name: os.path.join(folder, name) for name in list(files) + ["signer", "out"]}
            for name, data in files.items():
                with open(names[name], "wb") as file:
                    file.write(data)
            ran = subprocess.run(
                ["openssl", "cms", "-verify", "-binary", "-inform", "PEM", "-in", names["signature"], "-content",
                 names["statement"], "-CAfile", names["behind"], "-no-CApath", "-no-CAstore", "-partial_chain",
                 "-verify_depth", "0", "-auth_level", "2", "-purpose", "any", "-crl_check", "-attime", str(at // 1000),
                 "-signer", names["signer"], "-out", names["out"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            if ran.returncode:
                raise ValueError("openssl refuses the CMS signature: %r" % ran.stdout[-400:])
            with open(names["signer"]) as file:
                signers = pem(file.read())
    except (OSError, subprocess.SubprocessError) as e:
        return None, "openssl cannot be run (%s)" % type(e).__name__
    if len(signers) != 1:
        raise ValueError("%d people signed the CMS signature" % len(signers))
    return sha(base64.b64decode("".join(signers[0].split()))).hex(), None
def pem(text):
    return re.findall(r"-----BEGIN CERTIFICATE-----\s([\sA-Za-z0-9+/=]+)-----END CERTIFICATE-----", text)
# ---- Who may decide: roster.yaml, as far as judging needs it --------------------------------------------------------
class Roster:
    def __init__(self, data):
        text = re.sub(r"(?m)(?:^|[ \t])#.*$", "", data.decode("utf-8"))
        blocks = ["".join(block.split()) for block in pem(text)]  # whose cards count
        self.authorities = "".join("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"
                                   % "\n".join(re.findall(".{1,64}", block)) for block in blocks)
        text = re.sub(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----", "", text)
        head, *people = re.split(r"(?:-[ \t]+|\{\s*)(?=(?:name|roles?|keys|certificates|break_glass)\s*:)", text)
        least = re.search(r"quorum_at_least:\s*(\d+)", head)
        self.digest, self.least, self.version = "sha256:" + sha(data).hex(), int(least[1]) if least else 0, 1
        seats = re.search(r"roles_at_least:\s*\{?((?:[ \t\n]*[^\n{}:,]+:\s*\d+,?)+)", head)
        pairs = re.findall(r"([^\n{}:,]+):\s*(\d+)", seats[1]) if seats else []
        self.seats, self.owners, self.roles, self.alone = {self.word(role): int(n) for role, n in pairs}, {}, {}, set()
        self.holders = {}
        for text in people:
            name = re.search(r"\bname:\s*[\"']?([^\s\"',}]+)", text)[1]
            for key in re.findall(r"[a-z0-9@.-]+\s+(AAAA[A-Za-z0-9+/=]+)", text):
                self.owners[key] = name
            for certificate in re.findall(r"\bsha256:([0-9a-f]{64})\b", text):
                self.holders[certificate] = name
            many = re.search(r"\broles:\s*(?:\[([^\]]*)\]|((?:\n\s*-[^\n]*)+))", text)
            one = re.search(r"\brole:\s*(\"[^\"]*\"|'[^']*'|[^\n,}]+)", text)
            roles = re.split(",", many[1]) if many and many[1] else re.findall(r"-([^\n]*)", many[2]) if many else [one[1]]
            self.alone |= {name.lower()} if re.search(r"\bbreak_glass:\s*true\b", text) else set()
            self.roles[name.lower()] = [self.word(role) for role in roles]
    def filled(self, asked, least, people):
        """Whether these people are so many, and fill the seats that are asked for beside the roster's own."""
        seats = [r for r in sorted({**asked, **self.seats}) for _ in range(max(asked.get(r, 0), self.seats.get(r, 0)))]
        enough = len(people) >= max(1, least, self.least, len(seats))
        return enough and seated(seats, [self.roles[person] for person in people])
    def word(self, text):
        return text.strip().strip("\"'")
def seated(seats, people):
    """Whether every seat, named by its role, can have a person of its own; people are lists of roles."""
    return not seats or any(seats[0] in p and seated(seats[1:], people[:i] + people[i + 1:]) for i, p in enumerate(people))
def ms(text):
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return int(at.timestamp()) * 1000 + at.microsecond // 1000

def chain(events, trusted):
    """[(line, key)]: the key that the log was begun with at -1, and one more for each handover; the trusted key may
    be any of them. Whether a handover holds is judged when its line is read."""
    keys = []
    for line in events.split(b"\n"):
        if line.startswith(b'{"code":"LOG040W"'):
            try:
                event = json.loads(line)
                before, after = Vkey(event["with"]["from"], 1), Vkey(event["with"]["to"], 1)
            except (ValueError, KeyError, TypeError):
                continue
            keys = keys or [(-1, before)]
            if keys[-1][1].text == before.text and before.name == after.name:
                keys.append((event["seq"], after))
    return keys if any(key.text == trusted.text for _, key in keys) else [(-1, trusted)]
def opened(note, keys):
    """(size, root) of a checkpoint that one of the keys signed."""
    for _, key in keys[:-1]:
        try:
            return key.open(note)
        except ValueError:
            pass
    return keys[-1][1].open(note)

# ---- The judge --------------------------------------------------------------------------------------------------
class Judge:
    def __init__(self, files, vkey):
        self.files, self.vkey, self.tampered, self.incomplete, self.notes = files, vkey, [], [], []
        self.opened, self.roster, self.plans, self.decisions, self.runs = None, None, {}, {}, {}
        self.at, self.checked, self.tree, self.roots, self.times, self.held = None, set(), Tree(), {0: sha(b"")}, {0: 0}, []
        self.only, self.hidden = "" if "excerpt.jsonl" in files else None, 0  # whose run an excerpt is of
        self.log = files["events.jsonl" if self.only is None else "excerpt.jsonl"]
        self.keys = chain(self.log, vkey)
        self.due, self.expected, self.lacking, self.covers = [], 0, 0, 0  # whose second line is due from a line on
    def key(self, size):
        """The key that signs the head of so many lines, and is in force for the next one."""
        return [key for line, key in self.keys if line < size][-1]
    def bad(self, what):
        self.tampered.append("line %d: %s" % (self.at + 1, what) if self.at is not None else what)
    def object(self, digest):
        data = self.files.get("objects/sha256-" + digest.split(":")[1])
        good = data is not None and "sha256:" + sha(data).hex() == digest
        if not good and digest not in self.checked:
            self.bad("the object %s is missing or was changed" % digest)
        self.checked.add(digest)
        return data if good else None
    def judge(self, anchors, witnesses, vaults):
        copy = self.files.get("log.vkey", b"").decode("utf-8", "replace").strip()
        if all(copy != key.text for _, key in self.keys):
            self.bad("log.vkey is not the key that was given")
        self.points = {int(n[12:]): n for n in self.files if re.fullmatch(r"checkpoints/\d{12}", n)}
        tree, prev, last, closed = self.tree, "0" * 64, 0, False
        *lines, tail = self.log.split(b"\n")
        self.incomplete += ["the last %d bytes are a line that was never finished" % len(tail)] if tail else []
        for line in lines:
            self.at = tree.size
            try:
                event = canonical(line)
                if self.only is not None and "seq" not in event:
                    prev, closed = self.folded(event) or prev, True
                    self.roots[tree.size], self.times[tree.size] = tree.root(), last
                    continue
                if event["seq"] != self.at or event["prev"] != prev or event["v"] != 1:
                    self.bad("it does not follow the line before it: lines were changed, removed, doubled or moved")
                if ms(event["time"]) < last:
                    self.bad("its time is before that of the line before it")
                last, closed = ms(event["time"]), event["event"] == "log.closed"
                self.event(event["event"], event, event["with"])
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
                self.bad("not an event of this log: %s %s" % (type(e).__name__, e))
            tree.push(leaf(line))
            prev = leaf(line).hex()
            self.roots[tree.size], self.times[tree.size] = tree.root(), last
        self.at, size = None, tree.size
        if self.only is not None and self.only not in self.runs:
            self.bad("the excerpt shows no line of the run that it says it is of")
        for name in sorted(self.points.values()) + ["checkpoints/checkpoint"]:
            try:
                n, root = opened(self.files[name], self.keys)
                good = opened(self.files[name], [(0, self.key(n))]) == (n, root) and n in self.points
                if not good or name[12:] not in ("checkpoint", "%012d" % n):
                    self.bad("%s is of size %d: one was removed or renamed" % (name, n))
                self.signs(name, n, root)
                self.second(n, self.files[name], vaults) if name[12:] != "checkpoint" else None
            except KeyError:
                self.bad("there is no newest checkpoint") if size > 1 and not self.points else None
            except (ValueError, UnicodeDecodeError) as e:
                self.bad("%s: %s" % (name, e))
        named = [key.text for _, key in self.due if key]
        if vaults and (not self.covers or not set(named) <= {key.text for key in vaults}):
            self.bad("checkpoints are not countersigned by the vault's key that was given")
        if self.expected or self.covers:
            self.notes.append("%d of %d checkpoints lack the vault's line; the newest that has it covers %d of %d lines"
                              % (self.lacking, self.expected, self.covers, size))
        for name, n, root in anchors:
            self.signs("the anchor " + name, n, root)
        for name in sorted(n for n in self.files if n.startswith("anchors/")):
            try:
                self.kept(name, int(name[8:20]), self.files[name], witnesses)
            except (ValueError, KeyError, TypeError, AttributeError) as e:
                self.bad("the anchor %s: %s %s" % (name, type(e).__name__, e))
        self.incomplete += ["the last lines are not signed"] if max(self.points, default=0) < size else []
        self.incomplete += [] if closed else ["the last line is not log.closed"]
        self.incomplete += ["the run %s is not finished" % i for i, r in self.runs.items() if not r["finished"]]
    def second(self, size, note, vaults):
        """Whether a checkpoint bears a vault's line, and whether the log says that it does."""
        due = [key for line, key in self.due if line < size][-1:]
        by = [key.text for key in vaults + [key for _, key in self.due if key] if key.countersigned(note)]
        self.expected += bool(due and due[0])
        self.lacking += bool(due and due[0] and due[0].text not in by)
        self.covers = size if by else self.covers
    def folded(self, item):
        """What only an excerpt has: whose run it is of, or the hash of a subtree of lines that are not shown."""
        if set(item) == {"excerpt", "run"}:
            if self.only or self.tree.size or item["excerpt"] != 1:
                self.bad("the excerpt says twice, or too late, which run it is of")
            self.only = self.only or item["run"]
            return None
        if set(item) != {"hash", "hidden"} or bytes.fromhex(item["hash"]).hex() != item["hash"]:
            raise ValueError("neither a line of the log nor a hash of hidden ones")
        if not self.tree.size:
            self.bad("the first line of the log is not shown")
        self.tree.push(bytes.fromhex(item["hash"]), item["hidden"])
        self.hidden += item["hidden"]
        return item["hash"]
    def kept(self, name, size, data, witnesses):
        """What lies in the folder `anchors`: it must fit the log, whoever made it; a known witness anchors it."""
        if name.endswith(".tsr"):
            point = self.files.get("checkpoints/%012d" % size, b"")
            ends = [at + 1 for at, c in enumerate(point) if c == 10 and b"\n\n" in point[:at]]  # lines may be added later
            hashes = [hashlib.new(h, point[:end]).digest() for h in ("sha256", "sha384", "sha512") for end in ends]
            if not any(hash in data for hash in hashes):
                return self.bad("the anchor %s is over no checkpoint that is kept (message imprint)" % name)
            return self.notes.append("not judged here: openssl ts -verify -data checkpoints/%012d -in %s -CAfile "
                                     "CA_OF_THE_AUTHORITY.pem" % (size, name))
        if name.endswith(".json"):
            said = json.loads(data.decode("utf-8"))
            n, root, times = said["size"], bytes.fromhex(said["root"].split(":")[1]), []
            if said["origin"] != self.vkey.name:
                self.bad("the anchor %s is of another log" % name)
        else:
            n, root = opened(data, [(0, self.key(size))])
            times = [time for time in (w.cosigned(data) for w in witnesses) if time]
        if n != size:
            self.bad("the anchor %s is of size %d" % (name, n))
        self.signs("the anchor " + name, n, root)
        if any(self.times.get(n, 0) > time * 1000 + SKEW for time in times):
            self.bad("the anchor %s was there before the time of a line that it covers" % name)
        self.held += [n] if times else []
    def signs(self, who, size, root):
        if size > self.tree.size:
            self.bad("%s signs %d lines, there are %d: the log was cut" % (who, size, self.tree.size))
        elif size not in self.roots:
            tell = self.bad if who.startswith("checkpoints/") else self.incomplete.append
            tell("%s signs %d lines, which end amid hidden lines: it cannot be compared" % (who, size))
        elif root != self.roots[size]:
            self.bad("%s signs other first %d lines than these" % (who, size))
    def event(self, name, line, w):
        withheld = self.only is not None and name in ("approval.refused", "note.refused")
        for digest in [w[k] for k in ("roster", "object", "signature", "statement", "evidence", "plan") if k in w and not withheld]:
            self.object(digest)
        if self.at == 0 and name != "log.opened":
            self.bad("the log does not begin with log.opened")
        if name == "log.opened":
            self.opened = self.opened or w
            self.due.append((self.at, None))
            same = ("tenant", "roster", "environment", "install")
            if w["vkey"] != self.key(self.at).text or any(w[k] != self.opened[k] for k in same):
                self.bad("the log was opened as another log, or with another key")
            self.roster = self.roster or Roster(self.object(w["roster"]) or b"")
        elif name == "log.countersigned":
            self.due.append((self.at, Vkey(w["vkey"], 2)))
        elif name == "log.handed_over":
            self.due.append((self.at, None))
            self.handover(w)
        elif name == "roster.changed":
            self.change(line, w)
        elif name == "log.closed" and w["events"] != line["seq"]:
            self.bad("log.closed counts other lines")
        elif name == "approval.recorded":
            self.approval(line, w)
        if "run" in line:
            self.run_event(name, line, w, line["run"])
    def handover(self, w):
        data, armor = self.object(w["statement"]), self.object(w["signature"])
        if data is None or armor is None:
            return
        said = canonical(data)
        owner, sure = sshsig(armor, data, "log-handover@reissue.v1")
        self.notes += [] if sure else ["line %d: check this signature with ssh-keygen -Y verify" % (self.at + 1)]
        person = self.roster.owners.get(owner, "").lower()
        if not person or person != said["approver"].lower() or person == said["operator"].lower():
            self.bad("the handover is not signed by somebody of the roster other than the operator")
        pairs = (("approver", "by"), ("from", "from"), ("operator", "operator"), ("run", "run"), ("to", "to"))
        here = (self.opened["tenant"], self.opened["environment"], self.roster.digest)
        if any(said[a] != w[b] for a, b in pairs) or (said["tenant"], said["environment"], said["roster"]) != here:
            self.bad("the line says something else than the handover that was signed, or it is for another log")
        if (said["size"], said["root"]) != (self.at, "sha256:" + self.roots[self.at].hex()):
            self.bad("the signer of the handover saw another head of the log")
        if (self.key(self.at).text, self.key(self.at + 1).text) != (w["from"], w["to"]):
            self.bad("the handover does not name the key so far")
    def change(self, line, w):
        """Another roster, by the wish of the people of the one so far: the log's first one is the root of all."""
        old, new, at, people = self.roster, Roster(self.object(w["roster"]) or b""), ms(line["time"]), []
        new.version = old.version + 1
        here = (self.opened["tenant"], self.opened["environment"], self.vkey.name, old.digest, new.digest, new.version)
        for statement, signature in zip(w["statements"], w["signatures"]):
            data, armor = self.object(statement) or b"", self.object(signature) or b""
            said = canonical(data)
            p, head = said["predicate"], said["predicate"]["log_head"]
            owner, sure = sshsig(armor, data, "roster-change@reissue.v1")
            self.notes += [] if sure else ["line %d: check this signature with ssh-keygen -Y verify" % (self.at + 1)]
            person = p["approver"].lower()
            if old.owners.get(owner, "").lower() != person or ", ".join(old.roles[person]) != p["role"]:
                return self.bad("the change of the roster is signed by somebody who is not on the one before")
            about = (p["tenant_id"], p["environment"], head["origin"], "sha256:" + p["previous_sha256"],
                     "sha256:" + said["subject"][0]["digest"]["sha256"], p["version"])
            life = ms(p["expires"]) - ms(p["signed_at"])
            good = said["predicateType"].endswith("/roster-change/v1") and 0 < life <= 7 * 86400000
            if about != here or not good or not ms(p["signed_at"]) <= at < ms(p["expires"]) or head["size"] > self.at:
                return self.bad("the change of the roster was signed for another roster, place or time")
            self.signs(p["approver"], head["size"], bytes.fromhex(head["root"])) if head["size"] else None
            people.append(person)
        said = (len(w["statements"]), [name.lower() for name in w["by"]], w["previous"], w["version"])
        if said != (len(w["signatures"]), people, old.digest, new.version):
            return self.bad("the line says something else than the change of the roster that was signed")
        if new.digest == old.digest or not old.filled({}, min(2, len(old.roles)), set(people)):
            return self.bad("the roster was changed without the quorum of the one before")
        self.roster = new  # what approves ends with its roster; what stops stays while its person is on the new one
        for plan, said in self.decisions.items():
            self.decisions[plan] = [d for d in said if d[1]["decision"] != "approve" and d[0] in new.roles]
        for run in self.runs.values():
            run["phases"], run["released"] = {}, {}
    def approval(self, line, w):
        data, armor = self.object(w["statement"]), self.object(w["signature"])
        if data is None or armor is None:
            return
        said = canonical(data)
        p, at, head = said["predicate"], ms(line["time"]), said["predicate"]["log_head"]
        space = "break-glass@reissue.v1" if p.get("break_glass") else "plan-approval@reissue.v1"
        if armor.startswith(b"-----BEGIN CMS-----"):
            certificate, why = cms(armor, data, self.roster.authorities, at)
            person = self.roster.holders.get(certificate, "") if certificate else p["approver"]
            self.incomplete += ["line %d: the signature of %s was NOT CHECKED: %s" % (self.at + 1, person, why)] if why else []
        else:
            owner, sure = sshsig(armor, data, space)
            person = self.roster.owners.get(owner, "")
            self.notes += [] if sure else ["line %d: check this signature with ssh-keygen -Y verify" % (self.at + 1)]
        if person.lower() != p["approver"].lower():
            self.bad("the key is not one of %s in the roster" % p["approver"])
        elif ", ".join(self.roster.roles[p["approver"].lower()]) != p["role"]:
            self.bad("the roster does not give %s the role %s" % (p["approver"], p["role"]))
        elif p.get("break_glass") and p["approver"].lower() not in self.roster.alone:
            self.bad("%s may not break glass" % p["approver"])
        about = "sha256:" + said["subject"][0]["digest"]["sha256"]
        named = "sha256:" + p["evidence_sha256"] if p.get("evidence_sha256") else None
        if about != w["plan"] or named != w.get("evidence") or any(p[k] != w[k] for k in ("approver", "decision", "phase", "expires")) or p.get("break_glass") != w.get("break_glass"):
            self.bad("the line says something else than what was signed")
        here = (p["tenant_id"], p["environment"], "sha256:" + p["roster_sha256"], head["origin"])
        if here != (self.opened["tenant"], self.opened["environment"], self.roster.digest, self.vkey.name):
            self.bad("the approval is for another log, tenant or roster")
        if not ms(p["not_before"]) - SKEW <= at < ms(p["expires"]):
            self.bad("the approval was not valid when it was recorded")
        self.signs(p["approver"], head["size"], bytes.fromhex(head["root"])) if head["size"] else None
        shown = {}  # what the holds had to show, target by target, when this was signed
        if p["phase"] == "retire" and p["decision"] == "approve" and self.plan(w["plan"])[0]["approval"]["retire_separately"]:
            evidence = canonical(self.object(named) or b"{}") if named else {}
            if evidence.get("v") != 1 or evidence.get("plan") != w["plan"]:
                return self.bad("the evidence of the holds that was signed for is missing, changed, or of another plan")
            shown = {held["target"]: held for held in evidence["targets"]}
        elif named:
            return self.bad("the approval names the evidence of a hold, which only one of retiring does")
        self.decisions.setdefault(w["plan"], []).append((w["approver"].lower(), p, w["statement"], shown))
    def plan(self, digest):
        if digest not in self.plans:
            lines = (self.object(digest) or b"").split(b"\n")[:-1]
            tree = Tree(map(leaf, lines[1:]))
            header, *targets = map(canonical, lines)
            if header["root"] != "sha256:" + tree.root().hex() or header["tenant"] != self.opened["tenant"]:
                self.bad("the plan's lines are not those of its header, or it is for another tenant")
            self.plans[digest] = header, {t["change"]["id"]: t["change"] for t in targets if "change" in t}
        return self.plans[digest]
    def quorum(self, plan, phase, at, held=None):
        """Whether people release a phase at this moment (or the target of which this is the evidence), and their
        statements; under break-glass one is enough."""
        header, targets = self.plan(plan)
        people, alone, rejects, used = {}, {}, set(), set()
        for person, p, statement, shown in self.decisions.get(plan, []):
            other = held and (p["phase"], p["decision"]) == ("retire", "approve") and shown.get(held["target"]) != held
            if other or ((person, p["nonce"]) in used and p["decision"] != "reject"):
                continue
            used.add((person, p["nonce"]))
            covers = p["phase"] == phase or (p["phase"] == "start" and not header["approval"]["retire_separately"])
            if p["decision"] == "withdraw":
                rejects.discard(person)
            elif p["decision"] == "reject":
                rejects.add(person)
                people.pop(person, None)
                alone.pop(person, None)
            elif covers and at < ms(p["expires"]) and (p.get("break_glass") or person != header["author"].lower()):
                (alone if p.get("break_glass") else people).setdefault(person, set()).add(statement)
        enough = self.roster.filled(header["approval"].get("roles", {}), header["approval"]["quorum"], people)
        enough = enough or (alone and all(t["contain"] for t in targets.values()))
        return enough and not rejects, set().union(*people.values(), *alone.values())
    def run_event(self, name, line, w, id):
        if self.only is not None and id != self.only:
            self.bad("the line is of another run than the excerpt")
        run = self.runs.setdefault(id, dict(plan=None, finished=False, events=0, phases={}, open={}, held={}, ends=[], released={},
                                           shown={}))
        if run["finished"]:
            self.bad("%s follows run.finished of the run %s" % (name, id))
        elif name == "run.finished":
            return self.finish(run, line, w)
        elif name == "run.started":
            if run["plan"] or self.plan(w["plan"])[0]["playbook"] != w["playbook"]:
                self.bad("the run is started twice, or names another playbook than its plan was made from")
            run["plan"] = w["plan"]
        elif run["plan"] is None:
            if name not in ("approval.recorded", "approval.refused", "note.refused"):
                self.bad("%s comes before run.started" % name)
        elif name == "phase.opened":
            if w["phase"] == "retire" and self.plan(run["plan"])[0]["approval"]["retire_separately"]:
                self.release(run, line, w)
                run["events"] += 1
                return
            good, statements = self.quorum(run["plan"], w["phase"], ms(line["time"]))
            lasts = good and self.quorum(run["plan"], w["phase"], ms(w["expires"]) - 1)[0]
            if not lasts or not set(w["approvals"]) <= statements:
                self.bad("the %s phase was opened without its quorum" % w["phase"])
            run["phases"][w["phase"]] = ms(w["expires"])
        elif name == "approval.recorded" and w["decision"] == "reject":
            run["phases"], run["released"] = {}, {}
        elif name == "target.ended":
            run["ends"].append(w["ending"])
        elif name == "hold.opened":
            run["shown"][line["target"]] = dict(confirmed={}, opened=line["time"], target=line["target"])
        elif name == "consumer.confirmed":  # whoever released the target before had not seen this
            run["shown"][line["target"]]["confirmed"][w["consumer"]] = dict(w, at=line["time"])
            run["released"].pop(line["target"], None)
        elif name == "sign_ins.read":  # nor this
            if run["held"].get(line["target"], 0) < 2:
                return self.bad("sign-ins of %s are told before its hold is over" % line["target"])
            run["shown"][line["target"]]["sign_ins"] = w["sign_ins"]
            run["released"].pop(line["target"], None)
        elif name in ("step.intent", "step.done", "step.failed", "step.looked"):
            self.step(run, name, line, w, line["target"])
        run["events"] += 1
    def release(self, run, line, w):
        """Where retiring is approved separately: a quorum for each target, of people who had its evidence as it is."""
        for target in w.get("targets", []):
            held = run["shown"].get(target, {})
            if run["held"].get(target, 0) < 2:
                self.bad("%s is released before its hold has anything to show" % target)
                continue
            held = dict(held, confirmed=[said for _, said in sorted(held["confirmed"].items())])
            good, statements = self.quorum(run["plan"], "retire", ms(line["time"]), held)
            lasts = good and self.quorum(run["plan"], "retire", ms(w["expires"]) - 1, held)[0]
            if not lasts or not set(w["approvals"]) <= statements:
                self.bad("%s is released without enough approvals that name its evidence" % target)
            run["released"][target] = ms(w["expires"])
    def step(self, run, name, line, w, target):
        plan = self.plan(run["plan"])[1].get(target, {"steps": []})
        step = next((s for s in plan["steps"] if s["no"] == w["step"]), None)
        if step is None:
            return self.bad("the approved plan has no step %s of %s" % (w["step"], target))
        undo, verb, held = w.get("undo", False), step["verb"], run["held"].get(target, 0)
        key, doubt = (target, w["step"], undo), w.get("fault", {}).get("happened") == "unknown"
        if name == "step.intent":
            run["open"][key] = True
            reads = verb in ("gate", "hold", "prove", "recheck", "snapshot", "verify", "watch")
            open = run["released"].get(target, 0) if step["phase"] == "retire" else run["phases"].get(step["phase"], 0)
            if not undo and not reads and ms(line["time"]) >= open + SKEW:
                self.bad("%s of %s began while the %s phase was not open" % (verb, target, step["phase"]))
            if not undo and verb in ("retire", "detach") and not plan["contain"] and held < 2:
                self.bad("%s of %s came before hold and recheck were done" % (verb, target))
        elif key not in run["open"] and verb not in ("hold", "gate"):
            self.bad("%s of %s has an outcome without an intent" % (verb, target))
        elif not doubt:
            run["open"].pop(key, None)
            if name == "step.done" and not undo and verb in ("hold", "recheck"):
                run["held"][target] = 1 if verb == "hold" else 2 if held else 0
                shown, effect = run["shown"].get(target, {}), w["effect"]
                shown.update(dict(ended=line["time"], how=effect["held"]["how"]) if verb == "hold" else
                             dict(rechecked=line["time"], old_accepted=effect["rechecked"]["old_accepted"]))
    def finish(self, run, line, w):
        run["finished"], ends = True, run["ends"]
        kept = sum(size <= line["seq"] for size in self.points)
        for what, said, found in (
            ("events", w["events"], run["events"]), ("checkpoints", w["checkpoints"], kept),
            ("targets done", w["done"], sum(e in ("done", "done_not_evicted") for e in ends)),
            ("targets done in part", w["partial"], sum(e == "partial" for e in ends)),
            ("targets undone", w["undone"], sum(e in ("undone", "abandoned") for e in ends)),
            ("unknown outcomes", w["unresolved"], len(run["open"]))):
            if said != found:
                self.bad("run.finished counts %s %s, the log holds %s" % (said, what, found))

BUNDLED = re.compile(r"(events|excerpt)\.jsonl|log\.vkey|checkpoints/(checkpoint|\d{12})|objects/sha256-[0-9a-f]{64}|"
                     r"anchors/\d{12}\.(cosig|tsr|git\.json|blob\.json)|SHA256SUMS|allowed_signers|reissue_verify\.py|(credentials|events|status)\.csv|"
                     r"events\.ocsf\.jsonl|report\.(html|json)|report-(credentials|events|exposure|open|status|troubles)-\d{4}\.html")
def load(path):
    """name -> bytes, of a folder or a tar file; only what belongs to a log, only regular files."""
    ours, files = re.compile(r"((events|excerpt)\.jsonl|log\.vkey|checkpoints/[^/]+|objects/[^/]+|"
                             r"anchors/\d{12}\.(cosig|tsr|git\.json|blob\.json))\Z"), {}
    if os.path.isfile(path):
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if not member.isreg() or member.name in files or not BUNDLED.fullmatch(member.name):
                    raise ValueError("%a has no place in a bundle" % member.name)
                files[member.name] = tar.extractfile(member).read()
        files = {name: data for name, data in files.items() if ours.match(name)}
    for folder in ("", "anchors", "checkpoints", "objects"):
        there = os.path.isdir(os.path.join(path, folder))
        for name in os.listdir(os.path.join(path, folder)) if there else []:
            full, name = os.path.join(path, folder, name), os.path.join(folder, name)
            if ours.match(name) and (os.path.islink(full) or not os.path.isfile(full)):
                raise ValueError("%r is not a regular file" % name)
            if ours.match(name):
                files[name] = open(full, "rb").read()
    if len({"events.jsonl", "excerpt.jsonl"} & set(files)) != 1:
        raise ValueError("there is no log in it, or both a log and an excerpt of one")
    return files
def main(arguments):
    try:
        if len(arguments) < 2:
            raise ValueError(__doc__)
        vkey = Vkey(arguments[1], 1)
        judge = Judge(load(arguments[0]), vkey)
        is_key = re.compile(r"[^ +]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+").fullmatch
        others = [Vkey(text, 2, 4) for text in arguments[2:] if is_key(text)]
        kept = [name for name in arguments[2:] if not is_key(name)]
        anchors = [(name,) + opened(open(name, "rb").read(), judge.keys) for name in kept]
        judge.judge(anchors, [key for key in others if key.sort == 4], [key for key in others if key.sort == 2])
    except (OSError, ValueError, KeyError, tarfile.TarError) as e:
        print("no judgement: %s %s" % (type(e).__name__, e))
        return 2
    size = judge.tree.size
    print("%d lines, root %s" % (size, judge.tree.root().hex()))
    if judge.only is not None:
        print("An excerpt of the run %s. %d lines are not shown: what they say, and whose they are, is not proved."
              % (judge.only, judge.hidden))
    for sort, found in (("TAMPERED", judge.tampered), ("incomplete", judge.incomplete), ("note", judge.notes)):
        for what in found[:40]:
            print("%s: %s" % (sort, what.encode("unicode_escape").decode("ascii")))
    anchored = any(n == size for _, n, _ in anchors) or size in judge.held
    code, verdict = (
        (1, "TAMPERED: this is not the log that was written") if judge.tampered else
        (4, "intact as far as it goes, but NOT complete") if judge.incomplete else
        (0, "intact, anchored and complete") if anchored else
        (3, "consistent, NOT anchored: give a checkpoint that was kept elsewhere"))
    if judge.only is not None and not judge.tampered:
        verdict += "; lines of the run may be hidden" if judge.incomplete else "; no line of the run is hidden"
    print("Verdict: %s." % verdict)
    return code

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
