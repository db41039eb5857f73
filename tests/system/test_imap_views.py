# SPDX-License-Identifier: ISC
"""Twenty sessions change one mailbox at once.  Each keeps, from what it is
told and nothing else, a model of the mailbox; sequence numbers, UIDs and
flags must never contradict it, and when all are quiet every model equals what
a fresh session sees.
"""
import random
import re
import threading

import pytest

import godwit

SESSIONS = 20
ROUNDS = 4
OPERATIONS = 30
USER, PASSWORD = "alice@example.test", "secret"
FLAGS = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$One", "$Two"]

# RFC 3501 s7.4.1: no EXPUNGE while these are in progress.
NO_EXPUNGE = {"FETCH", "STORE", "SEARCH"}


class Session:
    def __init__(self, g, box, seed):
        self.c = g.imap(USER, PASSWORD)
        self.random = random.Random(seed)
        self.n = 0
        self.uids, self.flags = [], []
        self.uidvalidity = 0
        self.uidnext = 1
        self.command("SELECT", box)

    # what is told

    def read(self):
        """One response with its literals."""
        line = self.c.readline()
        assert line.endswith(b"\r\n"), line
        text = line
        while m := re.search(rb"\{(\d+)\}\r\n$", line):
            text += self.c.read(int(m.group(1)))
            line = self.c.readline()
            text += line
        return text[:-2]

    def untagged(self, line, name):
        if m := re.match(rb"\* (\d+) EXISTS$", line):
            count = int(m.group(1))
            assert count >= len(self.uids), f"EXISTS {count} shrinks {len(self.uids)}"
            grown = count - len(self.uids)
            self.uids += [None] * grown
            self.flags += [None] * grown
        elif m := re.match(rb"\* (\d+) EXPUNGE$", line):
            assert name not in NO_EXPUNGE, f"EXPUNGE during {name}"
            k = int(m.group(1))
            assert 1 <= k <= len(self.uids), f"EXPUNGE {k} of {len(self.uids)}"
            del self.uids[k - 1], self.flags[k - 1]
        elif m := re.match(rb"\* (\d+) FETCH \((.*)\)$", line, re.S):
            self.fetched(int(m.group(1)), m.group(2))
        elif m := re.match(rb"\* OK \[UIDVALIDITY (\d+)\]", line):
            self.uidvalidity = int(m.group(1))

    def fetched(self, k, items):
        assert 1 <= k <= len(self.uids), f"FETCH {k} of {len(self.uids)}"
        if m := re.search(rb"\bUID (\d+)", items):
            uid = int(m.group(1))
            assert self.uids[k - 1] in (None, uid), f"{k} is UID {self.uids[k - 1]}, now {uid}"
            self.uids[k - 1] = uid
            known = [u for u in self.uids if u is not None]
            assert known == sorted(set(known)), "UIDs do not ascend"
            if body := re.search(rb"token-(\d+)-(\d+)-", items):
                self.tokens[uid] = body.group(0)
        if m := re.search(rb"FLAGS \(([^)]*)\)", items):
            self.flags[k - 1] = {f.decode() for f in m.group(1).split()} - {"\\Recent"}

    tokens = {}

    def command(self, name, args="", literal=None):
        self.n += 1
        tag = f"t{self.n}"
        data = f"{tag} {name} {args}".strip().encode()
        if name in ("SELECT", "EXAMINE"):
            self.uids, self.flags = [], []
        if literal is not None:
            data += b" {%d+}\r\n" % len(literal) + literal
        self.c.send(data + b"\r\n")
        while True:
            line = self.read()
            if line.startswith(tag.encode() + b" "):
                assert re.match(rb"\S+ (OK|NO)", line), line
                return line.decode("utf-8", "replace")
            assert line.startswith(b"*"), line
            self.untagged(line, name)

    # what is done

    def pick(self):
        """A few sequence numbers that exist in this session."""
        k = self.random.randint(1, len(self.uids))
        return k, min(len(self.uids), k + self.random.randint(0, 5))

    def known_uid(self):
        known = [u for u in self.uids if u is not None]
        return self.random.choice(known) if known else 1

    def step(self, box, other, serial):
        r = self.random
        what = r.choice(["append", "append", "append", "append", "copy", "store", "store", "silent", "uidstore", "expunge", "uidexpunge", "copy",
                         "move", "uidmove", "back", "fetch", "uidfetch", "body", "search", "noop", "idle"])
        some = r.sample(FLAGS, r.randint(1, 3)) + ["\\Deleted"] * (r.random() < 0.1)
        some = " ".join(some)
        if what == "append":
            text = b"Subject: x\r\n\r\ntoken-%d-%d-\r\n" % serial
            answer = self.command("APPEND", f"{box} ({some})", text)
            # it is refused while the store is being restarted
            if m := re.search(r"APPENDUID \d+ (\d+)", answer):
                self.appended[int(m.group(1))] = b"token-%d-%d-" % serial
        elif what == "noop" or not self.uids:
            self.command("NOOP")
        elif what == "expunge":
            self.command("EXPUNGE")
        elif what == "search":
            self.command("SEARCH", r.choice(["SEEN", "NOT FLAGGED", "KEYWORD $One", "UID 1:*"]))
        elif what == "uidexpunge":
            self.command("UID", f"EXPUNGE {self.known_uid()}:*")
        elif what == "uidstore":
            self.command("UID", f"STORE {self.known_uid()} {r.choice('+-')}FLAGS ({some})")
        elif what == "uidfetch":
            self.command("UID", f"FETCH {self.known_uid()} (FLAGS BODY.PEEK[])")
        elif what == "uidmove":
            self.command("UID", f"MOVE {self.known_uid()} {other}")
        elif what == "back":
            self.command("STATUS", f"{other} (MESSAGES UNSEEN)")
        elif what == "idle":
            self.idle()
        else:
            a, b = self.pick()
            if what == "fetch":
                self.command("FETCH", f"{a}:{b} (UID FLAGS)")
            elif what == "body":
                self.command("FETCH", f"{a}:{b} (UID BODY[])")
            elif what == "copy":
                self.command("COPY", f"{a}:{b} {r.choice([box, other])}")
            elif what == "move":
                self.command("MOVE", f"{a}:{b} {other}")
            elif what == "store":
                self.command("STORE", f"{a}:{b} {r.choice(['', '+', '-'])}FLAGS ({some})")
            elif what == "silent":
                self.store_silent(a, b, r.choice(["", "+", "-"]), some)

    def store_silent(self, a, b, op, some):
        """What is not told after .SILENT is what the client works out; rows
        told during the command are newer than that."""
        new = set(some.split())
        for k in range(a - 1, b):
            if self.flags[k] is not None:
                self.flags[k] = new if op == "" else self.flags[k] | new if op == "+" else self.flags[k] - new
        self.command("STORE", f"{a}:{b} {op}FLAGS.SILENT ({some})")

    def idle(self):
        self.n += 1
        tag = f"t{self.n}".encode()
        self.c.send(tag + b" IDLE\r\nDONE\r\n")
        while not (line := self.read()).startswith(tag):
            if not line.startswith(b"+"):
                self.untagged(line, "IDLE")


def run_threads(targets):
    errors = []

    def guard(fn, args):
        try:
            fn(*args)
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=guard, args=t) for t in targets]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


def play(session, number, box, other):
    for i in range(OPERATIONS):
        session.step(box, other, (number, i + 1000 * session.round))


def check_quiet(g, sessions, box):
    fresh = Session(g, box, 0)
    if fresh.uids:
        fresh.command("FETCH", "1:* (UID FLAGS)")
    for number, s in enumerate(sessions):
        s.command("NOOP")
        assert len(s.uids) == len(fresh.uids), f"session {number} has {len(s.uids)}, there are {len(fresh.uids)}"
        for k, (uid, flags) in enumerate(zip(s.uids, s.flags)):
            assert uid in (None, fresh.uids[k]), f"session {number}: {k + 1} is {uid}, not {fresh.uids[k]}"
            assert flags is None or flags == fresh.flags[k], \
                f"session {number}: {k + 1} (UID {fresh.uids[k]}) has {flags}, not {fresh.flags[k]}"
    fresh.c.logout()


@pytest.mark.parametrize("seed", [1, 2])
def test_views(seed):
    # one of the connections is the fresh one
    with godwit.Instance(config=f"imapd {{ user_connection_limit = {SESSIONS + 5} }}") as g:
        g.start()
        g.add_user(USER, PASSWORD)
        c = g.imap(USER, PASSWORD)
        c.create("Box")
        c.create("Other")
        c.logout()
        sessions = [Session(g, "Box", seed * 1000 + i) for i in range(SESSIONS)]
        appended = {}
        for s in sessions:
            s.appended, s.tokens = appended, {}
        for number in range(ROUNDS):
            for s in sessions:
                s.round = number
            run_threads([(play, (s, i, "Box", "Other")) for i, s in enumerate(sessions)])
            check_quiet(g, sessions, "Box")
        for s in sessions:
            for uid, token in s.tokens.items():
                assert appended.get(uid, token) == token, f"UID {uid} is another message"
            s.c.logout()
