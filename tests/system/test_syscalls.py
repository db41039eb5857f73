# SPDX-License-Identifier: ISC
"""What a message costs in system calls, counted over all processes.

Counts, not times, so a loaded machine sees the same.  A tracer slows the
processes down, which makes the batches small: the bounds leave room for it.
"""
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import godwit

SESSIONS = 20
MESSAGES = 400
ALL = 60
TICK_S = 0.005      # MASTER_LOG_TICK_MS
# Calls that no batch can save: the four replies and what they answer, the
# body's descriptor made, sealed, checked and read once, fresh keys.
EACH = {"sendto": 4, "recvfrom": 4, "memfd_create": 1, "fcntl": 2, "newfstatat": 1, "pread64": 1, "getrandom": 3}

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="tracing daemons needs root"),
]


CONFIG = """
smtpd {
	processes = 1
}
deliver {
	processes = 1
}
"""


@pytest.fixture(scope="module")
def g():
    with godwit.Instance(CONFIG) as g:
        g.start()
        for i in range(4):
            g.add_user(f"u{i}@example.test", "secret")
        load(g, SESSIONS)       # epochs, connections, buffers
        yield g


def load(g, messages):
    subprocess.run([f"{godwit.TESTBIN}/smtp_load", str(g.port("smtp")), str(SESSIONS), str(messages), "4096",
                    "example.test", "4"], check=True, stdout=subprocess.DEVNULL, timeout=120)


class Trace:
    """Counts the system calls of processes, by name."""

    def __init__(self, pids):
        argv = ["strace", "-f", "-c"]
        for pid in pids:
            argv += ["-p", str(pid)]
        self.p = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        for _ in pids:
            line = self.p.stderr.readline()
            assert " attached" in line, line

    def stop(self):
        self.p.send_signal(signal.SIGINT)
        text = self.p.communicate(timeout=60)[1]
        rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", text, re.M)
        return {name: int(calls) for calls, name in rows if name != "total"}


def count(g, *roles):
    """Calls for a message, by name."""
    trace = Trace([pid for role in roles for pid in g.pids(role)])
    load(g, MESSAGES)
    calls = {name: calls / MESSAGES for name, calls in trace.stop().items()}
    assert calls, "strace counted nothing"
    return calls


def test_all_daemons_together(g):
    calls = count(g, "smtpd", "queue", "deliver", "store")
    for name, most in EACH.items():
        assert calls.get(name, 0) < most + 0.5, calls
    # A batch is flushed once, at worst it is one message.
    assert calls["fdatasync"] < 1.2, calls
    assert sum(calls.values()) < ALL, calls


def test_master_writes_the_log_by_ticks(g):
    """One write each, and some where a daemon ends a silence in between.  A
    slow machine has more ticks and is allowed more."""
    trace = Trace(g.pids("master"))
    started = time.monotonic()
    load(g, MESSAGES)
    ticks = (time.monotonic() - started) / TICK_S
    calls = trace.stop()
    assert 0 < calls["write"] < 2 * ticks + 40, (calls, ticks)
