#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Figures and ratios against Postfix and Dovecot, taken in turn in one run.

	make bench BENCH="envelope memory --idle 10000"

Every line ends with the aim.  Absolute figures belong to this machine and
its load; the ratios are what to look at.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cmtp_rows  # noqa: E402
import imap_rows  # noqa: E402
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
    return (messages / seconds, (used - cpu) * 1000 / messages,
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
    suites = suite.Postfix(work, relayhost), suite.Godwit(work, relayhost)
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


def receive_rows(args, work):
    bench_receive(work, args.rounds, args.messages).close()


def relay_rows(args, work):
    bench_relay(work, args.rounds, args.messages)


def cmtp_rows_of(args, work):
    cmtp_rows.between(say, median, work, args.rounds, args.messages)
    cmtp_rows.sealing(say, args.rounds)


def imap(args, work, wanted):
    contest = imap_rows.Contest(work, args.rounds, args.idle)
    try:
        for name, function in imap_rows.ROWS:
            if name in wanted:
                function(contest)
    finally:
        contest.close()


def main():
    mail = {"relay": relay_rows, "receive": receive_rows, "cmtp": cmtp_rows_of}
    names = [*mail, *(name for name, _ in imap_rows.ROWS)]
    ap = argparse.ArgumentParser()
    ap.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(names)}; none: all")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--messages", type=int, default=4000, help="of a round of relay, receive and cmtp")
    ap.add_argument("--idle", type=int, default=2000, help="sessions of the row memory")
    ap.add_argument("--work", help="kept folder for all files")
    args = ap.parse_args()
    wanted = args.rows or names
    if not set(wanted) <= set(names):
        ap.error(f"rows are {', '.join(names)}")
    if os.geteuid() != 0:
        sys.exit("bench needs root: it starts Postfix and Dovecot and reads the memory of processes")
    with tempfile.TemporaryDirectory(prefix="godwit-bench-") as work:
        work = args.work or work
        os.makedirs(work, exist_ok=True)
        os.chmod(work, 0o755)
        for name, function in mail.items():
            if name in wanted:
                os.makedirs(f"{work}/{name}", exist_ok=True)
                function(args, f"{work}/{name}")
        if set(wanted) - set(mail):
            imap(args, work, wanted)


if __name__ == "__main__":
    main()
