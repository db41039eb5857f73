# SPDX-License-Identifier: ISC
"""The master process, with a stand-in (echod.c) for every daemon."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import pytest

import godwit

ROLES = ("keyd", "queue", "store", "deliver", "relay", "smtpd", "imapd", "cmtpd")
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
MANY = ("smtpd", "imapd", "cmtpd", "deliver", "relay")
TWO = "".join(f"{role} {{ processes = 2 }}\n" for role in MANY)
NOBODY = 65534
SAN = os.environ.get("GODWIT_VARIANT") == "san"     # the sandbox is in log mode, signals are the sanitizer's


@pytest.fixture(scope="module")
def stand_ins():
    """A directory with godwit, the tools and the stand-in in all places."""
    folder = tempfile.mkdtemp(prefix="godwit-echo-")
    os.chmod(folder, 0o755)
    for name in ("godwit", "gwconf"):
        shutil.copy(f"{godwit.BIN}/{name}", f"{folder}/{name}")
    for role in ROLES:
        shutil.copy(f"{godwit.TESTBIN}/echod", f"{folder}/{role}")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def g(stand_ins):
    with godwit.Instance(config=TWO) as g:
        g.start(bin_dir=stand_ins)
        yield g


def test_start_status_stop(g):
    status = g.status()
    assert [d["daemon"] for d in status["daemons"]].count("smtpd") == 2
    assert {d["state"] for d in status["daemons"]} == {"ready"}
    assert status["warnings"] == [] or os.geteuid() != 0 or SAN
    table = g.godwit("status", check=True).stdout
    assert re.search(r"^smtpd x2 +\d+ .* 14 ", table, re.M), table
    assert 'a "note"' in table
    everyone = [p for pids in g.pids().values() for p in pids]
    g.stop()
    for pid in everyone:
        assert not os.path.exists(f"/proc/{pid}")
    assert not os.path.exists(f"{g.root}/run/control")
    order = re.findall(r"(\w+)\[\d+\]: stop reason=drained", g.log_text())
    assert set(order[:6]) == {"smtpd", "imapd", "cmtpd"} and order[-3:] == ["queue", "store", "keyd"], order


def test_wires_are_those_of_the_plan(g):
    def peers(role):
        return dict(line.split() for line in g.control("peers", role=role).splitlines())
    assert peers("smtpd") == {"keyd": "1", "queue": "1", "cmtpd": "2"}
    assert peers("cmtpd") == {"keyd": "1", "queue": "1", "relay": "2", "smtpd": "2"}
    assert peers("imapd") == {"keyd": "1", "store": "1"}
    assert peers("deliver") == {"queue": "1", "store": "1"}
    assert peers("relay") == {"keyd": "1", "queue": "1", "cmtpd": "2"}
    assert peers("queue") == {"keyd": "1", "smtpd": "2", "cmtpd": "2", "deliver": "2", "relay": "2", "store": "1"}
    assert peers("store") == {"keyd": "1", "queue": "1", "deliver": "2", "imapd": "2"}
    assert peers("keyd") == {"smtpd": "2", "cmtpd": "2", "queue": "1", "relay": "2", "store": "1", "imapd": "2"}


def test_what_each_gets(g):
    keyd = g.control("options", role="keyd")
    assert all(f"file {f}" in keyd for f in ("root_key", "certificate", "key"))
    assert "domain example.test" in keyd and "listener" not in keyd
    smtpd, imapd = g.control("options", role="smtpd"), g.control("options", role="imapd")
    assert "file" not in smtpd + imapd
    assert f"listener mx 127.0.0.1:{g.port('smtp')}" in smtpd and f":{g.port('imaps')}" not in smtpd
    assert f"listener imaps 127.0.0.1:{g.port('imaps')}" in imapd and "listener mx" not in imapd
    assert "hostname mx1.example.test" in smtpd


def test_each_killed_daemon_comes_back_and_is_wired_again(g):
    before = {role: g.control("peers", role=role) for role in ROLES}
    for role in ROLES:
        old = g.kill(role)
        g.wait_ready()
        assert old not in g.pids(role)
        for other in ROLES:
            # The wire of the dead may end after that of its successor came.
            until = time.monotonic() + godwit.WAIT_S
            while (peers := g.control("peers", role=other)) != before[other]:
                assert time.monotonic() < until, f"{other} after the death of {role}: {peers}"
    assert all(d["restarts"] <= 1 for d in g.status()["daemons"])


def test_restart_at_once_then_with_delay(g):
    for delay in (0, 1, 2):
        mark = g.mark()
        g.kill("queue")
        line = g.wait_log(r"\]: restart daemon=queue ", since=mark)
        assert line.endswith(f"delay={delay}"), line
        g.wait_ready()
    g.advance(61)       # a minute of health
    mark = g.mark()
    g.kill("queue")
    assert g.wait_log(r"\]: restart daemon=queue ", since=mark).endswith("delay=0")


def test_delay_has_a_limit(g):
    shutil.copy("/bin/false", f"{g.bin}/store.new")
    os.rename(f"{g.bin}/store", f"{g.bin}/store.old")
    os.rename(f"{g.bin}/store.new", f"{g.bin}/store")
    try:
        mark = g.mark()
        g.kill("store")
        for delay in (0, 1, 2, 4, 8, 16, 30, 30):
            _, mark = g.find_log(rf"\]: restart daemon=store delay={delay}$", mark)
            g.control("clock", str(delay * 1000))
        assert g.status()["warnings"]
    finally:
        os.rename(f"{g.bin}/store.old", f"{g.bin}/store")


def test_crash_is_told(g):
    g.kill("imapd", sig=signal.SIGSEGV)
    g.wait_ready()
    assert re.search(r"imapd x2 .*last exit: SIG(SEGV|ABRT)", g.godwit("status").stdout)


def test_reload(g):
    with open(g.conf, encoding="utf-8") as f:
        text = f.read()
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write('postmaster = "ops@example.test"\n' + text)
    pids = g.pids()
    p = g.godwit("reload")
    assert (p.returncode, p.stderr) == (0, "")
    for role in ROLES:
        options = g.control("options", role=role)
        assert "postmaster ops@example.test" in options and "reloads 1" in options
    # keyd gets the certificate anew, the others keep their listeners
    assert "file certificate" in g.control("options", role="keyd")
    assert "listener mx" in g.control("options", role="smtpd")
    mark = g.mark()
    os.kill(g.process.pid, signal.SIGHUP)
    g.wait_log(r"master\[\d+\]: config .*result=reloaded", since=mark)
    assert g.pids() == pids


@pytest.mark.parametrize("act", [lambda g: g.godwit("reload", check=True), lambda g: g.advance(1)], ids=["reload", "clock"])
@pytest.mark.parametrize("role", ["imapd", "queue"])
def test_every_daemon_is_waited_for(g, act, role):
    """... but for no more than MASTER_STATUS_MS."""
    pid = g.pids(role)[-1]
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    act(g)
    assert 2 <= time.monotonic() - began < godwit.WAIT_S
    os.kill(pid, signal.SIGCONT)
    act(g)


def test_reload_keeps_what_needs_a_restart(g):
    with open(g.conf, encoding="utf-8") as f:
        text = f.read()
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write(text.replace("mx1.example.test", "other.example.test"))
    p = g.godwit("reload")
    assert p.returncode == 0
    assert 'hostname = "other.example.test": applies after a stop and start' in p.stdout
    g.kill("queue")
    g.wait_ready()
    assert "hostname mx1.example.test" in g.control("options", role="queue")


def test_wrong_configuration_leaves_the_service_alone(g):
    g.add_config('queue { maximal_queue_lifetime = "5" }\ndomain "b.test" { sealing = "pasword" }')
    before = g.pids()
    with open(g.conf, encoding="utf-8") as f:
        lines = f.read().splitlines()
    n = next(i for i, line in enumerate(lines, 1) if line.startswith("queue"))
    want = (f'godwit.conf:{n}: queue: maximal_queue_lifetime = "5": unit missing; allowed: 1h to 30d, e.g. 5d\n'
            f'godwit.conf:{n + 1}: domain "b.test": sealing = "pasword": unknown value; allowed: escrow, password, '
            'client, server\n')
    check = g.godwit("check")
    assert (check.returncode, check.stderr) == (78, want)
    p = g.godwit("reload")
    assert p.returncode == 78 and want in p.stderr
    mark = g.mark()
    os.kill(g.process.pid, signal.SIGHUP)
    g.wait_log("result=refused", since=mark)
    assert g.pids() == before
    assert "reloads 0" in g.control("options", role="queue")
    g.stop()
    p = g.godwit("run")
    assert (p.returncode, p.stdout) == (78, "") and want in p.stderr
    assert not os.path.exists(f"{g.root}/run/control")


def test_second_master_is_refused(g):
    p = g.godwit("run")
    assert p.returncode == 73 and "running already" in p.stderr
    assert g.status()


def test_lock_is_not_inherited(g):
    """A child between fork and exec must not keep the next master out."""
    inode = os.stat(f"{g.root}/run/master.pid").st_ino
    with open("/proc/locks", encoding="ascii") as f:
        locks = [line.split() for line in f if f":{inode} " in line]
    assert [(lock[1], lock[3], int(lock[4])) for lock in locks] == [("POSIX", "WRITE", g.process.pid)]


def test_taken_port(stand_ins):
    with godwit.Instance() as g:
        with socket.create_server(("127.0.0.1", g.port("smtp"))):
            p = g.godwit("run")
        assert p.returncode == 73 and f"127.0.0.1:{g.port('smtp')}: Address already in use" in p.stderr
        g.start(bin_dir=stand_ins)


def test_data_directory_that_others_may_write(stand_ins):
    with godwit.Instance() as g:
        for name in ("keys", "spool", "mail"):
            os.chmod(f"{g.root}/{name}", 0o720)
            p = g.godwit("run")
            assert p.returncode == 74, p
            assert f"{name}: mode 0720; allowed: writable by its owner only" in p.stderr
            os.chmod(f"{g.root}/{name}", 0o700)
        g.start(bin_dir=stand_ins)


def test_not_running():
    with godwit.Instance() as g:
        for verb in ("status", "stop", "reload"):
            p = g.godwit(verb)
            assert p.returncode == 69 and "not running" in p.stderr, verb


def test_start_in_the_background(stand_ins):
    with godwit.Instance() as g:
        g.bin = stand_ins
        p = g.godwit("start")
        assert (p.returncode, p.stderr) == (0, "")
        pid = g.status()["pid"]
        assert os.getsid(pid) == pid
        assert g.godwit("stop").returncode == 0
        assert not os.path.exists(f"{g.root}/run/master.pid")
        g.add_config("nonsense = 1")
        p = g.godwit("start")
        assert p.returncode == 78 and "nonsense: unknown option" in p.stderr


def test_hanging_daemon_is_killed(stand_ins):
    with godwit.Instance(config='stop_timeout = "1s"') as g:
        g.start(bin_dir=stand_ins)
        g.control("hang", role="smtpd")
        g.stop()
        g.wait_log(r"exit daemon=smtpd .*SIGKILL", since=0)


def test_second_signal_does_not_wait(stand_ins):
    with godwit.Instance(config='stop_timeout = "10m"') as g:
        g.start(bin_dir=stand_ins)
        g.control("hang", role="imapd")
        g.process.send_signal(signal.SIGINT)
        g.wait_log(r"master\[\d+\]: stop ")
        g.process.send_signal(signal.SIGINT)
        g.wait_end()


def test_all_end_with_master(g):
    pids = [p for role, pids in g.pids().items() if role != "master" for p in pids]
    g.process.kill()
    g.wait_end(None)
    for pid in pids:
        g._wait_gone(pid)       # and then it is a zombie until process 1 looks
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/stat", encoding="ascii") as f:
            assert f.read().rsplit(")", 1)[1].split()[0] == "Z"
    g.start(bin_dir=g.bin)


def test_endless_line_and_flood_are_bounded(g):
    g.control("noise", str(1 << 20), role="queue")      # no line end
    g.control("echo", "alive", role="queue")
    g.kill("queue")
    longest = max(len(line) for line in g.log_text().splitlines())
    assert longest < 4096
    g.wait_ready()
    mark, began = g.mark(), time.monotonic()
    g.control("flood", str(20 << 10), role="store")     # 20 MiB
    g.control("echo", "alive", role="store")
    g.kill("store")
    # 4 MiB of each second that it has a part in, which get stamps
    took, written = time.monotonic() - began, g.mark() - mark
    assert written < (took + 2) * (4 << 20) * 1.1
    if took < 3:        # else the machine is too slow for a flood
        g.wait_log("flood bytes=", since=mark)


def test_log_lines_are_whole_and_stamped(g):
    for line in g.log_text().splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \w+\[\d+\]: \S", line), line


def test_log_is_reopened(g):
    os.rename(g.log, g.log + ".1")
    os.kill(g.process.pid, signal.SIGUSR1)
    g.kill("queue")             # says something
    assert "exit daemon=queue" in g.log_text()


def test_journal_gets_no_stamp(stand_ins):
    with godwit.Instance(config='maillog_file = "-"') as g:
        with open(f"{g.root}/out", "w+b") as out:
            st = os.fstat(out.fileno())
            p = subprocess.Popen([f"{stand_ins}/godwit", "-c", g.etc, "run"], stdout=subprocess.PIPE, stderr=out,
                                 env={**os.environ, "JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"})
            assert p.stdout.readline() == b"godwit: ready\n"
            p.terminate()
            assert p.wait(60) == 0
            p.stdout.close()
            out.seek(0)
            lines = out.read().decode().splitlines()
        assert any(re.match(r"keyd\[\d+\]: start ", line) for line in lines), lines


def test_notify_socket(stand_ins):
    with godwit.Instance() as g, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(f"{g.root}/notify")
        s.settimeout(60)
        g.start(bin_dir=stand_ins, env={"NOTIFY_SOCKET": f"{g.root}/notify"})
        assert s.recv(4096).startswith(b"READY=1")
        os.kill(g.process.pid, signal.SIGHUP)
        assert s.recv(4096) == b"RELOADING=1"
        assert s.recv(4096) == b"READY=1"
        g.stop()
        assert s.recv(4096) == b"STOPPING=1"


@ROOT
def test_reaps_as_process_one(stand_ins):
    with godwit.Instance() as g:
        p = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", f"{stand_ins}/godwit", "-c", g.etc, "run"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while p.stdout.readline() not in (b"godwit: ready\n", b""):
            pass
        with open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii") as f:
            master = int(f.read())
        with open(f"/proc/{master}/status", encoding="ascii") as f:
            assert re.search(r"^NSpid:\s+\d+\s+1$", f.read(), re.M)
        os.kill(master, signal.SIGTERM)
        assert p.wait(60) == 0
        p.stdout.close()


@ROOT
def test_without_root(stand_ins):
    with godwit.Instance(uid=NOBODY) as g:
        g.start(bin_dir=stand_ins)
        status = g.status()
        assert status["layers"] & 16 and not status["layers"] & 1
        assert any("sandbox layers missing" in w for w in status["warnings"])
        g.kill("smtpd")
        g.wait_ready()


@ROOT
@pytest.mark.skipif(SAN, reason="sanitizer builds confine in log mode")
def test_strict_without_root_starts_nothing(stand_ins):
    with godwit.Instance(uid=NOBODY, config="sandbox = strict") as g:
        g.start(bin_dir=stand_ins, wait=False)
        g.wait_log("sandbox = strict")
        g.stop()
        assert "ready daemons" not in g.log_text()


@ROOT
def test_control_socket_is_for_root_and_the_owner(stand_ins):
    with godwit.Instance() as g:
        os.chmod(g.root, 0o755)
        g.start(bin_dir=stand_ins)
        assert os.stat(f"{g.root}/run/control").st_mode & 0o777 == 0o600
        p = subprocess.run([f"{g.bin}/godwit", "-c", g.etc, "status"], user=NOBODY, capture_output=True, text=True)
        assert p.returncode == 77
        os.chmod(f"{g.root}/run/control", 0o666)    # the kernel's word counts, not the mode
        p = subprocess.run([f"{g.bin}/godwit", "-c", g.etc, "status"], user=NOBODY, capture_output=True, text=True)
        assert p.returncode != 0 and "PID" not in p.stdout


def test_control_connections_are_limited(g):
    path = f"{g.root}/run/control"
    socks = []
    for _ in range(65):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(path)
        socks.append(s)
    assert socks[64].recv(1) == b""
    for s in socks:
        s.close()
    until = time.monotonic() + 60
    while g.godwit("status").returncode != 0:
        assert time.monotonic() < until


@pytest.mark.parametrize("frame", [
    b"\xff" * 64,                                                   # absurd length
    struct.pack("<IHHQ", 12, 0xfff0, 0, 1),                         # unknown type
    struct.pack("<IHHQ", 12 + 8, 0x0101, 0, 1) + b"\0" * 8,         # master's own
    struct.pack("<IHHQ", 12 + 14, 0x0120, 0, 1) + b"\0" * 14,       # cut short
])
def test_nonsense_on_the_control_socket(g, frame):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(f"{g.root}/run/control")
        s.sendall(frame)
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass
    assert g.godwit("status").returncode == 0


def test_tool_requests_are_passed_on(g):
    assert g.control("echo", "hello world", role="keyd").strip() == "hello world"
    p = g.godwit("test", "tool", "echo", "x")
    assert p.returncode == 64 and "no such daemon" in p.stderr
    p = g.godwit("test", "queue", "bug")
    assert p.returncode == 75 and "restarting" in p.stderr
    g.wait_ready()


def test_status_json_is_json(g):
    g.kill("keyd", sig=signal.SIGSEGV)
    json.loads(g.godwit("status", "-j").stdout)
