# SPDX-License-Identifier: ISC
"""The real daemons under master: each may die and the suite goes on."""
import imaplib
import os
import re
import subprocess
import time

import pytest
from mailtools import fetch_all, message, send, tls, without_trace

import godwit

ROLES = ("keyd", "queue", "store", "deliver", "relay", "smtpd", "imapd", "cmtpd")
TOP = godwit.TOP


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


@pytest.mark.parametrize("role", ROLES)
def test_mail_flows_after_the_death_of(g, role):
    g.kill(role)
    g.wait_ready()
    data = message(f"after {role}")
    send(g, data)
    assert without_trace(fetch_all(g)[-1]) == data


def test_mail_flows_after_a_reload_and_a_restart(g):
    assert g.godwit("reload").returncode == 0
    data = message("after the reload")
    send(g, data)
    g.restart()
    assert without_trace(fetch_all(g)[-1]) == data
    send(g, message("after the restart"))
    assert without_trace(fetch_all(g)[-1]) == message("after the restart")


def test_certificate_is_renewed_by_reload(g):
    def served():
        # Whoever answers: a process that has not heard yet shows the old one.
        with imaplib.IMAP4_SSL("localhost", g.port("imaps"), ssl_context=tls(), timeout=60) as m:
            return m.sock.getpeercert(binary_form=True)
    before = served()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "9", "-subj", "/CN=mx1.example.test", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", f"{g.etc}/key.pem", "-out", f"{g.etc}/certificate.pem"], check=True,
                   stderr=subprocess.DEVNULL)
    mark = g.mark()
    assert g.godwit("reload").returncode == 0
    g.wait_log("key action=load", since=mark)
    until = time.monotonic() + godwit.WAIT_S
    fresh = 0
    while fresh < 8:                # keyd pushes it to every process
        fresh = fresh + 1 if served() != before else 0
        assert time.monotonic() < until
    # Nine within the second in which it was made.
    assert re.search("certificate [89] days", g.godwit("status").stdout)


def test_without_root():
    if os.geteuid() != 0:
        pytest.skip("is what all tests do then")
    with godwit.Instance(uid=65534) as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        send(g, message("as nobody"))
        assert without_trace(fetch_all(g)[-1]) == message("as nobody")


def test_run_script():
    """make run's script, from nothing to its last line, and Ctrl-C."""
    with godwit.Instance() as other:       # for its ports and its directory
        root = other.root + "/run-sh"
        p = subprocess.Popen(["sh", f"{TOP}/dist/run.sh"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env={**os.environ, "RUN_DIR": root, "RUN_BIN": godwit.BIN, "RUN_BASE": str(other.base)},
                             start_new_session=True)
        lines = []
        for line in p.stdout:
            lines.append(line)
            if line == "godwit: ready\n":
                break
        assert lines[-1] == "godwit: ready\n", "".join(lines)
        assert any("curl" in line for line in lines)
        users = subprocess.run([f"{godwit.BIN}/gwuser", "-c", f"{root}/etc", "list"], capture_output=True, text=True,
                               check=True).stdout
        assert "alice@example.test" in users and "bob@example.test" in users
        os.killpg(p.pid, 2)
        assert p.wait(60) == 0
        p.stdout.close()


ONE = "".join(f"{role} {{ processes = 1 }}\n" for role in ("smtpd", "deliver", "relay", "imapd", "cmtpd"))


@pytest.mark.parametrize("who, whom", [("queue", "store"), ("deliver", "store"), ("smtpd", "queue")])
def test_two_that_live_are_wired_again(who, whom):
    """A violation ends the wire between two processes, not their work for good."""
    with godwit.Instance(ONE) as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        before = g.pids()
        mark = g.mark()
        g.control(f"probe.unwire.{whom}", role=who)
        g.wait_log(rf"{who}\[\d+\]: violation peer={whom} ", since=mark)
        g.wait_log(rf"\]: rewire daemon=({who} peer={whom}|{whom} peer={who})$", since=mark)
        mark = g.mark()
        send(g, message("over the new wire"))
        g.wait_log(r"deliver\[\d+\]: sent ", since=mark)
        assert g.pids() == before
        assert len(re.findall(r"\]: rewire ", g.log_text())) == 1
