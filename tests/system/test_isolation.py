# SPDX-License-Identifier: ISC
"""Where secrets are, and what a confined daemon can still do."""
import base64
import glob
import os
import re
import subprocess

import pytest
from mailtools import fetch_all, imap, message, send

import godwit

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users' processes are looked into")
DAEMONS = ("keyd", "smtpd", "queue", "deliver", "relay", "store", "imapd", "cmtpd")

OUTWARD = ("relay",)    # keeps the network of the host


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


def regions(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as f:
        for line in f:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if m and "[v" not in line:
                start, end = int(m.group(1), 16), int(m.group(2), 16)
                # A sanitizer's shadow: terabytes that hold no byte of ours.
                if not (os.environ.get("GODWIT_VARIANT") == "san" and end - start > 4 << 30):
                    yield start, end


def holds(pid, needles):
    """Which of the needles stand in the process's memory."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for start, end in regions(pid):
            at = start
            while at < end:     # in pieces that overlap by a needle's length
                try:
                    mem.seek(at)
                    data = mem.read(min(end - at, 16 << 20))
                except (OSError, ValueError, OverflowError):
                    break
                if not data:
                    break
                found |= {name for name, needle in needles.items() if needle in data}
                if at + len(data) >= end:
                    break
                at += max(len(data) - 128, 1)
    return found


@ROOT
def test_private_key_is_in_keyd_only(g):
    key = next(p for p in glob.glob(f"{g.root}/**/*.key", recursive=True) + glob.glob(f"{g.root}/**/*key.pem", recursive=True)
               if b"PRIVATE KEY" in open(p, "rb").read())
    pem = open(key, "rb").read()
    text = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], capture_output=True, text=True,
                          check=True).stdout
    scalar = bytes.fromhex(re.sub(r"[^0-9a-f]", "", text.split("priv:")[1].split("pub:")[0]))[-32:]
    body = b"".join(line for line in pem.splitlines() if not line.startswith(b"-----"))
    needles = {"big-endian": scalar, "little-endian": scalar[::-1], "pem": body[48:112],
               "der": base64.b64decode(body)[36:60]}
    for port in (465, 993):     # the key is used first, by both roles
        imap(g).logout() if port == 993 else send(g, message(), sender="alice@example.test", port=465, user="alice")
    pids = g.pids()
    assert set(DAEMONS) <= set(pids)
    for role, processes in pids.items():
        for pid in processes:
            found = holds(pid, needles)
            if role == "keyd":
                assert found, "the search finds nothing even where the key is"
            else:
                assert not found, f"{role} holds the private key: {found}"


@ROOT
def test_every_thread_is_confined(g):
    uids = {}
    for role, processes in g.pids().items():
        if role == "master":
            continue
        for pid in processes:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as f:
                    status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
                where = f"{role} {pid}/{task}"
                if os.environ.get("GODWIT_VARIANT") != "san":
                    assert status["Seccomp"] == "2", where
                assert status["NoNewPrivs"] == "1", where
                for field in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
                    assert int(status[field], 16) == 0, f"{where} {field}"
                ids = set(status["Uid"].split()) | set(status["Gid"].split())
                assert len(ids) == 1 and "0" not in ids, where
                assert status["Groups"].split() == [], where
                uids.setdefault(role, set()).add(ids.pop())
            apart = os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
            assert apart == (role not in OUTWARD), role
            assert os.readlink(f"/proc/{pid}/root") != "/", role
    assert all(len(u) == 1 for u in uids.values())
    assert len({next(iter(u)) for u in uids.values()}) == len(uids), "two roles share a user"


PROBES = ("open", "connect", "exec", "ptrace", "sendto", "socket", "fork", "kill", "mmap_exec")
FORBIDDEN = re.compile(r"\b(EPERM|EACCES|ENOSYS|ENOENT|ENETUNREACH|EAFNOSUPPORT|ESRCH|EROFS|SIGSYS|killed)\b")


@pytest.mark.parametrize("role", DAEMONS)
def test_probes_get_nowhere(role):
    if os.environ.get("GODWIT_VARIANT") == "san":
        pytest.skip("the sandbox is in log mode under sanitizers")
    with godwit.Instance() as g:
        g.start()
        for probe in PROBES:
            if role in OUTWARD and probe in ("connect", "sendto"):
                continue
            outcome = g.probe(role, probe)
            assert FORBIDDEN.search(outcome), f"{role}: {probe} gave {outcome!r}"
            g.wait_ready()      # a killed daemon is back before the next probe


def test_nothing_was_killed_by_the_filter(g):
    """Ordinary work of each kind stays inside of the allow-lists."""
    send(g, message("a", "b\r\n" * 100000), to="alice")
    assert fetch_all(g)
    g.stop()
    assert "SIGSYS" not in g.log_text()
    g.start()
