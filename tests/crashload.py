# SPDX-License-Identifier: ISC
"""Senders and readers that note what was acknowledged, and the account of it
afterwards.  The Book outlives the loads: it holds what the whole life of an
instance has promised.
"""
import collections
import imaplib
import itertools
import json
import random
import re
import smtplib
import threading
import time
import traceback

from mailtools import PASSWORD, address, fetch_all, imap, message, sendmail, smtp

import godwit

ID = re.compile(rb"^X-Load-Id: (\S+)\r$", re.M)
FINAL = re.compile(rb"^Final-Recipient: rfc822; away\.(\S+)@else\.example\r$", re.M)
# Nobody listens there: mail for elsewhere is tried, and waits.
AWAY = '\nroute "away" { to = {"else.example"} relay = "[127.0.0.1]:1" }\n'
LARGE = 300000      # more than queue hands over in memory (QUEUE_MEMFD_MAX)


def header_of(text):
    return text.split(b"\r\n\r\n", 1)[0] + b"\r\n"


class Book:
    """acked[user] holds the ids whose 250 was seen; of what got no answer
    (sent, not acked) there may be a copy or not, but never two."""

    def __init__(self, g, users):
        self.g, self.users = g, users
        self.lock = threading.Lock()
        self.sent = collections.defaultdict(set)
        self.acked = collections.defaultdict(set)
        self.away = set()           # acknowledged for a recipient elsewhere
        self.count = 0
        self.serial = itertools.count(1)

    def add_users(self):
        for user in self.users:
            self.g.add_user(address(user), PASSWORD)

    def send(self, session, to, size=2000, sender="x@else.example", away=False, noise=False):
        """One message; away: also to a recipient for whom it is kept."""
        ident = f"m{next(self.serial)}"
        body = "line of text\r\n" * (size // 14)
        if noise:                       # that is as long when it is compressed
            rnd = random.Random(ident)
            body = "".join(f"{rnd.getrandbits(256):064x}\r\n" for _ in range(size // 33))
        data = message(f"load {ident}", body, extra=f"X-Load-Id: {ident}\r\n")
        rcpts = [address(user) for user in to]
        if away:
            rcpts.append(f"away.{ident}@else.example")
        with self.lock:
            for user in to:
                self.sent[user].add(ident)
        refused = sendmail(session, sender, rcpts, data)
        with self.lock:
            self.count += 1
            for user in to:
                if address(user) not in refused:
                    self.acked[user].add(ident)
            if away and rcpts[-1] not in refused:
                self.away.add(ident)
        return ident

    def wait_for(self, done, what, limit=60):
        until, step = time.monotonic() + limit, threading.Event()
        while not done():
            assert time.monotonic() < until, f"not in {limit} s: {what}\n{self.g.log_tail()}"
            step.wait(0.02)

    def wait_acked(self, count, limit=60):
        """Until that many more were acknowledged."""
        target = self.count + count
        self.wait_for(lambda: self.count >= target, f"{count} messages acknowledged", limit)

    def send_until(self, count):
        """One session, until that many were acknowledged."""
        with Load(self, sessions=1) as load:
            load.wait_acked(count)

    # the account of it

    def listed(self):
        """What gwqueue shows; None while something is still to be delivered here."""
        p = self.g.tool("gwqueue", "-j")
        if p.returncode != 0:
            return None
        rows = [json.loads(line) for line in p.stdout.splitlines()]
        rcpts = [r["address"] for row in rows for r in row["recipients"]]
        if any(row["queue_name"] != "deferred" for row in rows) or not all(r.endswith("@else.example") for r in rcpts):
            return None
        return collections.Counter(re.sub(r"^away\.|@else\.example$", "", r) for r in rcpts)

    def settle(self, seconds=godwit.WAIT_S, hours=False):
        """Until only what is for elsewhere is in the queue: returns that.
        hours: what met two deaths waits as long, so the clock is moved."""
        until, step = time.monotonic() + seconds, threading.Event()
        moved = time.monotonic()
        while (listed := self.listed()) is None:
            if hours and time.monotonic() > moved + 10:
                self.g.advance(3600)
                moved = time.monotonic()
            if time.monotonic() > until:
                p = self.g.tool("gwqueue", "-j")
                raise AssertionError(f"the queue does not settle: {p.stdout}{p.stderr}\n{self.g.log_tail()}")
            step.wait(0.1)
        return listed

    def check_mailboxes(self):
        """Every acknowledged message is there exactly once, nothing twice."""
        for user in self.users:
            have = collections.Counter(i.decode() for m in fetch_all(self.g, user) for i in ID.findall(header_of(m)))
            lost = self.acked[user] - set(have)
            twice = {i: n for i, n in have.items() if n > 1}
            strange = set(have) - self.sent[user]
            assert not lost, f"{user}: acknowledged and lost: {sorted(lost)[:5]} ({len(lost)})"
            assert not twice, f"{user}: delivered twice: {twice}"
            assert not strange, f"{user}: from nowhere: {sorted(strange)[:5]}"

    def check_store(self):
        p = self.g.tool("gwstore", "check", "-b")
        assert p.returncode == 0, p.stdout + p.stderr

    def check(self, seconds=godwit.WAIT_S, hours=False):
        self.g.wait_ready()
        kept = self.settle(seconds, hours)
        lost = self.away - set(kept)
        assert not lost, f"kept and lost: {sorted(lost)[:5]} ({len(lost)})"
        twice = {i: n for i, n in kept.items() if n > 1}
        assert not twice, f"kept twice: {twice}"
        self.check_mailboxes()
        self.check_store()

    def returned(self, user):
        """Ids of which the notifications of a mailbox speak."""
        return {i.decode() for m in fetch_all(self.g, user) for i in FINAL.findall(m)}


class Guarded(threading.Thread):
    """A thread whose end by an exception is found out."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args = function, args
        self.fault = None

    def run(self):
        try:
            self.function(*self.args)
        except BaseException:
            self.fault = traceback.format_exc()

    def check(self):
        assert self.fault is None, f"the test's own session ended:\n{self.fault}"

    def end(self):
        self.join(120)
        assert not self.is_alive(), "a session hangs"
        self.check()


class Load:
    """Sessions that send until told to stop: some as strangers to one or two
    users, some logged in as a user, to a user and elsewhere."""

    def __init__(self, book, sessions=4, submitters=0, size=2000, large=7):
        self.book, self.size, self.large = book, size, large
        self.stopping = threading.Event()
        self.threads = [Guarded(self.run, i, i < submitters) for i in range(sessions)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.end()

    def wait_acked(self, count, limit=60):
        self.book.wait_acked(count, limit)

    def run(self, number, submits):
        session, users = None, self.book.users
        me = users[number % len(users)]
        for serial in itertools.count():
            if self.stopping.is_set():
                break
            to = [users[(number + serial) % len(users)]]
            if serial % 3 == 2 and len(users) > 1:
                to.append(users[(number + serial + 1) % len(users)])
            size = LARGE if self.large and serial % self.large == self.large - 1 else self.size
            try:
                if session is None:
                    session = smtp(self.book.g, 587, me) if submits else smtp(self.book.g)
                self.book.send(session, to, size, address(me) if submits else "x@else.example", submits)
            except (smtplib.SMTPException, OSError) as e:
                # Whatever dies, a session is answered or ended.
                assert not isinstance(e, TimeoutError), repr(e)
                if session is not None:
                    session.close()
                session = None
                self.stopping.wait(0.05)    # not a wait for anything: the server is down
        if session is not None:
            session.close()


class Reader:
    """A session that appends to its own mailbox, copies, moves and expunges.
    want[id] is the set of (in INBOX, in Work) that there may be of it."""

    ROUND = ("stay", "copy", "move", "expunge")

    def __init__(self, g, user):
        self.g, self.user = g, user
        self.want = {}
        self.done = 0
        self.doing, self.since, self.refused = "nothing", time.monotonic(), None
        self.stopping = threading.Event()
        self.thread = Guarded(self.run)
        g.add_user(address(user), PASSWORD)
        m = imap(g, user)
        assert m.create("Work")[0] == "OK"
        m.logout()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.end()

    def run(self):
        m = None
        for serial in itertools.count():
            if self.stopping.is_set():
                break
            try:
                if m is None:
                    m = self.act("log in", lambda: imap(self.g, self.user, None))
                    self.answer("select", lambda: m.select("INBOX"))
                self.one(m, f"r{serial}", self.ROUND[serial % len(self.ROUND)])
                self.done += 1
            except (imaplib.IMAP4.error, OSError) as e:
                self.refused = f"{self.doing}: {e!r}"
                assert not isinstance(e, TimeoutError), self.refused    # as above
                if m is not None:
                    m.shutdown()
                m = None
                self.stopping.wait(0.05)

    def wait_rounds(self, count, limit=60):
        """Until it has done that many more; else tells what it waits for."""
        target, until, step = self.done + count, time.monotonic() + limit, threading.Event()
        while self.done < target:
            self.thread.check()
            assert time.monotonic() < until, (
                f"the reader stands at {self.done} of {target}; for {time.monotonic() - self.since:.1f} s: {self.doing}; "
                f"last refusal: {self.refused}\n{self.g.log_tail()}")
            step.wait(0.02)

    def act(self, what, function):
        self.doing, self.since = what, time.monotonic()
        return function()

    def answer(self, what, function):
        typ, data = self.act(what, function)
        if typ != "OK":
            raise imaplib.IMAP4.error(f"{typ} {data}")
        return data

    def change(self, what, ident, may, function):
        """Both the old and the new state are right until its OK."""
        self.want[ident] = self.want.get(ident, {(0, 0)}) | {may}
        data = self.answer(f"{what} {ident}", function)
        self.want[ident] = {may}
        return data

    def one(self, m, ident, what):
        data = message(f"append {ident}", extra=f"X-Load-Id: {ident}\r\n")
        said = self.change("append", ident, (1, 0), lambda: m.append("INBOX", None, None, data))
        uid = re.search(rb"APPENDUID \d+ (\d+)", said[0]).group(1).decode()
        if what == "copy":
            self.change("copy", ident, (1, 1), lambda: m.uid("COPY", uid, "Work"))
        elif what == "move":
            self.change("move", ident, (0, 1), lambda: m.uid("MOVE", uid, "Work"))
        elif what == "expunge":
            # Refused, nothing is expunged, and EXPUNGE is OK all the same.
            self.answer(f"store {ident}", lambda: m.uid("STORE", uid, "+FLAGS", "(\\Deleted)"))
            self.change("expunge", ident, (0, 0), lambda: m.uid("EXPUNGE", uid))

    def check(self):
        have = []
        for box in ("INBOX", "Work"):
            have.append(collections.Counter(i.decode() for m in fetch_all(self.g, self.user, box)
                                            for i in ID.findall(header_of(m))))
        for ident, may in self.want.items():
            found = (have[0].pop(ident, 0), have[1].pop(ident, 0))
            assert found in may, f"{ident} is {found}, not {may}"
        assert not have[0] and not have[1], f"from nowhere: {have}"
