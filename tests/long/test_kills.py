# SPDX-License-Identifier: ISC
"""Random kill -9 of each daemon, and of all at once, under 20 sessions; and
jumps of the clock, by which every request under way is answered too late.

GODWIT_SEED repeats the order of strikes, GODWIT_LONG_SECONDS is how long,
GODWIT_LONG_CONFIG (0, 1 or 2) picks the configuration instead of the seed.
"""
import os
import random
import signal
import threading

from crashload import AWAY, Book, Load, Reader

import godwit

# The load submits more than a person would.
UNBOUNDED = '\nsmtpd { user_recipient_rate = "1000000/s" }\n'

ROLES = ("keyd", "smtpd", "queue", "deliver", "relay", "store", "imapd")
USERS = tuple(f"u{i}" for i in range(8))
# The direct path as it is, one that is nearly always too slow, none.
CONFIGS = ("", "queue { direct_timeout = 2ms }", "queue { direct_timeout = 0s }")
SECONDS = int(os.environ.get("GODWIT_LONG_SECONDS", "300"))


def kill_now(g, pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:      # it died a moment ago
            pass


def strike(g, rnd):
    what = rnd.choice(ROLES + ("all", "suite", "clock"))
    if what == "clock":
        g.advance(rnd.choice((31, 61)))
    elif what == "suite":
        g.kill_suite()
        g.start()
    elif what == "all":
        kill_now(g, [pid for role, pids in g.pids().items() if role != "master" for pid in pids])
    else:       # one that waits for its restart has none
        kill_now(g, g.pids(what))


def test_random_kills():
    seed = int(os.environ.get("GODWIT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    print(f"seed {seed}: GODWIT_SEED={seed} repeats the order of kills")
    rnd = random.Random(seed)
    pause = threading.Event()
    config = rnd.choice(CONFIGS)
    if "GODWIT_LONG_CONFIG" in os.environ:
        config = CONFIGS[int(os.environ["GODWIT_LONG_CONFIG"])]
    with godwit.Instance(config + AWAY + UNBOUNDED) as g:
        g.start()
        book = Book(g, USERS)
        book.add_users()
        reader = Reader(g, "rita")
        with reader, Load(book, sessions=20, submitters=5):
            left = SECONDS
            while left > 0:
                span = rnd.uniform(0.5, 8)
                pause.wait(span)
                left -= span
                strike(g, rnd)
            book.wait_acked(20, limit=120)
        g.wait_ready()
        book.check(120, hours=True)
        reader.check()
        assert book.count > SECONDS
