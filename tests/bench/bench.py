#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Figures and ratios against Postfix, taken in turn in one run.

Every line ends with the aim.  Absolute figures belong to this machine and
its load; the ratios are what to look at.
"""
import argparse
import imaplib
import os
import smtplib
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import suite  # noqa: E402

LOAD = f"{suite.TOP}/build/testbin/smtp_load"


def say(what, figure, aim=""):
    print(f"{what:<52} {figure:>24}   {aim}")
    sys.stdout.flush()


def receive(s, messages, size, sessions, domain=suite.DOMAIN, delivered=None):
    """Messages/s until in the mailbox, CPU ms and flushes a message."""
    delivered = delivered or s.delivered
    before = delivered()
    cpu = s.group.seconds()
    started = time.monotonic()
    with suite.Flushes() as flushes:
        started = time.monotonic()
        subprocess.run([LOAD, str(s.port), str(sessions), str(messages), str(size), domain,
                        str(suite.USERS)], check=True, stdout=subprocess.DEVNULL)
        while before is not None and delivered() - before < messages:
            time.sleep(0.01)
        seconds = time.monotonic() - started
    used = s.group.seconds()
    return (messages / seconds, (used - cpu) * 1000 / messages if cpu is not None else None,
            flushes.count / messages if flushes.count is not None else None)


def median(rows, column):
    values = [r[column] for r in rows if r[column] is not None]
    return statistics.median(values) if values else float("nan")


def bench_receive(work, rounds, messages):
    pf, gw = suite.Postfix(work), suite.Godwit(work)
    gw.start()
    gw.add_users()
    gw.stop()
    results = {pf.name: [], gw.name: []}
    for _ in range(rounds):
        for s in (pf, gw):
            s.start()
            receive(s, 200, 4096, 20)       # warm
            results[s.name].append(receive(s, messages, 4096, 20))
            s.stop()
    pf.close()
    p, g = results["postfix"], results["godwit"]
    say("4 KiB, 20 sessions, to the mailbox: Postfix", f"{median(p, 0):.0f}/s")
    say("4 KiB, 20 sessions, to the mailbox: Godwit", f"{median(g, 0):.0f}/s")
    say("  rate, Godwit to Postfix", f"{median(g, 0) / median(p, 0):.1f} x", "aim 5 x")
    say("  CPU ms a message: Postfix, Godwit", f"{median(p, 1):.2f}, {median(g, 1):.3f}")
    say("  CPU, Postfix to Godwit", f"{median(p, 1) / median(g, 1):.1f} x", "aim 8 x")
    say("  flushes a message: Postfix, Godwit", f"{median(p, 2):.2f}, {median(g, 2):.2f}", "aim 0.5")
    return gw


def bench_relay(work, rounds, messages):
    """Received, spooled, sent on: until the sink has them."""
    sink = suite.Sink()
    relayhost = f"[127.0.0.1]:{sink.port}"
    os.makedirs(f"{work}/relay", exist_ok=True)
    suites = suite.Postfix(f"{work}/relay", relayhost), suite.Godwit(f"{work}/relay", relayhost)
    results = {s.name: [] for s in suites}
    try:
        for _ in range(rounds):
            for s in suites:
                s.start()
                receive(s, 200, 4096, 20, "away.example", sink.count)
                results[s.name].append(receive(s, messages, 4096, 20, "away.example", sink.count))
                s.stop()
    finally:
        for s in suites:
            s.close()
        sink.close()
    p, g = results["postfix"], results["godwit"]
    say("4 KiB, 20 sessions, received and relayed: Postfix", f"{median(p, 0):.0f}/s")
    say("4 KiB, 20 sessions, received and relayed: Godwit", f"{median(g, 0):.0f}/s")
    say("  rate, Godwit to Postfix", f"{median(g, 0) / median(p, 0):.1f} x", "aim 6 x")
    say("  CPU ms a message: Postfix, Godwit", f"{median(p, 1):.2f}, {median(g, 1):.3f}")
    say("  CPU, Postfix to Godwit", f"{median(p, 1) / median(g, 1):.1f} x", "aim 8 x")
    say("  flushes a message: Postfix, Godwit", f"{median(p, 2):.2f}, {median(g, 2):.2f}")


def client_context():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


TLS = client_context()


def login(gw, user="u0", plain=False):
    if plain:
        m = imaplib.IMAP4("127.0.0.1", gw.base + 143)
        m.starttls(TLS)
    else:
        m = imaplib.IMAP4_SSL("127.0.0.1", gw.base + 993, ssl_context=TLS)
    m.login(f"{user}@{suite.DOMAIN}", "secret")
    return m


def bench_notify(gw, count=50):
    m = login(gw, "u1")
    m.select()
    m.send(b"x IDLE\r\n")
    m.readline()
    smtp = smtplib.SMTP("127.0.0.1", gw.port)
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
    say("250 to IDLE EXISTS, median", f"{statistics.median(delays):.2f} ms", "aim 2 ms (Dovecot 466)")


def pss_kib(group):
    total = 0
    for pid in group.pids():
        with open(f"/proc/{pid}/smaps_rollup") as f:
            total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    return total


def bench_idle(gw, count=400):
    before = pss_kib(gw.group)
    sessions = []
    for i in range(count):
        m = login(gw, f"u{i % suite.USERS}")
        m.select()
        m.send(b"x IDLE\r\n")
        m.readline()
        sessions.append(m)
    after = pss_kib(gw.group)
    for m in sessions:
        m.sock.shutdown(socket.SHUT_RDWR)
    say(f"idle TLS IMAP session, PSS over {count}", f"{(after - before) / count:.1f} KiB", "aim 32 KiB")


def bench_login(gw, count=300):
    cpu, started = gw.group.seconds(), time.monotonic()
    for _ in range(count):
        login(gw).logout()
    seconds = time.monotonic() - started
    used = gw.group.seconds()
    say("TLS IMAP LOGIN, repeated user",
        f"{count / seconds:.0f}/s, {(used - cpu) * 1000 / count:.2f} ms CPU" if cpu is not None
        else f"{count / seconds:.0f}/s", "Dovecot 135/s, 11 ms")


def drain(sock, tag):
    """Read until the tagged line; the number of bytes."""
    total, tail = 0, b""
    while True:
        data = sock.recv(1 << 20)
        if not data:
            raise RuntimeError("connection lost")
        total += len(data)
        tail = (tail + data)[-200:]
        if b"\r\n" + tag + b" " in tail or tail.startswith(tag + b" "):
            if b" OK" not in tail[tail.rfind(tag):]:
                raise RuntimeError(tail)
            return total


def bench_fetch(gw, want=10000):
    m = login(gw)
    have = int(m.select()[1][0])
    if have < want:
        subprocess.run([LOAD, str(gw.port), "20", str(want - have), "4096", suite.DOMAIN, "1"], check=True,
                       stdout=subprocess.DEVNULL)
        m.select()
    for what, items in (("FLAGS", "(FLAGS)"), ("UID FLAGS ENVELOPE BODYSTRUCTURE, first",
                        "(UID FLAGS ENVELOPE BODYSTRUCTURE)"),
                        ("the same again", "(UID FLAGS ENVELOPE BODYSTRUCTURE)"),
                        ("BODY.PEEK[]", "(BODY.PEEK[])")):
        started = time.monotonic()
        m.send(b"f FETCH 1:%d %s\r\n" % (want, items.encode()))
        total = drain(m.sock, b"f")
        seconds = time.monotonic() - started
        say(f"FETCH of {want}: {what}", f"{seconds * 1000:.0f} ms, {total / seconds / 1e6:.0f} MB/s")
    m.logout()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--messages", type=int, default=4000)
    ap.add_argument("--work")
    args = ap.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench needs root: it starts Postfix and reads the memory of processes")
    with tempfile.TemporaryDirectory(prefix="godwit-bench-") as work:
        work = args.work or work
        os.chmod(work, 0o755)
        bench_relay(work, args.rounds, args.messages)
        gw = bench_receive(work, args.rounds, args.messages)
        gw.configure("imapd.user_connection_limit", "1000")
        gw.start()
        try:
            bench_notify(gw)
            bench_idle(gw)
            bench_login(gw)
            bench_fetch(gw)
        finally:
            gw.close()


if __name__ == "__main__":
    main()
