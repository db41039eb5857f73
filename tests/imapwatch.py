# SPDX-License-Identifier: ISC
"""Watches IMAP sessions: every response must be legal by the grammar
(imapgrammar.py) and by what the session came to: the command that runs, the
capabilities announced and enabled, the messages that the client knows of.

    w = Session()
    w.client(bytes)         in the order in which the server took and
    w.server(bytes)         gave them
    w.end()
    w.faults                texts; none is good

check_folder() does this with the transcripts that test builds of imapd and of
its unit tests write (lib/io/conn_tap.h); as a program, with the folders named.
"""
import collections
import mmap
import os
import re
import sys

import imapgrammar
from imapgrammar import Parser, count

FAULTS_MAX = 20
COMMAND_KEPT = 65536    # of a command with its literals: enough to know what it asks
CLIENT_LITERAL = re.compile(rb"~?\{(\d+)(\+?)\}\r?\n\Z")
# What a response needs: capabilities, one of which must have been announced.
# "en:X": enabled.  Rev2 is asked for by ENABLE (RFC 9051 s6.3.1).
NEEDS = {
    "rev1": ("!en:IMAP4REV2",), "utf-8 names": ("en:IMAP4REV2", "en:UTF8=ACCEPT"),
    "UIDPLUS": ("UIDPLUS", "IMAP4REV2"), "CLOSED": ("QRESYNC", "IMAP4REV2"), "SEARCHRES": ("SEARCHRES", "IMAP4REV2"),
    "CONDSTORE": ("CONDSTORE", "QRESYNC"), "VANISHED": ("en:QRESYNC", "en:UIDONLY"), "VANISHED EARLIER": ("QRESYNC",),
    "LIST-EXTENDED": ("LIST-EXTENDED", "IMAP4REV2", "LIST-STATUS"), "STATUS DELETED": ("IMAP4REV2", "QUOTA=RES-STORAGE"),
    "STATUS=SIZE": ("STATUS=SIZE", "IMAP4REV2"), "APPENDLIMIT": ("APPENDLIMIT",), "ESEARCH": (
        "ESEARCH", "IMAP4REV2", "ESORT", "MULTISEARCH", "CONTEXT=SEARCH", "CONTEXT=SORT"),
    "CONTEXT": ("CONTEXT=SEARCH", "CONTEXT=SORT"), "TOOBIG": ("CATENATE", "APPENDLIMIT", "LITERAL+", "LITERAL-"),
    "NAMESPACE": ("NAMESPACE", "IMAP4REV2"), "ENABLE": ("ENABLE", "IMAP4REV2"),
    "METADATA": ("METADATA", "METADATA-SERVER"), "BINARY": ("BINARY", "IMAP4REV2"), "UIDONLY": ("en:UIDONLY",),
    "CREATE-SPECIAL-USE": ("CREATE-SPECIAL-USE",), "MESSAGELIMIT": ("MESSAGELIMIT", "SAVELIMIT"),
}
# Response codes that belong to one place: which words, tagged or not, which
# commands (RFC 9051 s7.1 and the extensions' own).
OK, NO = b"OK", b"NO"
PLACES = {
    b"APPENDUID": ((OK,), {b"APPEND", b"REPLACE", b"UID REPLACE"}),
    b"COPYUID": ((OK,), {b"COPY", b"UID COPY", b"MOVE", b"UID MOVE"}),
    b"TRYCREATE": ((NO,), {b"APPEND", b"COPY", b"UID COPY", b"MOVE", b"UID MOVE", b"REPLACE", b"UID REPLACE"}),
    b"READ-ONLY": ((OK, NO), None), b"READ-WRITE": ((OK,), {b"SELECT", b"EXAMINE"}),
    b"BADCHARSET": ((NO,), {b"SEARCH", b"UID SEARCH", b"SORT", b"UID SORT", b"THREAD", b"UID THREAD", b"ESEARCH"}),
    b"NOTSAVED": ((NO,), {b"SEARCH", b"UID SEARCH", b"SORT", b"UID SORT"}),
    b"PERMANENTFLAGS": ((OK,), None), b"UIDNEXT": ((OK,), {b"SELECT", b"EXAMINE"}),
    b"UNSEEN": ((OK,), {b"SELECT", b"EXAMINE"}), b"UIDVALIDITY": ((OK,), {b"SELECT", b"EXAMINE"}),
    b"CLOSED": ((OK,), {b"SELECT", b"EXAMINE"}), b"NOMODSEQ": ((OK,), {b"SELECT", b"EXAMINE"}),
    b"MODIFIED": ((OK, NO), {b"STORE", b"UID STORE"}),
    b"USEATTR": ((NO,), {b"CREATE"}), b"HASCHILDREN": ((NO,), {b"DELETE"}),
    b"UNKNOWN-CTE": ((NO,), {b"FETCH", b"UID FETCH", b"APPEND"}),
    b"AUTHENTICATIONFAILED": ((NO,), {b"LOGIN", b"AUTHENTICATE"}), b"BADEVENT": ((NO,), {b"NOTIFY"}),
    b"MESSAGELIMIT": ((OK, NO), {u + c for u in (b"", b"UID ") for c in (
        b"FETCH", b"SEARCH", b"STORE", b"COPY", b"MOVE", b"SORT", b"THREAD")} | {b"UID EXPUNGE", b"APPEND", b"ESEARCH"}),
    b"COMPRESSIONACTIVE": ((NO,), {b"COMPRESS"}), b"BADURL": ((NO,), {b"APPEND", b"REPLACE", b"UID REPLACE"}),
}
# Untagged responses that only their command brings (RFC 9051 s7).
ANSWERS = {
    b"SEARCH": {b"SEARCH", b"UID SEARCH"}, b"SORT": {b"SORT", b"UID SORT"}, b"THREAD": {b"THREAD", b"UID THREAD"},
    b"LSUB": {b"LSUB"}, b"NAMESPACE": {b"NAMESPACE"}, b"ID": {b"ID"}, b"ENABLED": {b"ENABLE"},
    b"QUOTAROOT": {b"GETQUOTAROOT"}, b"ACL": {b"GETACL"}, b"LISTRIGHTS": {b"LISTRIGHTS"},
    b"MYRIGHTS": {b"MYRIGHTS", b"LIST"}, b"GENURLAUTH": {b"GENURLAUTH"}, b"URLFETCH": {b"URLFETCH"},
    b"UIDBATCHES": {b"UIDBATCHES"}, b"FLAGS": None, b"LIST": {b"LIST", b"SELECT", b"EXAMINE", b"CREATE", b"DELETE",
                                                              b"RENAME", b"NOTIFY", b"SUBSCRIBE", b"UNSUBSCRIBE"},
}
NO_EXPUNGE = {b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD"}    # RFC 9051 s7.5.1, RFC 5256 s3
SELECTING = {b"SELECT", b"EXAMINE"}
# Codes and items that turn CONDSTORE on (RFC 7162 s3.1).
CONDSTORE_WORDS = re.compile(rb"\b(CHANGEDSINCE|UNCHANGEDSINCE|MODSEQ|HIGHESTMODSEQ|CONDSTORE|QRESYNC)\b", re.I)
MACROS = {b"ALL": b"FLAGS INTERNALDATE RFC822.SIZE ENVELOPE", b"FAST": b"FLAGS INTERNALDATE RFC822.SIZE",
          b"FULL": b"FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY"}


class Command:
    """One of the client's: its tag, its name ("UID FETCH" is one), its
    arguments as far as they are there."""

    def __init__(self, line):
        self.data = bytearray()
        self.kinds = set()              # of untagged responses, while it ran
        self.codes = set()
        self.add(line)
        words = line.split(None, 3) if line[:1] not in b" \r\n" else []
        self.tag = words[0] if words else b""
        self.has_tag = bool(imapgrammar.TAG.fullmatch(self.tag))
        self.name = words[1].upper() if len(words) > 1 else b""
        if self.name == b"UID" and len(words) > 2:
            self.name += b" " + words[2].upper()
        self.base = self.name[4:] if self.name.startswith(b"UID ") else self.name
        self.fetch_items = None         # of FETCH, when asked for

    def add(self, data):
        self.data += data

    @property
    def args(self):
        m = re.match(rb"\S+\s+(?:UID\s+)?\S+ ?", self.data, re.I)
        return bytes(self.data[m.end():]) if m else b""

    def wanted(self):
        """Items that answers to it may have; None: any."""
        if self.base == b"STORE":
            return {b"FLAGS"}
        if self.base != b"FETCH":
            return set()
        if self.fetch_items is None:
            self.fetch_items = [fetch_wanted(self.args)]
        return self.fetch_items[0]

    def words(self):
        """Upper case, for a look at what is asked."""
        return re.findall(rb"[A-Z0-9.=-]+", self.args.upper())


def fetch_wanted(args):
    """The items of FETCH arguments as responses name them; None: unreadable."""
    m = re.match(rb"\S+ ", args)
    if not m:
        return None
    p = Parser(args)
    p.at = m.end()
    try:
        if not p.has(b"("):
            return _item_wanted(p)
        p.at += 1
        out = set()
        while not p.skip(b")"):
            out |= _item_wanted(p)
            if p.has(b" "):
                p.at += 1
        return out
    except (imapgrammar.BadResponse, IndexError):
        return None


def _item_wanted(p):
    m = re.compile(rb"[A-Za-z0-9.]+").match(p.data, p.at)
    if not m:
        p.bad("fetch-att")
    p.at = m.end()
    name = m.group().upper()
    if name in MACROS:
        return set(MACROS[name].split())
    if name == b"PREVIEW" and p.has(b" ("):
        p.at += 1
        p.in_list(p.atom)
    if not p.has(b"["):
        return {name}
    key = name.replace(b".PEEK", b"")
    key += p.section(key != b"BODY")
    if p.skip(b"<"):
        key += b"<%d>" % p.number()
        if p.skip(b"."):
            p.number()
        p.want(b">")
    return {key}


class ClientStream:
    """Cuts what a client says into commands.  A literal that waits for "+", an
    AUTHENTICATE and an IDLE take what the server's answers let them take."""

    def __init__(self, pending):
        self.data, self.pending = bytearray(), pending
        self.open = None        # the command that is being read
        self.literal = 0        # bytes of it that are due
        self.waits = False      # for "+", with a literal
        self.dialog = None      # AUTHENTICATE or IDLE: takes a line for each "+"
        self.owed = 0

    def advance(self):
        """All commands that can be read now."""
        while self._step():
            pass

    def _step(self):
        if self.waits or (self.dialog and not self.owed):
            return False
        if self.literal:
            n = min(self.literal, len(self.data))
            if len(self.open.data) < COMMAND_KEPT:
                self.open.add(self.data[:n])
            del self.data[:n]
            self.literal -= n
            return self.literal == 0 and n > 0
        end = self.data.find(b"\n")
        if end < 0:
            return False
        line = bytes(self.data[:end + 1])
        del self.data[:end + 1]
        if self.dialog:
            self.owed -= 1
        else:
            self._line(line)
        return True

    def _line(self, line):
        if self.open is None:
            self.open = Command(line)
            self.pending.append(self.open)
        else:
            self.open.add(line)
        m = CLIENT_LITERAL.search(line)
        if m and len(re.findall(rb'(?<!\\)"', line)) % 2 == 0:
            self.literal = int(m.group(1))
            self.waits = not m.group(2)
            return
        if self.open.name in (b"AUTHENTICATE", b"IDLE") and self.open in self.pending:
            self.dialog, self.owed = self.open, 0
        self.open = None

    def on_continue(self):
        """The server said "+": false when nothing waits for it."""
        if self.waits:
            self.waits = False
        elif self.dialog:
            self.owed += 1
        else:
            return False
        return True

    def on_tagged(self, command):
        """It has its answer, and what it waited for will not come."""
        if command is self.open and self.waits:
            self.open, self.literal, self.waits = None, 0, False
        if command is self.dialog:
            self.dialog, self.owed = None, 0


class Session:
    """One connection."""

    def __init__(self, name=""):
        self.name, self.faults = name, []
        self.pending = collections.deque()
        self.stream = ClientStream(self.pending)
        self.out = bytearray()
        self.greeted = self.bye = False
        self.caps, self.enabled = set(), set()
        self.selected, self.exists, self.notify = False, 0, False
        self.flags = None               # keywords and system flags announced
        self.uids = {}                  # sequence number: UID, as far as known
        self.followed = {}              # tags of searches with UPDATE: by UID or not
        self.fetches = False            # such a one with fetch-atts was said
        self.count = 0                  # responses

    # feeding

    def client(self, data):
        self.stream.data += data

    def server(self, data):
        self.out += data
        at = 0
        while True:
            end = imapgrammar.take(self.out, at)
            if end is None:
                break
            self.response(bytes(self.out[at:end]))
            at = end
        del self.out[:at]

    def end(self):
        """Of the connection, which may come inside of a response."""

    def fault(self, text, data):
        if len(self.faults) < FAULTS_MAX:
            shown = data if len(data) <= 300 else data[:200] + b"..." + data[-60:]
            running = bytes(self.pending[0].data[:200]) if self.pending else None
            self.faults.append(f"{self.name}: {text}\n    response {shown!r}\n    command {running!r}")

    def response(self, data):
        self.count += 1
        self.stream.advance()
        try:
            r = imapgrammar.parse(data)
        except imapgrammar.BadResponse as e:
            self.fault(f"grammar: {e}", data)
            return
        for text in self.check(r):
            self.fault(text, data)

    # what is legal now; each check yields texts

    @property
    def running(self):
        return self.pending[0] if self.pending else None

    def base(self):
        return self.pending[0].base if self.pending else None

    def has(self, *names):
        for n in names:
            if n.startswith("!en:"):
                if n[4:].encode() not in self.enabled:
                    return True
            elif n.startswith("en:"):
                if n[3:].encode() in self.enabled:
                    return True
            elif any(c == n.encode() or c.startswith(n.encode() + b"=") for c in self.caps):
                return True
        return False

    def check(self, r):
        if self.bye and not (r.tag and self.base() == b"LOGOUT"):
            yield "a response after BYE"
        if not self.greeted:
            self.greeted = True
            if r.tag or r.kind not in (b"OK", b"PREAUTH", b"BYE"):
                yield "RFC 9051 s7.1: a greeting is OK, PREAUTH or BYE"
        elif not r.tag and r.kind == b"PREAUTH":
            yield "PREAUTH is a greeting only"
        if r.kind == b"CAPABILITY" or (r.code and r.code[0] == b"CAPABILITY"):
            self.caps |= set(r.value if r.kind == b"CAPABILITY" else r.code[1])
        for need in sorted(r.needs):
            if not self.has(*NEEDS.get(need, (need,))):
                yield f"{need} was not announced or enabled"
        if r.utf8 and not self.has("en:IMAP4REV2", "en:UTF8=ACCEPT"):
            yield "bytes above 127 before ENABLE IMAP4rev2 or UTF8=ACCEPT"
        if r.code:
            yield from self.check_code(r)
        if r.kind == b"+":
            if not self.stream.on_continue():
                yield "nothing waits for a continuation"
            self.stream.advance()
        elif r.tag:
            yield from self.tagged(r)
        else:
            if self.running:
                self.running.kinds.add(r.kind)
                if r.code:
                    self.running.codes.add(r.code[0])
            yield from self.untagged(r)

    def check_code(self, r):
        name = r.code[0]
        kinds, commands = PLACES.get(name, (None, None))
        if kinds is None:
            return
        if r.kind not in kinds:
            yield f"{name.decode()} in {r.kind.decode()}"
        if commands is not None and (not self.running or self.running.name not in commands):
            yield f"{name.decode()} does not belong to this command"
        if name == b"MESSAGELIMIT" and not self.caps & {b"%s=%d" % (c, r.code[1][0]) for c in (b"MESSAGELIMIT", b"SAVELIMIT")}:
            yield "RFC 9738 s3: another MESSAGELIMIT than announced"
        if name == b"PERMANENTFLAGS" and self.base() not in SELECTING and not self.selected:
            yield "PERMANENTFLAGS without a mailbox"

    # the command's end

    def tagged(self, r):
        c = next((c for c in self.pending if c.tag == r.tag), None)
        if c is None:
            yield "a tag that no command waits with"
            return
        if c is not self.running:
            yield "commands are answered in order"
        wanted = self.asked_but_missing(c) if r.kind == OK else []
        for text in wanted:
            yield text
        self.pending.remove(c)
        self.stream.on_tagged(c)
        self.after(c, r)

    def asked_but_missing(self, c):
        """RFC 9051 s6: what an OK must have been preceded by."""
        rev2 = self.has("en:IMAP4REV2")
        if c.base in SELECTING:
            for kind in (b"FLAGS", b"EXISTS") + ((b"LIST",) if rev2 else (b"RECENT",)):
                if kind not in c.kinds:
                    yield f"RFC 9051 s6.3.2: {kind.decode()} is missing"
            for code in (b"UIDVALIDITY", b"UIDNEXT", b"PERMANENTFLAGS"):
                if code not in c.codes:
                    yield f"RFC 9051 s6.3.2: {code.decode()} is missing"
            if self.has("CONDSTORE") and not c.codes & {b"HIGHESTMODSEQ", b"NOMODSEQ"}:
                yield "RFC 7162 s3.1.2: HIGHESTMODSEQ or NOMODSEQ is missing"
            if self.selected and self.has("QRESYNC", "en:IMAP4REV2") and b"CLOSED" not in c.codes:
                yield "RFC 9051 s6.3.2: CLOSED is missing"
        if c.base in (b"STATUS", b"CAPABILITY", b"NAMESPACE", b"THREAD") and c.base not in c.kinds:
            yield f"its {c.base.decode()} response is missing"
        # RFC 5182 s2.1: SAVE alone has no answer.
        if c.base in (b"SEARCH", b"SORT") and not c.kinds & {c.base, b"ESEARCH"} and b"SAVE" not in c.words():
            yield f"its {c.base.decode()} or ESEARCH response is missing"
        if c.name == b"LOGOUT" and not self.bye:
            yield "RFC 9051 s6.1.3: BYE is missing"
        if c.name == b"ENABLE" and b"ENABLED" not in c.kinds:
            yield "RFC 5161 s3.1: ENABLED is missing"

    def after(self, c, r):
        if c.base in SELECTING and r.kind != b"BAD":
            self.followed.clear()
            self.selected = r.kind == OK
            if r.kind == OK and (not r.code or r.code[0] not in (b"READ-ONLY", b"READ-WRITE")):
                self.fault("RFC 9051 s6.3.2: READ-ONLY or READ-WRITE is missing", bytes(c.data))
        if r.kind != OK:
            return
        if c.base in (b"SEARCH", b"SORT", b"ESEARCH") and b"UPDATE" in c.words() and b"NOUPDATE" not in c.codes:
            self.followed[c.tag] = c.name.startswith(b"UID ") or c.name == b"ESEARCH"
            # RFC 5465 s7: FETCH responses of what was asked for then.
            self.fetches = self.fetches or bool(re.search(rb"\bUPDATE ?\(", c.args, re.I))
        elif c.name == b"CANCELUPDATE":
            for tag in re.findall(rb'"([^"]*)"', c.args):
                self.followed.pop(tag, None)
        elif c.name in (b"CLOSE", b"UNSELECT"):
            self.selected = False
            self.followed.clear()
        elif c.name == b"UNAUTHENTICATE":           # RFC 8437 s3
            self.selected = self.notify = False
            self.enabled.clear()
        elif c.name == b"NOTIFY":
            self.notify = b"NONE" not in c.words()[:1]
        if c.base in SELECTING | {b"STATUS", b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD"} \
                and CONDSTORE_WORDS.search(c.args):
            self.enabled.add(b"CONDSTORE")

    # untagged responses

    def untagged(self, r):
        kind, base = r.kind, self.base()
        if kind == b"BYE":
            self.bye = True
        elif kind == b"BAD" and self.running and not self.running.has_tag:
            self.pending.popleft()
        if ANSWERS.get(kind) and (not self.running or self.running.name not in ANSWERS[kind]) and not self.notify:
            yield f"{kind.decode()} does not belong to this command"
        check = getattr(self, "on_" + kind.decode().lower(), None)
        if check:
            yield from check(r)
        if kind in (b"EXISTS", b"RECENT", b"EXPUNGE", b"FETCH", b"VANISHED", b"FLAGS", b"UIDFETCH") \
                and not self.selected and base not in SELECTING:
            yield f"{kind.decode()} without a mailbox"

    def on_enabled(self, r):
        asked = set(self.running.words()) if self.running else set()
        if not set(r.value) <= asked:
            yield "ENABLED: what was not asked for"
        self.enabled |= set(r.value)
        if b"QRESYNC" in r.value:
            self.enabled.add(b"CONDSTORE")

    def on_flags(self, r):
        self.flags = {f.upper() for f in r.value}
        if not imapgrammar.SYSTEM_FLAGS <= self.flags:
            yield "RFC 9051 s7.3.5: FLAGS has all system flags"

    def on_exists(self, r):
        if self.base() in SELECTING:
            self.uids.clear()
        elif r.number < self.exists:
            yield f"EXISTS goes down from {self.exists}"
        self.exists = r.number

    def on_recent(self, r):
        if self.has("en:IMAP4REV2"):
            yield "RFC 9051 appendix E: no RECENT"
        if self.base() not in SELECTING and r.number > self.exists:
            yield "more RECENT than EXISTS"

    def may_expunge(self):
        """RFC 9051 s7.5.1; RFC 5465 s5 allows it at any time."""
        if not self.running and not self.notify:
            yield "an expunge while no command runs"
        elif self.running and self.running.name in NO_EXPUNGE and not self.notify:
            yield f"an expunge during {self.running.name.decode()}"

    def on_expunge(self, r):
        yield from self.may_expunge()
        if self.has("en:QRESYNC", "en:UIDONLY"):
            yield "RFC 7162 s3.2.10: VANISHED in place of EXPUNGE"
        if r.number > self.exists:
            yield f"EXPUNGE of {r.number}, there are {self.exists}"
            return
        self.exists -= 1
        if self.uids:
            self.uids = {n - (n > r.number): u for n, u in self.uids.items() if n != r.number}

    def on_vanished(self, r):
        earlier, ranges = r.value
        if earlier:
            if self.base() not in SELECTING and not (self.running and self.running.name == b"UID FETCH"):
                yield "RFC 7162 s3.2.10.1: (EARLIER) answers SELECT and UID FETCH"
            return
        yield from self.may_expunge()
        gone = {u for low, high in ranges for u in range(low, min(high, low + 10**6) + 1)}
        if count(ranges) > self.exists:
            yield f"{count(ranges)} VANISHED, there were {self.exists}"
            return
        self.exists -= count(ranges)
        known = {u for u in self.uids.values()} & gone
        if known or self.uids:
            # Those of unknown UID may stand anywhere: keep what is below all.
            low = min(gone)
            self.uids = {n: u for n, u in self.uids.items() if u < low}

    def on_search(self, r):
        if self.has("en:IMAP4REV2"):
            yield "RFC 9051 s7.3.4: ESEARCH in rev2"
        yield from self.check_numbers(r.value)

    def check_numbers(self, numbers):
        if self.running and not self.running.name.startswith(b"UID ") and numbers and max(numbers) > self.exists:
            yield f"a sequence number above {self.exists}"

    def on_sort(self, r):
        yield from self.check_numbers(r.value)

    on_thread = on_sort

    def on_esearch(self, r):
        v, c = r.value, self.running
        if b"ADDTO" in v or b"REMOVEFROM" in v:
            yield from self.check_update(v)
            return
        if v["tag"] is None or not c or v["tag"] != c.tag:
            yield "ESEARCH: the tag of the command that runs"
            return
        if c.base not in (b"SEARCH", b"SORT", b"ESEARCH"):
            yield "ESEARCH does not belong to this command"
        if (b"MAILBOX" in v) != (c.base == b"ESEARCH"):
            yield "RFC 7377 s2.1: MAILBOX and UIDVALIDITY with the command ESEARCH, and only there"
        if c.base != b"ESEARCH" and b"RETURN" not in c.words() and not self.has("en:IMAP4REV2"):
            yield "RFC 4731 s3.1: ESEARCH only where RETURN was said"
        if v["uid"] != c.name.startswith(b"UID ") and c.name != b"ESEARCH":
            yield "ESEARCH: UID when, and only when, UIDs were asked for"
        for key in (b"MIN", b"MAX", b"COUNT", b"PARTIAL"):
            if key in v and key not in c.words():
                yield f"ESEARCH: {key.decode()} was not asked for"
        if not v["uid"]:
            tops = [v[k] for k in (b"MIN", b"MAX") if k in v] + [high for _, high in v.get(b"ALL", [])]
            yield from self.check_numbers(tops)
        if b"COUNT" in v and b"ALL" in v and v[b"COUNT"] != count(v[b"ALL"]):
            yield "ESEARCH: COUNT is not that of ALL"

    def check_update(self, v):
        """RFC 5267 s4.3: of a search that is followed, in the form that it was asked in."""
        own = self.running is not None and self.running.tag == v["tag"] and b"UPDATE" in self.running.words()
        if not own and v["tag"] not in self.followed:
            yield "ESEARCH: an update that nobody asked for"
        elif not own and v["uid"] != self.followed[v["tag"]]:
            yield "ESEARCH: an update in the other numbers"
        sets = [ranges for key in (b"ADDTO", b"REMOVEFROM") for rows in v.get(key, []) for _, ranges in rows]
        if not v["uid"] and max(high for ranges in sets for _, high in ranges) > self.exists:
            yield f"ESEARCH: a sequence number above {self.exists}"

    def on_status(self, r):
        c = self.running
        # RFC 5465: news may come before the command that waits is begun.
        if c and c.base == b"STATUS" and not self.notify:
            asked = set(c.words())
            given = set(r.value[1])
            if not given <= asked:
                yield "STATUS: items not asked for"
            listed = re.search(rb"\(([A-Z =-]*)\)\s*\Z", c.args.upper())
            if listed and set(listed.group(1).split()) - given:
                yield "STATUS: items are missing"
        elif not self.notify and not (c and c.base in (b"LIST", b"NOTIFY") and b"STATUS" in c.words()):
            yield "STATUS does not belong to this command"

    def on_list(self, r):
        flags, _, name, _ = r.value
        special = flags & {b"\\ALL", b"\\ARCHIVE", b"\\DRAFTS", b"\\FLAGGED", b"\\JUNK", b"\\SENT", b"\\TRASH"}
        if special and not self.has("SPECIAL-USE", "IMAP4REV2"):
            yield "special-use attributes were not announced"
        if flags & {b"\\HASCHILDREN", b"\\HASNOCHILDREN"} and not self.has("CHILDREN", "LIST-EXTENDED", "IMAP4REV2"):
            yield "CHILDREN was not announced"
        if flags & {b"\\NONEXISTENT", b"\\SUBSCRIBED", b"\\REMOTE"} and not self.has("LIST-EXTENDED", "IMAP4REV2"):
            yield "LIST-EXTENDED was not announced"
        if name.upper() == b"INBOX" and name != b"INBOX":
            yield "INBOX is written so"

    def on_uidfetch(self, r):
        yield from self.check_items(r, {b"UID"})

    def on_fetch(self, r):
        if self.has("en:UIDONLY"):
            yield "RFC 9586 s3.2: UIDFETCH in place of FETCH"
        if r.number > self.exists:
            yield f"FETCH of {r.number}, there are {self.exists}"
            return
        if b"UID" in r.value:
            uid = r.value[b"UID"]
            if self.uids.setdefault(r.number, uid) != uid:
                yield f"message {r.number} had UID {self.uids[r.number]}"
            if self.uids.get(r.number - 1, 0) >= uid or self.uids.get(r.number + 1, 1 << 32) <= uid:
                yield "UIDs ascend with sequence numbers"
        elif self.running and self.running.name in (b"UID FETCH", b"UID STORE") and not self.notify:
            yield "RFC 9051 s6.4.9: UID in all FETCH responses to a UID command"
        yield from self.check_items(r, set())

    def check_items(self, r, more):
        wanted = None if self.notify or self.fetches else self.running.wanted() if self.running else set()
        if wanted is None:
            return
        for name in r.value:
            if name in wanted or name in more or name in (b"FLAGS", b"UID"):
                continue
            if name == b"MODSEQ" and (b"CONDSTORE" in self.enabled or CONDSTORE_WORDS.search(self.running.args if
                                                                                             self.running else b"")):
                continue
            yield f"FETCH: {name.decode()} was not asked for"
        if b"FLAGS" in r.value:
            flags = {f.upper() for f in r.value[b"FLAGS"]}
            if b"\\RECENT" in flags and self.has("en:IMAP4REV2"):
                yield "RFC 9051 appendix E: no \\Recent"
            if self.flags is not None and flags - self.flags - {b"\\RECENT"}:
                yield "a flag that FLAGS did not announce"
            if b"CONDSTORE" in self.enabled and b"MODSEQ" not in r.value and self.base() != b"FETCH":
                yield "RFC 7162 s3.2: MODSEQ with changed flags"


# ---- transcripts ----

HEAD = re.compile(rb"(\d+) ([CSE]) (\d+)\n")


def watch_file(path):
    """(sessions, responses, faults) of one transcript; its last record may be
    cut off."""
    sessions, faults, n = {}, [], [0, 0]

    def leave(s):
        s.end()
        faults.extend(s.faults)
        n[0] += 1
        n[1] += s.count

    with open(path, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    at = 0
    while at < size:
        m = HEAD.match(data, at)
        if not m:
            if size - at > 64:
                faults.append(f"{path}: not a transcript at {at}")
            break
        at = m.end() + int(m.group(3))
        if at > size:
            break
        name, kind = m.group(1), m.group(2)
        s = sessions.get(name)
        if s is None:
            s = sessions[name] = Session(f"{os.path.basename(path)}/{name.decode()}")
        if kind == b"C":
            s.client(data[m.end():at])
        elif kind == b"S":
            s.server(data[m.end():at])
        else:
            leave(sessions.pop(name))
    for s in sessions.values():
        leave(s)
    return n[0], n[1], faults


def check_folder(folder):
    """(sessions, responses, faults) of all transcripts in it."""
    total = [0, 0, []]
    for name in sorted(os.listdir(folder)):
        sessions, responses, faults = watch_file(f"{folder}/{name}")
        total[0] += sessions
        total[1] += responses
        total[2] += faults
    return tuple(total)


def report(faults):
    shown = "\n".join(faults[:FAULTS_MAX])
    return f"{len(faults)} illegal responses\n{shown}" if faults else ""


def main(folders):
    bad = False
    for folder in folders:
        sessions, responses, faults = check_folder(folder)
        print(f"{folder}: {sessions} sessions, {responses} responses, {len(faults)} illegal")
        if faults:
            print(report(faults))
            bad = True
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
