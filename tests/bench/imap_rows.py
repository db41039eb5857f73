# SPDX-License-Identifier: ISC
"""IMAP work beside Dovecot: the same commands to both, on the same mail, which
Godwit keeps sealed and Dovecot plain.

A row is the median of some rounds, Godwit's and Dovecot's in turn.  Both are asked
without TLS and in TLS, and each ratio is of the same octets on the same wire.  CPU
is what all processes of a suite used, not the clients.
"""
import os
import smtplib
import statistics
import subprocess
import time

import suite
import suite_dovecot

LOAD = f"{suite.TOP}/build/testbin/imap_load"
ROWS = []           # (name, function): main() runs them in this order
MAIL, BYTES = 10000, 13500
IDLE_PAUSE_S = 8    # Dovecot hibernates after 5
FULL = {"auth_cleartext": "local", "imapd.user_connection_limit": 10000, "keyd.user_session_limit": 100000,
        "keyd.user_open_rate": "1000000000/s", "smtpd.user_recipient_rate": "1000000/s"}


def row(name):
    def add(function):
        ROWS.append((name, function))
        return function
    return add


def say(what, *figures, aim=""):
    print(f"{what:<43} " + "   ".join(figures) + (f"   (aim {aim})" if aim else ""), flush=True)


def times(theirs, ours):
    return f"{theirs / ours:.1f} x" if ours else "- x"


def ratios(theirs, ours):
    """Each (ms, CPU ms) without TLS and, when measured, the same in it."""
    return "; ".join(f"{how}{times(d[0], g[0])}, CPU {times(d[1], g[1])}"
                     for how, d, g in zip(("", "in TLS "), theirs, ours))


def ports(s):
    """Port and kind of the two listeners."""
    return (((s.imap, "plain"), (s.imaps, "tls")) if isinstance(s, suite_dovecot.Dovecot)
            else ((s.base + 143, "plain"), (s.base + 993, "tls")))


def in_turn(dovecot, gw, with_tls=True):
    """Name, suite, TLS: as figures are printed and ratios made."""
    wires = [("Dovecot", dovecot, False), ("Godwit", gw, False), ("Dovecot in TLS", dovecot, True),
             ("Godwit in TLS", gw, True)]
    return wires if with_tls else wires[:2]


def ratios_of(figures):
    """In the order of in_turn."""
    return ratios(figures[0::2], figures[1::2])


class Wire:
    """One session that says commands and learns what they took."""

    def __init__(self, s, user=0, tls=True):
        self.group = s.group
        port, how = ports(s)[tls]
        self.p = subprocess.Popen([LOAD, str(port), how, suite.DOMAIN, "run", str(user)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.read("ready")

    def read(self, what):
        line = self.p.stdout.readline()
        if not line:
            raise RuntimeError(f"{what}: the session ended")
        return line

    def ask(self, command):
        """Milliseconds, CPU milliseconds, bytes."""
        before = self.group.seconds()
        self.p.stdin.write(command + "\n")
        self.p.stdin.flush()
        ms, count, answer = self.read(command).split(" ", 2)
        if not answer.startswith("OK"):
            raise RuntimeError(f"{command}: {answer}")
        return float(ms), (self.group.seconds() - before) * 1000, int(count)

    def close(self):
        self.p.stdin.close()
        self.p.wait(30)
        self.p.stdout.close()


def load(s, *args, tls=True):
    """Seconds and CPU seconds of a scenario of imap_load."""
    return tell(s, *args, tls=tls)[:2]


def tell(s, *args, tls=True, resumes=False):
    """The same, and how many of its connections resumed a TLS session."""
    port, how = ports(s)[tls]
    how = "resumed" if resumes else how
    before = s.group.seconds()
    p = subprocess.run([LOAD, str(port), how, suite.DOMAIN, *map(str, args)], capture_output=True, text=True,
                       check=False)
    if p.returncode != 0:
        raise RuntimeError(f"{s.name}: {p.stderr}")
    words = p.stdout.split()
    return float(words[-2]), s.group.seconds() - before, int(words[-3])


class Contest:
    """Both suites with the same mail; what a row does not need is not made."""

    def __init__(self, work, rounds, idle):
        self.work, self.rounds, self.idle_count = work, rounds, idle
        self.made = set()
        self.gw = suite.Godwit(work)
        for name, value in FULL.items():
            self.gw.configure(name, value)
        self.dovecot = suite_dovecot.Dovecot(work, is_tuned=True)
        self.shipped = suite_dovecot.Dovecot(work, is_tuned=False)
        self.both = (self.dovecot, self.gw)
        for s in (*self.both, self.shipped):
            s.start()
        self.gw.add_users()

    def close(self):
        for s in (*self.both, self.shipped):
            s.close()

    def need(self, box, count=MAIL, size=BYTES, kind="text"):
        if box not in self.made:
            self.made.add(box)
            for s in self.both:
                if box != "INBOX":
                    self.do(s, f"CREATE {box}")
                load(s, "fill", 0, box, count, size, len(self.made) << 20, kind)

    def need_big(self):
        self.need("Mail")
        if "Big" not in self.made:
            self.made.add("Big")
            for s in self.both:
                half = MAIL // 2
                self.do(s, "CREATE Big", "SELECT Mail",
                        *[f"COPY {part} Big" for part in (f"1:{half}", f"{half + 1}:{MAIL}")] * 10)

    def need_users(self):
        if "users" not in self.made:
            self.made.add("users")
            for s in self.both:
                for user in range(suite.USERS):
                    load(s, "fill", user, "INBOX", 200, 4096, user << 10, "text")

    @staticmethod
    def do(s, *commands):
        w = Wire(s)
        for c in commands:
            w.ask(c)
        w.close()

    def ask(self, what, box, command, aim, rounds=None, with_tls=True, before=(), after=(), renew=False):
        """The row of one command on a mailbox; renew: in a new session each time."""
        wires = in_turn(self.dovecot, self.gw, with_tls)
        open_, results = {name: Wire(s, tls=tls) for name, s, tls in wires}, {w[0]: [] for w in wires}
        for w in open_.values():
            w.ask(f"SELECT {box}")
        for n in range(rounds or self.rounds):
            for name, s, tls in wires:
                if renew and n > 0:
                    open_[name].close()
                    open_[name] = Wire(s, tls=tls)
                    open_[name].ask(f"SELECT {box}")
                w = open_[name]
                for c in before:
                    w.ask(c.format(n=n, name=name.replace(" ", "")))
                results[name].append(w.ask(command.format(n=n, name=name.replace(" ", ""))))
                for c in after:
                    w.ask(c.format(n=n, name=name.replace(" ", "")))
        for w in open_.values():
            w.close()
        middle = {name: [statistics.median(r[i] for r in rows) for i in range(3)] for name, rows in results.items()}
        say(what, *(f"{name} {m[0]:.1f} ms, {m[1]:.1f} CPU" for name, m in middle.items()),
            ratios_of(list(middle.values())), aim=aim)
        return middle


@row("login")
def login(c):
    c.need_users()
    for what, s, count, aims in (("as shipped", c.shipped, 200, (60, 25)), ("tuned", c.dovecot, 1000, (5, 3))):
        for tls, how, ours in ((False, "plain", 10000), (True, "TLS", 2000)):
            d, g = in_rounds(c.rounds, lambda: logins(s, count, tls), lambda: logins(c.gw, ours, tls))
            say(f"LOGIN, {how}, Dovecot {what}", f"{d[0]:.0f}/s, {d[1]:.2f} ms CPU",
                f"Godwit {g[0]:.0f}/s, {g[1]:.3f} ms CPU", f"CPU {times(d[1], g[1])}", aim=f"{aims[tls]} x")
        d, g = in_rounds(c.rounds, lambda: again(s, count), lambda: again(c.gw, 2000))
        say(f"  the same clients again, Dovecot {what}", f"{d[1]:.2f} ms CPU, {d[2]:.0%} resumed TLS",
            f"Godwit {g[1]:.3f} ms CPU, {g[2]:.0%}", f"CPU {times(d[1], g[1])}")


def in_rounds(rounds, *figures):
    """The median of each number of each figure, taken in turn."""
    rows = [[f() for f in figures] for _ in range(rounds)]
    return [[statistics.median(n) for n in zip(*column)] for column in zip(*rows)]


def logins(s, count, tls):
    load(s, "login", 5, max(count // 5, 20), suite.USERS, tls=tls)
    seconds, cpu = load(s, "login", 10, count, suite.USERS, tls=tls)
    return count / seconds, cpu * 1000 / count


def again(s, count):
    """Clients that kept the ticket of their last connection, as mail programs do."""
    seconds, cpu, resumed = tell(s, "login", 10, count, suite.USERS, resumes=True)
    return count / seconds, cpu * 1000 / count, resumed / count


@row("flags")
def fetch_flags(c):
    c.need_big()
    c.ask("FETCH FLAGS of 100,000", "Big", "FETCH 1:* (FLAGS)", "3 x")


@row("envelope")
def fetch_envelope(c):
    c.need("Mail")
    command = f"FETCH 1:{MAIL} (UID FLAGS ENVELOPE BODYSTRUCTURE)"
    c.ask("FETCH ENVELOPE BODYSTRUCTURE of 10,000", "Mail", command, "5 x", rounds=1, with_tls=False)
    # A session of Godwit's keeps what it told; a new one opens the summaries again.
    c.ask("  again, in new sessions", "Mail", command, "3 x", renew=True)
    c.ask("  again, in the same session", "Mail", command, "3 x", before=(command,))


@row("body")
def fetch_body(c):
    for box, what, aim in (("Mail", "FETCH BODY.PEEK[] of 10,000, 135 MB", "0.7 x"),
                           ("Lz4", "  compressed with LZ4", "0.7 x"),
                           ("Noise", "  stored uncompressed", "1 x")):
        c.gw.reconfigure("mail_compression", "lz4" if box == "Lz4" else "zstd")
        c.need(box, kind="noise" if box == "Noise" else "text")
        middle = c.ask(what, box, f"FETCH 1:{MAIL} (BODY.PEEK[])", aim)
        say("  MB/s", *(f"{name} {m[2] / m[0] / 1000:.0f}" for name, m in middle.items()))


@row("search")
def search(c):
    c.need("Find")
    for what, key, aim in (("SEARCH SUBJECT of 10,000, first", "SUBJECT qzjx", "5 x"),
                           ("SEARCH TEXT of 10,000", "TEXT qzjxqzjx", "3 x")):
        c.ask(what, "Find", f"SEARCH {key}", aim, rounds=1, with_tls=False)
        if "first" in what:
            c.ask("  again", "Find", f"SEARCH {key}", "1 x")


@row("store")
def store(c):
    c.need("Mail")
    c.ask("STORE +FLAGS.SILENT of 10,000", "Mail", f"STORE 1:{MAIL} +FLAGS.SILENT (\\Flagged)", "1 x",
          after=(f"STORE 1:{MAIL} -FLAGS.SILENT (\\Flagged)",))
    c.ask("COPY of 5,000", "Mail", "COPY 1:5000 Copy{n}{name}", "2 x", before=("CREATE Copy{n}{name}",))
    c.ask("EXPUNGE of 5,000", "Mail", "EXPUNGE", "2 x",
          before=("SELECT Copy{n}{name}", "STORE 1:* +FLAGS.SILENT (\\Deleted)"), after=("SELECT Mail", "DELETE Copy{n}{name}"))


@row("select")
def select(c):
    """The first of a session: later ones find it open."""
    c.need_big()
    wires = [*in_turn(c.shipped, c.gw), ("Dovecot tuned", c.dovecot, False)]
    middle = in_rounds(20, *[lambda s=s, tls=tls: first_select(s, tls) for _, s, tls in wires])
    say("SELECT of 100,000", *(f"{w[0]} {m[0]:.2f} ms, {m[1]:.2f} CPU" for w, m in zip(wires, middle)),
        ratios_of(middle[:4]), aim="4 x")


def first_select(s, tls):
    w = Wire(s, tls=tls)
    taken = w.ask("SELECT Big")
    w.close()
    return taken


@row("append")
def append(c):
    c.need_users()
    wires = in_turn(c.dovecot, c.gw)
    for _, s, tls in wires:
        load(s, "append", 10, 200, 4096, 10, tls=tls)
    figures = in_rounds(c.rounds, *[lambda s=s, tls=tls: append_ms(s, tls) for _, s, tls in wires])
    say("APPEND of 4 KiB, durable, 10 connections",
        *(f"{w[0]} {1000 / ms:.0f}/s, {cpu:.3f} ms CPU" for w, (ms, cpu) in zip(wires, figures)),
        ratios_of(figures), aim="5 x, CPU 8 x")


def append_ms(s, tls):
    seconds, cpu = load(s, "append", 10, 2000, 4096, 10, tls=tls)
    return seconds / 2, cpu / 2


@row("mix")
def mix(c):
    c.need_users()
    for what, per_login, count, aim, s in (("with logins", 8, 4000, "8 x", c.shipped),
                                           ("without", 0, 10000, "1.5 x", c.dovecot)):
        figures = []
        wires = in_turn(s, c.gw)
        for _, who, tls in wires:
            seconds, cpu = load(who, "mix", 100, count, per_login, suite.USERS, tls=tls)
            figures.append((seconds * 1000 / count, cpu * 1000 / count))
        say(f"random mix of 100 clients, {what}",
            *(f"{w[0]} {1000 / ms:.0f}/s, {cpu:.3f} ms CPU" for w, (ms, cpu) in zip(wires, figures)),
            ratios_of(figures), aim=f"CPU {aim}")


@row("notify")
def notify(c):
    postfix = suite.Postfix(f"{c.work}/notify", transport=f"lmtp:inet:127.0.0.1:{c.dovecot.lmtp}")
    postfix.start()
    try:
        theirs = exists_ms(postfix.port, c.dovecot.imap, False, 10)
    finally:
        postfix.close()
    ours = exists_ms(c.gw.port, c.gw.base + 143, False, 50)
    say("SMTP 250 to IDLE EXISTS, median", f"Postfix and Dovecot {theirs:.1f} ms", f"Godwit {ours:.2f} ms",
        aim="1 ms")


def exists_ms(smtp_port, imap_port, tls, count):
    m = suite.imap_login(imap_port, "u1", tls)
    m.select()
    m.send(b"x IDLE\r\n")
    m.readline()
    smtp = smtplib.SMTP("127.0.0.1", smtp_port)
    smtp.helo("client.example")
    delays = []
    for i in range(count):
        smtp.mail("a@client.example")
        smtp.rcpt(f"u1@{suite.DOMAIN}")
        smtp.docmd("DATA")
        smtp.sock.sendall(b"Subject: t\r\nMessage-ID: <n%d@x>\r\n\r\nbody\r\n.\r\n" % i)
        # the clock starts with the 250, seen on its own socket
        smtp.getreply()
        at = time.monotonic()
        while b"EXISTS" not in m.readline():
            pass
        delays.append((time.monotonic() - at) * 1000)
    smtp.quit()
    m.send(b"DONE\r\n")
    while not m.readline().startswith(b"x "):
        pass
    m.logout()
    return statistics.median(delays)


def pss_kib(group):
    total = 0
    for pid in group.pids():
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError):
            pass        # it ended meanwhile
    return total


@row("memory")
def memory(c):
    """Half of the sessions are on the mailbox of 100,000."""
    c.need_users()
    c.need_big()
    for what, s, count, pause in (("Dovecot as shipped", c.shipped, min(c.idle_count, 60), 0),
                                  ("Dovecot tuned, hibernated", c.dovecot, min(c.idle_count, 1000), IDLE_PAUSE_S),
                                  ("Godwit", c.gw, c.idle_count, 1)):
        say(f"{count} idle TLS sessions, PSS each", f"{what} {idle_kib(s, count, pause):.1f} KiB",
            aim="24 KiB, at most 32" if s is c.gw else "")


def idle_kib(s, count, pause):
    # What was freed before and is there for them would be no cost of theirs.
    s.stop()
    s.start()
    load(s, "login", 10, 100, suite.USERS)
    before = pss_kib(s.group)
    port, how = ports(s)[1]
    p = subprocess.Popen([LOAD, str(port), how, suite.DOMAIN, "idle", str(count), str(suite.USERS), "Big"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if p.stdout.readline() != "ready\n":
            raise RuntimeError(f"{s.name}: no idle sessions")
        time.sleep(pause)
        return (pss_kib(s.group) - before) / count
    finally:
        p.stdin.close()
        p.wait(60)
        p.stdout.close()
