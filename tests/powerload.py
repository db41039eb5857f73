# SPDX-License-Identifier: ISC
"""Lives of an instance for the power tests: one session that does one thing
after the other and notes, for each, where the log of the record stood when it
began and when it was acknowledged; and the account of it, after the power went
at some position of that log.
"""
import imaplib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import powerdisk
import relaypeer
from mailtools import address, message, sendmail, smtp, tls
from powerdisk import Choice

import godwit

FAST = """
smtpd { processes = 1 }
imapd { processes = 1 }
deliver { processes = 1 }
relay { processes = 1 }
keyd {
	password_memory = 8M
	password_passes = 1
}
route "elsewhere" {
	relay = "[127.0.0.1]:%d"
}
"""
LATER, TAKEN, NEVER = "450 4.2.1 later", "250 2.1.5 ok", "550 5.1.1 nobody"
LARGE = 300000          # more than goes through memory
FINAL = re.compile(rb"^Final-Recipient: rfc822; ?away\.(\S+)@else\.example\r$", re.M)
ID = re.compile(rb"^X-Load-Id: (\S+)\r$", re.M)
NOWHERE = ()            # of a message: in no mailbox
BOXES = ("INBOX", "Work")


class Book:
    """What was promised when.  acts[key] = [(begin, end, value)]; a key is
    ("user", name): password or None; ("mail", name, id): where it lies;
    ("box", name, mailbox), ("alias", address), ("kept", id): whether."""

    FIRST = {"user": None, "mail": NOWHERE, "box": False, "alias": False, "kept": False}

    def __init__(self, g, log):
        self.g, self.log = g, log
        self.acts, self.texts = {}, {}
        self.answers = {}       # of the host elsewhere, by recipient
        self.returned = {}      # id: where the 250 stood of what that host refuses
        self.serial = 0

    def now(self, key):
        acts = self.acts.get(key)
        return acts[-1][2] if acts else self.FIRST[key[0]]

    def do(self, changes, function):
        """changes: {key: value} that hold when function has returned."""
        begin = self.log.position()
        result = function()
        end = self.log.position()
        for key, value in changes.items():
            self.acts.setdefault(key, []).append((begin, end, value))
        return result

    def allowed(self, key, position):
        """What may be true of it after the power went."""
        sure, may = self.FIRST[key[0]], set()
        for begin, end, value in self.acts.get(key, ()):
            if end <= position:
                sure = value
            elif begin <= position:
                may.add(value)
        return may | {sure}

    def ends(self):
        return sorted({end for acts in self.acts.values() for _, end, _ in acts})

    # acts of a life

    def tool(self, changes, *args, input=None):
        p = self.do(changes, lambda: self.g.tool("gwuser", *args, input=input))
        assert p.returncode == 0, p.stderr

    def add_user(self, name, password="secret"):
        self.tool({("user", name): password, ("box", name, "INBOX"): True}, "add", address(name), "--password-stdin",
                  input=password + "\n")

    def passwd(self, name, password):
        self.tool({("user", name): password}, "passwd", address(name), "--password-stdin", input=password + "\n")

    def del_user(self, name):
        self.tool({("user", name): None}, "del", address(name))

    def alias(self, name, target):
        self.tool({("alias", name): True}, "alias", "add", address(name), address(target))

    def text(self, size):
        self.serial += 1
        ident = f"p{self.serial}"
        rnd = random.Random(self.serial)
        lines = "".join(f"{rnd.getrandbits(200):050x}\r\n" for _ in range(max(size // 52, 1)))
        self.texts[ident] = message(f"power {ident}", lines, extra=f"X-Load-Id: {ident}\r\n")
        return ident

    def send(self, session, names, size=1500, sender="x@else.example", away=None):
        """away: what a host elsewhere says to one more recipient."""
        ident, begin = self.text(size), self.log.position()
        rcpts = [address(n) for n in names]
        changes = {("mail", n, ident): (("INBOX", ()),) for n in names}
        if away:
            rcpts.append(f"away.{ident}@else.example")
            changes[("kept", ident)] = True
            self.answers[rcpts[-1]] = away
        assert self.do(changes, lambda: sendmail(session, sender, rcpts, self.texts[ident])) == {}
        # It may go at any time, and may come back: elsewhere it is at least once.
        if away in (TAKEN, NEVER):
            self.acts[("kept", ident)].append((begin, float("inf"), False))
        if away == NEVER:
            self.returned[ident] = self.acts[("kept", ident)][0][1]
        return ident

    def place(self, name, ident, function, add=(), remove=()):
        """An IMAP command that changes where a message of name's lies."""
        key = ("mail", name, ident)
        places = list(self.now(key))
        for place in remove:
            places.remove(place)
        typ, data = self.do({key: tuple(sorted(places + list(add)))}, function)
        assert typ == "OK", data
        return data

    # the account of it

    def login(self, name, password):
        m = imaplib.IMAP4_SSL("127.0.0.1", self.g.base + 993, ssl_context=tls(), timeout=60)
        try:
            godwit.imap_login(m, address(name), password)
        except imaplib.IMAP4.error:
            m.shutdown()
            return None
        return m

    def check(self, position):
        """After a start; what is wrong, or None."""
        self.known = set()
        faults = self.check_kept(position)
        for name in sorted({k[1] for k in self.acts if k[0] == "user"}):
            faults += self.check_user(name, position)
        faults += self.check_aliases(position)
        faults += [f"{i}: neither kept nor returned" for i, end in self.returned.items()
                   if end <= position and i not in self.known]
        p = self.g.tool("gwstore", "check", "-b")
        if p.returncode != 0:
            faults.append(f"gwstore check: {p.stdout}{p.stderr}")
        return faults

    def check_kept(self, position):
        """Waits until only what is for elsewhere is in the queue."""
        until = time.monotonic() + 20
        while True:
            p = self.g.tool("gwqueue", "-j")
            rows = [json.loads(line) for line in p.stdout.splitlines()] if p.returncode == 0 else []
            rcpts = [r["address"] for row in rows for r in row["recipients"]]
            here = [r for r in rcpts if not r.endswith("@else.example")]
            if p.returncode == 0 and not here:
                break
            if time.monotonic() > until:
                return [f"the queue does not settle: {p.stdout}{p.stderr}"]
            self.g.watch.wait(0.1)
        faults = []
        have = [re.sub(r"^away\.|@else\.example$", "", r) for r in rcpts]
        self.known = set(have)
        for ident in {k[1] for k in self.acts if k[0] == "kept"} | set(have):
            count, may = have.count(ident), self.allowed(("kept", ident), position)
            if count > 1 or (count == 1) not in may:
                faults.append(f"kept {ident}: {count} times, may be {may}")
        return faults

    def check_user(self, name, position):
        may = self.allowed(("user", name), position)
        faults, m = [], None
        for password in sorted(p for p in may if p is not None):
            m = m or self.login(name, password)
        if m is None:
            return [] if None in may else [f"{name} is gone"]
        if may == {None}:
            return [f"{name} is back"]
        try:
            if None not in may:
                faults = self.check_mail(m, name, position)
        finally:
            m.logout()
        return faults

    def check_mail(self, m, name, position):
        faults, have = [], {}
        for box in BOXES:
            typ, count = m.select(box)
            is_there = typ == "OK"
            if is_there not in self.allowed(("box", name, box), position):
                faults.append(f"{name}: mailbox {box}: {is_there}")
            if not is_there or count == [b"0"]:
                continue
            typ, data = m.fetch("1:*", "(FLAGS BODY.PEEK[])")
            if typ != "OK":
                faults.append(f"{name}: {box} cannot be read: {data}")
                continue
            for row in data:
                if isinstance(row, tuple):
                    faults += self.note(have, name, box, row)
        for ident in sorted({k[2] for k in self.acts if k[:2] == ("mail", name)} | set(have)):
            found, can = tuple(sorted(have.get(ident, ()))), self.allowed(("mail", name, ident), position)
            if found not in can:
                faults.append(f"{name} {ident}: is {found}, may be {can}")
        return faults

    def note(self, have, name, box, row):
        said, text = row
        if b"multipart/report" in text and FINAL.search(text):
            self.known.add(FINAL.search(text).group(1).decode())
            return []
        found = ID.search(text.split(b"\r\n\r\n", 1)[0] + b"\r\n")
        ident = found.group(1).decode() if found else "?"
        flags = tuple(f for f in ("\\Deleted", "\\Flagged") if f.encode() in said)
        have.setdefault(ident, []).append((box, flags))
        if ident not in self.texts or not text.endswith(self.texts[ident]):
            return [f"{name}: {ident} in {box} is not what was sent: {text[-300:]!r}"]
        return []

    def check_aliases(self, position):
        p = self.g.tool("gwuser", "alias", "list")
        if p.returncode != 0:
            return [f"gwuser alias list: {p.stderr}"]
        return [f"alias {key[1]}" for key in self.acts if key[0] == "alias" and
                (address(key[1]) in p.stdout) not in self.allowed(key, position)]


# ---- lives: what is done while the record runs ----

def _is_stopped(pid):
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as f:
            if f.read().rpartition(")")[2].split()[0] != "T":
                return False
    return True


def kill(b, role):
    """At a moment when all that it did is noted; returns when it is back."""
    g, step = b.g, threading.Event()
    pid, mark = g.pids(role)[0], g.mark()
    while True:
        os.kill(pid, signal.SIGSTOP)
        while not _is_stopped(pid):
            step.wait(0.001)
        if not b.log.is_busy():
            break
        os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGKILL)
    g.wait_log(rf"\]: exit daemon={role} pid={pid} ", since=mark)
    g.wait_ready()


def settle(b):
    assert b.check_kept(b.log.position()) == []


def direct(b):
    """Mail that store has when the 250 comes, and what IMAP does to it."""
    g = b.g
    b.add_user("alice")
    b.add_user("bob")
    s = smtp(g)
    for names in (("alice",), ("alice", "bob"), ("bob",)):
        b.send(s, names)
    m = b.login("alice", "secret")
    b.do({("box", "alice", "Work"): True}, lambda: m.create("Work"))
    m.select("INBOX")
    for what in ("copy", "move", "flag", "expunge"):
        ident, inbox, work = b.text(800), ("INBOX", ()), ("Work", ())
        said = b.place("alice", ident, lambda i=ident: m.append("INBOX", None, None, b.texts[i]), [inbox])
        uid = re.search(rb"APPENDUID \d+ (\d+)", said[0]).group(1).decode()
        if what == "copy":
            b.place("alice", ident, lambda u=uid: m.uid("COPY", u, "Work"), [work])
        elif what == "move":
            b.place("alice", ident, lambda u=uid: m.uid("MOVE", u, "Work"), [work], [inbox])
        elif what == "flag":
            b.place("alice", ident, lambda u=uid: m.uid("STORE", u, "+FLAGS", r"(\Flagged)"),
                    [("INBOX", ("\\Flagged",))], [inbox])
        else:
            gone = ("INBOX", ("\\Deleted",))
            b.place("alice", ident, lambda u=uid: m.uid("STORE", u, "+FLAGS", r"(\Deleted)"), [gone], [inbox])
            b.place("alice", ident, lambda u=uid: m.uid("EXPUNGE", u), [], [gone])
    m.logout()
    g.advance(6)                        # a checkpoint: journals change, the index is written
    b.send(s, ("alice",))
    b.send(s, ("bob",), powerdisk.SECTOR * 600)
    b.passwd("bob", "other")
    b.alias("sales", "alice")
    b.add_user("dora")
    b.send(s, ("dora", "alice"))
    b.del_user("dora")
    g.advance(6)
    b.send(s, ("alice", "bob"))
    kill(b, "store")
    b.send(s, ("alice",))
    kill(b, "keyd")
    b.add_user("carl")
    b.send(s, ("carl",))
    s.quit()


def spooled(b):
    """Mail that queue has when the 250 comes."""
    g = b.g
    b.add_user("alice")
    b.add_user("bob")
    s = smtp(g, 587, "alice")
    me = address("alice")
    b.send(s, ("alice",), 1500, me)
    b.send(s, ("alice", "bob"), 1500, me, away=LATER)
    settle(b)
    b.send(s, ("bob",), LARGE, me)
    b.send(s, (), 1500, me, away=LATER)
    b.send(s, (), LARGE, me, away=LATER)
    b.send(s, ("alice",), 5000, me)
    kill(b, "queue")                    # it comes back by the segments, and compacts them
    s.close()
    s = smtp(g, 587, "alice")
    b.send(s, ("bob",), 1500, me, away=LATER)
    b.send(s, ("alice", "bob"), 1500, me)
    settle(b)
    kill(b, "queue")
    settle(b)
    s.close()
    s = smtp(g, 587, "alice")
    b.send(s, ("alice",), 1500, me)
    s.quit()


def relayed(b):
    """Mail that goes elsewhere, at once or later, or comes back."""
    g = b.g
    b.add_user("alice")
    s = smtp(g, 587, "alice")
    me = address("alice")
    mark = g.mark()
    b.send(s, ("alice",), 1500, me, away=TAKEN)
    b.send(s, (), 1500, me, away=NEVER)
    again = b.send(s, (), 1500, me, away=LATER)
    g.wait_log(r"\]: bounced ", since=mark)
    g.wait_log(r"\]: deferred ", since=mark)
    b.peer.wait_messages(1)
    settle(b)
    b.send(s, (), LARGE, me, away=TAKEN)
    b.send(s, (), 1500, me, away=LATER)
    s.close()
    kill(b, "queue")
    rcpt = f"away.{again}@else.example"
    b.answers[rcpt] = TAKEN
    b.acts[("kept", again)].append((b.log.position(), float("inf"), False))
    b.peer.wait_messages(2)
    g.advance(3600)
    b.peer.wait_messages(3)
    settle(b)


def aged(b):
    """Segments of queue and store are emptied, copied together and unlinked;
    large bodies leave holes."""
    g = b.g
    b.add_user("alice")
    s = smtp(g, 587, "alice")
    me = address("alice")
    idents = [b.send(s, ("alice",), 1500, me, away=LATER)] + [b.send(s, ("alice",), LARGE, me) for _ in range(2)]
    b.send(s, ("alice",), 1500, me)     # stays, and moves
    settle(b)
    m = b.login("alice", "secret")
    m.select("INBOX")
    for ident in idents:
        gone, inbox = ("INBOX", ("\\Deleted",)), ("INBOX", ())
        uid = m.uid("SEARCH", "HEADER", "X-Load-Id", ident)[1][0].decode()
        b.place("alice", ident, lambda u=uid: m.uid("STORE", u, "+FLAGS", r"(\Deleted)"), [gone], [inbox])
        b.place("alice", ident, lambda u=uid: m.uid("EXPUNGE", u), [], [gone])
    m.logout()
    s.close()
    mark = g.mark()
    kill(b, "store")                    # it writes to a new segment, so the old ones may go
    g.advance(3700)                     # what vanished is kept for an hour at least
    step = threading.Event()
    for _ in range(20):
        g.advance(61)
        s = smtp(g)
        b.send(s, ("alice",))
        s.quit()
        if re.search(r"store\[\d+\]: compact segment", g.log_text(mark)):
            break
        step.wait(0.1)
    g.wait_log(r"store\[\d+\]: compact segment", since=mark, seconds=1)
    g.advance(3700)
    g.wait_log(r"queue\[\d+\]: compact segment", since=mark)
    s = smtp(g)
    b.send(s, ("alice",))
    s.quit()
    settle(b)


def keyed(b):
    """The journal of keyd gets long, and is written anew."""
    b.add_user("alice")
    b.alias("sales", "alice")
    targets = [f"{'t' * 60}{i:03}@{'d' * 60}.{'d' * 30}.example" for i in range(90)]
    folder, sizes = f"{b.g.root}/keys", [0]
    while sizes[-1] >= max(sizes) or len(sizes) < 4:    # until there is less of it
        verb = "add" if len(sizes) % 2 else "del"
        b.tool({("alias", "big"): verb == "add"}, "alias", verb, address("big"),
               *(targets if verb == "add" else ()))
        sizes.append(sum(e.stat().st_size for e in os.scandir(folder) if e.name.startswith("ring")))
        assert len(sizes) < 400
    b.add_user("bob")
    b.passwd("alice", "other")
    kill(b, "keyd")
    b.add_user("carl")


LIVES = {
    "keyed": (keyed, ""),
    "direct": (direct, ""),
    "relayed": (relayed, ""),
    "spooled": (spooled, "queue { direct_timeout = 0s }"),
    "aged": (aged, "queue { direct_timeout = 0s }\nstore {\n\tsegment_size = 1M\n\tundelete_window = 0s\n}"),
}


# ---- the record of a life, and what becomes of it ----

class Record:
    """An instance, recorded through a life to its end in order; then the disks
    that it may leave.  Within `with`."""

    def __init__(self, life):
        self.name = life
        self.life, config = LIVES[life]
        self.peer = relaypeer.Host(RCPT=lambda a: self.book.answers.get(a, LATER))
        self.config, self.log = config, None

    def __enter__(self):
        try:
            with self.peer:
                self.record()
            self.disk = self.replay()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def record(self):
        """The peer is gone afterwards: what is for elsewhere stays."""
        self.g = godwit.Instance(FAST % self.peer.port + self.config)
        g = self.g.__enter__()
        self.path = g.root + "-record"
        self.log = powerdisk.Log(self.path)
        self.base = self.keep("-base")
        g.start(env=self.env(self.log))
        self.book = Book(g, self.log)
        self.book.peer = self.peer
        self.life(self.book)
        g.stop()

    def __exit__(self, *unused):
        self.g.__exit__(*unused)
        if self.log is not None:
            self.log.close()
        for suffix in ("-base", "-base2"):
            shutil.rmtree(self.g.root + suffix, ignore_errors=True)

    def keep(self, suffix):
        """A copy of the directories of data as they are."""
        copy = self.g.root + suffix
        shutil.rmtree(copy, ignore_errors=True)
        os.mkdir(copy)
        for folder in powerdisk.FOLDERS.values():
            subprocess.run(["cp", "-a", f"{self.g.root}/{folder}", f"{copy}/{folder}"], check=True)
        return copy

    @staticmethod
    def env(log):
        return log.env(f"{godwit.TESTBIN}/power_record.so")

    def replay(self, drop_syncs=None):
        return powerdisk.Disk(self.log, self.g.root, self.base, drop_syncs)

    def again(self, position, choice):
        """What is found after the power went, and the disk of the start that
        found it, for the power may go in it too."""
        powerdisk.put(self.disk.state(position, choice), self.g.root, self.base)
        base, log = self.keep("-base2"), powerdisk.Log(self.path + "2")
        try:
            faults = self.start_and_check(position, self.env(log))
            return faults, powerdisk.Disk(log, self.g.root, base)
        finally:
            log.close()

    def differences(self):
        """Between the record with nothing lost and what lies there: none, or
        something was done that it did not see."""
        end = self.disk.positions[-1]
        data, names = self.disk.pending(end)
        return powerdisk.differences(self.disk.state(end, Choice("all", data | names)), self.g.root)

    def try_state(self, disk, position, choice, promised=None):
        """Faults after the power went there; promised: the position of the
        life's log, if the disk is of another."""
        powerdisk.put(disk.state(position, choice), self.g.root, disk.base)
        return self.start_and_check(promised or position)

    def start_and_check(self, promised, env=None):
        """The instance is left dead; stopped in order when it is recorded."""
        g, faults, mark = self.g, [], self.g.mark()
        try:
            g.start(env=env)
            faults = self.book.check(promised)
            if env is not None:
                g.stop()
        except (godwit.Failed, OSError, imaplib.IMAP4.error) as e:
            faults = [f"{type(e).__name__}: {e}"]
        if faults:
            faults.append(g.log_text(mark)[-3000:])
        g.kill_suite()
        return faults


def choices(disk, position, rnd, singles):
    """Which of the pending acts reached the disk: the extremes, each act alone
    or missing alone (at most so many), torn ones and random sets."""
    data, names = disk.pending(position)
    every = data | names
    yield Choice("none")
    if not every:
        return
    yield Choice("all", every)
    yield Choice("names", frozenset(), every, names)
    yield Choice("data", data, data, frozenset())
    some = sorted(every)
    for act in rnd.sample(some, min(singles, len(some))):
        yield Choice(f"only {act}", {act}, every if act in data else frozenset(), {act})
        yield Choice(f"not {act}", every - {act})
    for i in range(2):
        yield Choice(f"random {i}", *({a for a in some if rnd.random() < 0.5} for _ in range(3)))
    if data:
        last = max(data)
        sectors = [s for f in disk.files for s in f.sectors_of(last)]
        for label, arrived in (("front", sectors[:len(sectors) // 2]), ("back", sectors[len(sectors) // 2:]),
                               ("some", [s for s in sectors if rnd.random() < 0.5])):
            yield Choice(f"torn {label} {last}", every, torn={last: set(arrived)})
        yield Choice("torn all", every, torn={act: _Half(rnd.getrandbits(32), act) for act in data})


class _Half:
    """Half of all sectors, always the same half."""

    def __init__(self, seed, act):
        self.seed = f"{seed} {act}"

    def __contains__(self, sector):
        return random.Random(f"{self.seed} {sector}").random() < 0.5


def find_faults(record, rnd, seconds, disk=None, promised=None, singles=2, most=None, enough=1, least=0):
    """Tries states in random order until the time is over and it was the least
    number, all are done or there are enough faults.  Gives (number tried, [(position, label, faults)])."""
    disk = disk or record.disk
    until = time.monotonic() + seconds
    order = list(disk.positions)
    rnd.shuffle(order)
    tried, faults, seen = 0, [], set()
    for position in order:
        chosen = list(choices(disk, position, rnd, singles))
        if most is not None:
            chosen = rnd.sample(chosen, min(most, len(chosen)))
        for choice in chosen:
            if time.monotonic() > until and tried >= least:
                return tried, faults
            # What is promised changes with the position too.
            key = (powerdisk.digest(disk.state(position, choice)),
                   sum(e <= (promised or position) for e in record.book.ends()))
            if key in seen:
                continue
            seen.add(key)
            tried += 1
            found = record.try_state(disk, position, choice, promised)
            if found:
                faults.append((position, choice.label, found))
                if len(faults) == enough:
                    return tried, faults
    return tried, faults


def find_second_faults(record, rnd, seconds, each=5, most=2, least=0):
    """As find_faults: the power goes once more while the suite starts after
    the first time, some seconds of tries for each first time."""
    until = time.monotonic() + seconds
    tried, faults = 0, []
    while not faults and (time.monotonic() < until or tried < least):
        position = rnd.choice(record.disk.positions)
        choice = rnd.choice(list(choices(record.disk, position, rnd, 2)))
        found, disk = record.again(position, choice)
        tried += 1
        if found:
            return tried, [(position, choice.label, found)]
        more, faults = find_faults(record, rnd, each, disk, position, most=most)
        faults = [(f"{position}, {choice.label}, then {p}", label, found) for p, label, found in faults]
        tried += more
    return tried, faults


def told(faults):
    return "\n".join(f"at {position}, {label}: " + "\n".join(what) for position, label, what in faults)
