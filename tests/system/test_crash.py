# SPDX-License-Identifier: ISC
"""queue and store die at each of their numbered steps, each reached by work
that leads there; what was acknowledged is there exactly once afterwards."""
import glob
import os
import re
import signal
import subprocess

import pytest
from crashload import AWAY, LARGE, Book, Load, Reader, smtp
from mailtools import address, fetch_all

import godwit

USERS = ("alice", "bob", "carol", "dora")
SPOOL_ALL = "queue { direct_timeout = 0s }"
# One message a day is tried, the others wait for that.
SLOW = 'route "slow" { to = {"else.example"} relay = "[127.0.0.1]:1" destination_rate = "1/d" }'
TABLE = 'domain "old.test" { class = relay recipients = "lmdb:users" }'
HOUR, DAYS = 3600, 86400


def instance(config=""):
    """As it is shipped: what is not stored soon is spooled."""
    return godwit.Instance((config if "queue {" in config else config + "\nqueue { direct_timeout = 200ms }\n") + AWAY)


class Bed:
    """An instance with its book, and a process that is to die in it."""

    def __init__(self, g, role, step):
        self.g, self.role, self.step = g, role, step
        self.book = Book(g, USERS)

    def arm(self, spec=None):
        """The process starts anew with the step set."""
        self.g.control("crash", self.role, spec or self.step)
        self.g.kill(self.role)

    def is_dead(self):
        return re.search(rf"\]: exit daemon={self.role} ", self.g.log_text(self.g.exit_mark)) is not None

    def wait_dead(self, step=None):
        """It died, and where it was to."""
        mark = self.g.exit_mark
        line = self.g.wait_exit(self.role)
        assert "signal=SIGKILL" in line, line
        step = (step or self.step).split(":")[0]
        assert re.search(rf'{self.role}\[\d+\]: fatal reason="?{re.escape(step)}"?\n',
                         self.g.log_text(mark, self.g.exit_mark)), f"died, but not at {step}: {self.g.log_tail()}"

    def signal(self, role, sig):
        os.kill(self.g.pids(role)[0], sig)

    def send(self, count, to=("alice",), size=2000, away=False, noise=False):
        """As alice, one after the other."""
        s = smtp(self.g, 587, "alice")
        idents = [self.book.send(s, to, size, address("alice"), away, noise) for _ in range(count)]
        s.close()
        return idents


# What leads to a step: each takes a Bed and returns after the death.

def under(load):
    """Dies while sessions send."""
    def work(b):
        b.arm()
        with load(b.book) as running:
            b.wait_dead()
            running.wait_acked(10)
    return work


def strangers(book):
    return Load(book, sessions=4)


def submitters(book):
    return Load(book, sessions=4, submitters=3)


def large(book):
    return Load(book, sessions=3, submitters=2, large=1)


def checkpoint(b):
    """Sessions send, and the time of checkpoints comes."""
    b.arm()
    with Load(b.book, sessions=4, submitters=1) as load:
        while not b.is_dead():
            load.wait_acked(4)
            b.g.advance(6)
        b.wait_dead()
        load.wait_acked(10)


def slow_store(b):
    """The direct path takes too long."""
    b.arm()
    b.g.wait_ready()
    b.signal("store", signal.SIGSTOP)
    with Load(b.book, sessions=4) as load:
        b.wait_dead()
        b.signal("store", signal.SIGCONT)
        load.wait_acked(10)


def lost_delivery(times):
    """deliver dies with spooled messages in hand, which are tried again."""
    def work(b):
        b.arm()
        b.g.wait_ready()
        b.signal("store", signal.SIGSTOP)
        b.send(3, ("alice", "bob"))
        for _ in range(times):
            mark = b.g.mark()
            pids = b.g.pids("deliver")
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            for pid in pids:
                b.g.wait_log(rf"exit daemon=deliver pid={pid} ", since=mark)
            b.g.wait_log(r"deliver\[\d+\]: start", since=mark)
            b.book.wait_for(lambda: '"active"' in b.g.tool("gwqueue", "-j").stdout or b.is_dead(), "a new try")
        b.signal("store", signal.SIGCONT)
        b.wait_dead()
        b.g.wait_ready()
        b.book.settle(hours=True)       # what met the death of both is tried later
    return work


def restart_after(count, away, size=2000):
    """Dies over the spool that it finds, or soon after."""
    def work(b):
        b.send(count, ("alice", "bob"), size)
        b.send(away, ("alice",), size, away=True)
        b.book.settle()
        b.arm()
        b.wait_dead()
    return work


def old_segment(b):
    """The segment that is written to is over an hour old."""
    b.arm()
    b.g.wait_ready()
    b.send(12)
    b.send(1, away=True)
    b.book.settle()
    b.g.advance(2 * HOUR)
    b.wait_dead()


def expiry(b):
    """What is for elsewhere is given up; its sender is told."""
    b.arm()
    b.g.wait_ready()
    idents = set(b.send(3, away=True)) if "tried" in b.step or "direct" in b.step else set(b.send(6, (), away=True))
    b.book.settle()
    b.g.advance(6 * DAYS)
    b.wait_dead()
    b.g.wait_ready()
    b.g.wait_empty_queue()
    assert b.book.returned("alice") == idents
    b.book.away -= idents


def damaged(to):
    """A record is spoilt on the disk while queue runs.  Without recipients
    here nothing was tried when it is met."""
    def work(b):
        b.arm()
        b.g.wait_ready()
        idents = b.send(4, to, size=40000, away=True)
        b.book.settle()
        newest = max(glob.glob(f"{b.g.root}/spool/segment-*"))
        with open(newest, "r+b") as f:
            f.seek(os.path.getsize(newest) * 6 // 10)       # within the third body
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 1]))
        b.g.advance(6 * DAYS)
        b.wait_dead()
        b.g.wait_ready()
        b.g.wait_empty_queue()
        assert b.book.returned("alice") == set(idents) - {idents[2]}
        assert os.path.getsize(glob.glob(f"{b.g.root}/spool/corrupt-*")[0]) > 40000
        b.book.away.clear()
    return work


def operator(action):
    """Dies while messages that are held (so that nothing else is done with
    them) are changed by gwsuper, which is done again after it."""
    def work(b):
        idents = set(b.send(4, ("bob",), away=True) + b.send(1, (), LARGE, away=True))
        b.book.settle()
        assert b.g.tool("gwsuper", "-h", "ALL").returncode == 0
        b.arm()
        b.g.wait_ready()
        b.book.wait_for(lambda: b.g.tool("gwsuper", action, "ALL").returncode != 75 or b.is_dead(), "the queue is ready")
        b.wait_dead()
        b.g.wait_ready()
        b.book.wait_for(lambda: b.g.tool("gwsuper", action, "ALL").returncode == 0, "the queue is ready")
        if action == "-d":
            assert b.g.tool("gwqueue", "-j").stdout == ""
            b.book.away -= idents
    return work


def tables(b):
    """A lookup table is replaced: afterwards the old one or the new one serves."""
    source = f"{b.g.etc}/users"

    def build(value):
        with open(source, "w", encoding="ascii") as f:
            f.writelines(f"user{i} {value}\n" for i in range(5000))
        return b.g.tool("gwmap", "users").returncode

    def values():
        return {line.split("\t")[1] for line in b.g.tool("gwmap", "-s", "users").stdout.splitlines()}

    assert build("old") == 0
    b.send(3)
    b.arm()
    b.g.wait_ready()
    assert build("new") == 75
    b.wait_dead()
    b.g.wait_ready()
    assert values() == {"new" if b.step == "queue.table-named" else "old"}
    assert sorted(os.listdir(f"{b.g.root}/spool/maps")) == ["users.lmdb", "users.lmdb-lock"]
    assert build("newer") == 0 and values() == {"newer"}


def replay(b):
    """The journal has what the index does not when store comes back."""
    with Load(b.book, sessions=3, submitters=1) as load:
        load.wait_acked(20)
        b.arm()
        b.wait_dead()
        load.wait_acked(10)


def removal(b):
    """An account is removed in slices."""
    b.send(30, ("dora", "carol"))
    b.arm()
    b.g.wait_ready()
    assert b.g.tool("gwuser", "del", "dora@example.test").returncode == 0
    b.wait_dead()
    b.g.wait_ready()
    b.g.add_user("dora@example.test", "secret")
    assert fetch_all(b.g, "dora") == []
    b.book.acked["dora"].clear()


def reading(b):
    """Bodies are asked for, many at once."""
    b.send(30)
    m = b.g.imap(address("alice"), "secret")
    b.book.wait_for(lambda: int(m.select("INBOX")[1][0]) >= 30, "all of it is there")
    m.logout()
    b.arm()
    b.g.wait_ready()
    m = b.g.imap(address("alice"), "secret")
    assert m.select("INBOX")[0] == "OK"
    assert m.fetch("1:*", "(BODY.PEEK[])")[0] == "NO"
    b.wait_dead()
    m.shutdown()


def compaction(b):
    """What a removed account leaves: holes at once, then segments to be emptied."""
    g = b.g
    for size in (LARGE, 2000, LARGE):
        b.send(2, ("dora", "carol"), size, noise=True)
    b.arm()
    g.wait_ready()
    assert g.tool("gwuser", "del", "dora@example.test").returncode == 0
    for _ in range(100):
        if b.is_dead():
            break
        if b.step == "store.punched":
            g.advance(6)                # a checkpoint is due
            b.send(1)
        elif not b.is_dead():
            g.tool("gwstore", "compact")
    b.wait_dead()
    g.wait_ready()
    g.add_user("dora@example.test", "secret")
    b.book.acked["dora"].clear()


def rekeying(b):
    """An account has a new key pair, and the keys of its mail go under it."""
    g = b.g
    b.send(4, ("alice", "bob"))
    b.book.settle()
    for user in ("alice", "bob"):
        assert g.tool("gwuser", "key", "new", f"{user}@example.test").returncode == 0
    b.arm()
    g.wait_ready()
    b.book.wait_for(lambda: g.tool("gwstore", "rekey").returncode != 75 or b.is_dead(), "keyd and store are wired")
    b.wait_dead()
    g.wait_ready()
    b.book.wait_for(lambda: g.tool("gwstore", "rekey").returncode == 0, "what was left is done")
    assert g.tool("gwstore", "rekey").stdout == "0 epoch keys rewrapped\n"
    assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"


CASES = [
    # step, name, work, configuration
    ("queue.open", "direct", under(strangers), ""),
    ("queue.direct", "direct", under(strangers), ""),
    ("queue.delivered", "direct", under(strangers), ""),
    ("queue.forget", "direct", under(strangers), ""),
    ("queue.spool", "slow", slow_store, ""),
    ("queue.spool", "restless", under(strangers), "queue { direct_timeout = 1ms }"),
    ("queue.accept", "mixed", under(submitters), ""),
    ("queue.accept", "spooled", under(strangers), SPOOL_ALL),
    ("queue.written", "mixed", under(submitters), ""),
    ("queue.written", "large", under(large), SPOOL_ALL),
    ("queue.synced", "mixed", under(submitters), ""),
    ("queue.synced", "spooled", under(strangers), SPOOL_ALL),
    ("queue.synced", "large", under(large), ""),
    ("queue.stored", "mixed", under(submitters), ""),
    ("queue.stored", "slow", slow_store, ""),
    ("queue.tried", "mixed", under(submitters), ""),
    ("queue.tried", "lost", lost_delivery(1), ""),
    ("queue.retried", "lost", lost_delivery(2), ""),
    ("queue.finish", "spooled", under(strangers), SPOOL_ALL),
    ("queue.finish", "expiry", expiry, SLOW),
    ("queue.finish-tried", "lost", lost_delivery(1), ""),
    ("queue.finish-tried", "expiry", expiry, ""),
    ("queue.direct", "expiry", expiry, ""),
    ("queue.removed", "spooled", under(strangers), SPOOL_ALL),
    ("queue.aside", "damaged", damaged(()), SLOW),
    ("queue.aside-tried", "damaged", damaged(("bob",)), ""),
    ("queue.aside-copied", "damaged", damaged(()), SLOW),
    ("queue.segment", "mixed", under(submitters), ""),
    ("queue.segment", "large", under(large), SPOOL_ALL),
    ("queue.segment-synced", "mixed", under(submitters), ""),
    ("queue.segment-index", "old", old_segment, SPOOL_ALL),
    ("queue.segment-index", "large", under(large), ""),
    ("queue.compact", "restart", restart_after(14, 2), SPOOL_ALL),
    ("queue.unlink", "restart", restart_after(5, 0), SPOOL_ALL),
    ("queue.unlink", "large", under(large), SPOOL_ALL),
    ("queue.retried", "release", operator("-H"), ""),
    ("queue.finish-tried", "delete", operator("-d"), ""),
    ("queue.removed", "delete", operator("-d"), ""),
    ("queue.unlink", "delete", operator("-d"), ""),
    ("queue.recover", "restart", restart_after(5, 3), SPOOL_ALL),
    ("queue.recover", "large", restart_after(1, 1, LARGE), SPOOL_ALL),
    ("queue.table-begun", "tables", tables, TABLE),
    ("queue.table-made", "tables", tables, TABLE),
    ("queue.table-named", "tables", tables, TABLE),
    ("store.body-synced", "large", under(large), ""),
    ("store.body-written", "direct", under(strangers), ""),
    ("store.journal-written", "direct", under(strangers), ""),
    ("store.journal-written", "removal", removal, ""),
    ("store.journal-synced", "direct", under(strangers), ""),
    ("store.journal-synced", "mixed", under(submitters), ""),
    ("store.reply-sent", "direct", under(strangers), ""),
    ("store.read", "reading", reading, ""),
    ("store.segment-made", "direct", under(strangers), ""),
    ("store.compact-moved", "removal", compaction, ""),
    ("store.compact-moved:3", "removal", compaction, ""),
    ("store.compact-emptied", "removal", compaction, ""),
    ("store.compact-unlinked", "removal", compaction, ""),
    ("store.punched", "removal", compaction, ""),
    ("store.rekey-put", "rekey", rekeying, ""),
    ("store.rekey-submitted", "rekey", rekeying, ""),
    ("store.rekey-durable", "rekey", rekeying, ""),
    ("store.segments-synced", "checkpoint", checkpoint, ""),
    ("store.index-committed", "checkpoint", checkpoint, ""),
    ("store.index-committed:3", "checkpoint", checkpoint, ""),
    ("store.replay-synced", "replay", replay, ""),
    ("store.replayed", "replay", replay, ""),
    ("store.replayed:2", "replay", replay, ""),
]
# Met once only by each process, or at the end of much work.
FIRST = {"segment", "segment-synced", "segment-made", "segment-index", "compact", "unlink", "recover", "tried",
         "retried", "finish-tried", "aside", "aside-tried", "compact-moved", "compact-emptied", "compact-unlinked", "punched",
         "rekey-put", "rekey-submitted", "rekey-durable",
         "aside-copied", "replay-synced", "replayed",
         "segments-synced", "index-committed", "forget", "table-begun", "table-made", "table-named"}


def steps(folder):
    out = subprocess.run(["grep", "-rhoE", r'daemon_crash_at\("[^"]+"\)', f"{godwit.TOP}/{folder}"],
                         capture_output=True, text=True, check=True).stdout
    return set(re.findall(r'"([^"]+)"', out))


def test_no_step_is_left_out():
    assert {case[0].split(":")[0] for case in CASES} == steps("queue") | steps("store")


@pytest.mark.parametrize("step,work,config", [(s, w, c) for s, _, w, c in CASES], ids=[f"{s}-{n}" for s, n, _, _ in CASES])
def test_dies_at(step, work, config):
    with instance(config) as g:
        g.start()
        b = Bed(g, step.split(".")[0], step if ":" in step or step.split(".")[1] in FIRST else step + ":3")
        b.book.add_users()
        reader = Reader(g, "rita")
        with reader:
            work(b)
            g.wait_ready()
            b.book.send_until(5)
            reader.wait_rounds(5)
        b.book.check()
        reader.check()


def test_store_dies_three_times_in_a_row():
    """With both journal files in use, and again in each recovery."""
    with instance() as g:
        g.start()
        b = Bed(g, "store", "store.segments-synced")
        b.book.add_users()
        reader = Reader(g, "rita")
        with reader, Load(b.book, sessions=4, submitters=2) as load:
            load.wait_acked(20)
            again = ("store.replayed", "store.replay-synced", "store.replayed:2")
            g.control("crash", "store", ",".join(("store.segments-synced", *again)))
            g.kill("store")
            load.wait_acked(20)
            g.advance(6)
            b.wait_dead()
            for step in again:
                b.wait_dead(step)
            load.wait_acked(10, 120)
        b.book.check()
        reader.check()


def test_a_long_queue_is_listed_whole():
    with instance(SPOOL_ALL) as g:
        g.start()
        b = Bed(g, "queue", "")
        b.book.add_users()
        idents = b.send(130, (), away=True)
        assert set(b.book.settle()) == set(idents)


def test_both_die_together():
    """queue and store at once, and again while they recover."""
    with instance(SPOOL_ALL) as g:
        g.start()
        b = Bed(g, "queue", "queue.recover")
        b.book.add_users()
        with Load(b.book, sessions=4, submitters=2) as load:
            load.wait_acked(20)
            g.control("crash", "queue", "queue.recover")
            g.control("crash", "store", "store.replayed")
            for role in ("queue", "store"):
                b.signal(role, signal.SIGKILL)
            for role, step in (("queue", "queue.recover"), ("store", "store.replayed")):
                g.wait_log(rf'{role}\[\d+\]: fatal reason="?{re.escape(step)}')
            load.wait_acked(10)
        b.book.check()
