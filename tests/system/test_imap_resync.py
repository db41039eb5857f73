# SPDX-License-Identifier: ISC
"""QRESYNC (RFC 7162) by clients that come and go: sessions change one mailbox
at once while store and imapd are killed.  Each client keeps a cache by what it
is told and nothing else: what it knows of a UID never contradicts its MODSEQ,
and after a resynchronization the cache is what the server has.
"""
import imaplib
import re
import threading

import pytest

import godwit
import test_imap_views as views

USER, PASSWORD = views.USER, views.PASSWORD


class Gone(Exception):
    """The connection broke."""


class Client(views.Session):
    """A session that outlives its connections."""

    def __init__(self, g, box, seed):
        self.g, self.box = g, box
        self.cache = {}         # UID: (MODSEQ, flags, command)
        self.modseq = 0         # as RFC 7162 s6 has clients count it
        self.resyncs = 0
        super().__init__(g, box, seed)

    def read(self):
        try:
            line = super().read()
        except (OSError, AssertionError) as e:
            raise Gone from e
        if not line:
            raise Gone
        return line

    def command(self, name, args="", literal=None):
        if name == "SELECT" and not self.n:
            super().command("ENABLE", "QRESYNC")
            self.known = f"(QRESYNC ({self.uidvalidity} {self.modseq}))" if self.modseq else "(CONDSTORE)"
            args = f"{args} {self.known}"
        self.highest, self.told = None, self.modseq
        try:
            answer = super().command(name, args, literal)
        except OSError as e:
            raise Gone from e
        self.note_highest(answer.encode())
        # a SELECT that fails has told nothing to rely on
        if name != "SELECT" or " OK " in answer:
            self.modseq = self.highest if self.highest is not None else self.told
        return answer

    def note_highest(self, line):
        if m := re.search(rb"\[HIGHESTMODSEQ (\d+)\]", line):
            self.highest = int(m.group(1))

    def untagged(self, line, name):
        if m := re.match(rb"\* VANISHED (\(EARLIER\) )?([\d:,]+)$", line):
            for part in m.group(2).split(b","):
                first, _, last = part.partition(b":")
                for uid in range(int(first), int(last or first) + 1):
                    self.cache.pop(uid, None)
                    if not m.group(1):
                        assert name not in views.NO_EXPUNGE, f"VANISHED during {name}"
                        self.vanished(uid)
            return
        assert not re.match(rb"\* \d+ EXPUNGE", line), "EXPUNGE after ENABLE QRESYNC"
        self.note_highest(line)
        super().untagged(line, name)

    def vanished(self, uid):
        """A message that was announced: by its UID, or among those of unknown one."""
        if uid in self.uids:
            k = self.uids.index(uid)
        else:
            low = max((i for i, u in enumerate(self.uids) if u is not None and u < uid), default=-1)
            k = low + 1
            assert k < len(self.uids) and self.uids[k] is None, f"VANISHED {uid} was never announced"
        del self.uids[k], self.flags[k]

    def fetched(self, k, items):
        super().fetched(k, items)
        modseq, uid = re.search(rb"MODSEQ \((\d+)\)", items), self.uids[k - 1]
        if modseq is None:
            # FETCH FLAGS without MODSEQ (s3.2.4) tells all the same, and once
            if uid in self.cache and re.search(rb"FLAGS \(", items):
                self.cache[uid] = (self.cache[uid][0], self.flags[k - 1], self.n)
            return
        modseq = int(modseq.group(1))
        self.told = max(self.told, modseq)
        if uid is None:
            return
        before, flags, when = self.cache.get(uid, (0, None, 0))
        assert modseq >= before, f"MODSEQ of {uid} fell from {before} to {modseq}"
        if re.search(rb"FLAGS \(", items):
            now = self.flags[k - 1]
            # a new keyword's name may come only at the end of the command
            assert modseq > before or flags is None or flags == now or when == self.n, \
                f"UID {uid} at {modseq} had {flags} and has {now}"
            self.cache[uid] = (modseq, now, self.n)

    # what is done

    def step(self, box, other, serial):
        """Flags are fetched with their MODSEQ: only that can be compared."""
        if self.random.random() < 0.15 and self.uids:
            self.command("UID", "FETCH 1:* (FLAGS MODSEQ)")
        elif self.random.random() < 0.05:
            self.come_back()
        else:
            super().step(box, other, serial)

    def store_silent(self, a, b, op, some):
        # what others did meanwhile would have to be told: asked for instead
        self.command("STORE", f"{a}:{b} {op}FLAGS ({some})")

    def come_back(self):
        """Whatever was missed is told by SELECT."""
        try:
            self.c.sock.close()
        except OSError:
            pass
        self.n = 0
        try:
            self.c = self.g.imap(USER, PASSWORD)
        except (OSError, imaplib.IMAP4.error) as e:
            raise Gone from e
        if " OK " not in self.command("SELECT", self.box):
            raise Gone
        self.resyncs += 1

    def check(self):
        """The cache against all that is there."""
        answered = {}
        keep, self.cache = self.cache, answered
        self.command("UID", "FETCH 1:* (FLAGS MODSEQ)")
        self.cache = {}
        for uid, (modseq, flags, _) in keep.items():
            assert uid in answered, f"UID {uid} is gone and nobody told"
            assert flags is None or answered[uid][1] == flags, \
                f"UID {uid}: cached {flags} of {modseq}, there is {answered[uid]}"
        self.cache = answered


def play(client, number, box, other, operations, ticks):
    for i in range(operations):
        ticks.release()
        while True:
            try:
                client.step(box, other, (number, i + 1000 * client.round))
                break
            except Gone:
                revive(client)


def revive(client):
    for _ in range(50):
        try:
            client.come_back()
            return
        except Gone:
            client.g.wait_ready()
    raise AssertionError("no way back")


def run(g, sessions, rounds, operations, kills):
    c = g.imap(USER, PASSWORD)
    c.create("Box")         # or it is there already
    c.create("Other")
    c.logout()
    clients = [Client(g, "Box", i) for i in range(sessions)]
    for s in clients:
        s.appended, s.tokens = {}, {}
    for number in range(rounds):
        for s in clients:
            s.round = number
        ticks = threading.Semaphore(0)
        targets = [(play, (s, i, "Box", "Other", operations, ticks)) for i, s in enumerate(clients)]
        targets.append((kill_some, (g, kills, ticks, sessions * operations)))
        views.run_threads(targets)
        g.wait_ready()
        for s in clients:
            # all that was missed, and then all there is
            revive(s)
            s.check()
    assert sum(s.resyncs for s in clients) >= sessions * rounds
    for s in clients:
        s.c.logout()


def kill_some(g, kills, ticks, total):
    """One after each equal part of the work."""
    for role in kills:
        for _ in range(total // (len(kills) + 1)):
            assert ticks.acquire(timeout=120)
        g.kill(role)
        g.wait_ready()


@pytest.mark.parametrize("kills", [(), ("store", "imapd")])
def test_resync(kills):
    with godwit.Instance(config="imapd { user_connection_limit = 60 }") as g:
        g.start()
        g.add_user(USER, PASSWORD)
        run(g, 8, 2, 25, kills)


def test_ten_thousand_changes():
    """One SELECT tells a client that was away of all of them."""
    with godwit.Instance() as g:
        g.start()
        g.add_user(USER, PASSWORD)
        c = g.imap(USER, PASSWORD)
        c.create("Box")
        text = b"Subject: x\r\n\r\nx\r\n"
        for _ in range(100):
            c.append("Box", None, None, text)
        for _ in range(4):
            c.select("Box")
            assert c.copy("1:*", "Box")[0] == "OK"
        client = Client(g, "Box", 1)
        client.command("UID", "FETCH 1:* (FLAGS MODSEQ)")
        assert len(client.cache) == 1600
        client.c.sock.close()
        c.select("Box")
        for flag in (r"\Seen", r"\Flagged", r"\Answered", "$One", "$Two", "$Three", "$Four"):
            c.store("1:1400", "+FLAGS.SILENT", f"({flag})")
        gone = ",".join(str(n) for n in range(1, 1400, 7))
        c.store(gone, "+FLAGS.SILENT", r"(\Deleted)")
        c.expunge()
        c.append("Box", None, None, text)
        client.come_back()
        assert len(client.cache) == 1600 - 200 + 1
        assert sum("$Four" in flags for _, flags, _ in client.cache.values()) == 1400 - 200
        client.check()
        # and nothing once it knows
        before = dict(client.cache)
        client.cache = {}
        client.come_back()
        assert client.cache == {}
        client.cache = before
        client.check()
