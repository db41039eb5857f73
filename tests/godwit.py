# SPDX-License-Identifier: ISC
"""An instance of Godwit for a test: made in a temporary directory, started,
watched through its log, and removed.  Nothing here sleeps for luck: waiting
is for a line of the log (inotify) or for the end of a process.

    with godwit.Instance() as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        ...
        g.wait_log("sent", to="<alice@example.test>")
"""
import ctypes
import imaplib
import json
import os
import random
import re
import select
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import imapwatch

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _absolute(path):
    return path if os.path.isabs(path) else f"{TOP}/{path}"


BIN = _absolute(os.environ.get("GODWIT_BIN", "build/test/bin"))
TESTBIN = _absolute(os.environ.get("GODWIT_TESTBIN", "build/test/testbin"))
WAIT_S = 60
# However slow the machine, mail for users here is in their mailboxes when it was
# taken: none of it goes by the spool for want of time.
QUEUE = re.compile(r"(?m)^\s*queue\s*\{")
DIRECT = 'direct_timeout = "10s"'
# What a sanitizer says, through the log, when its daemon did wrong.
REPORT = re.compile(r"\[(\d+)\]: (?:==\d+==ERROR: \w+Sanitizer|.*: runtime error: )")
# Lines that tell that mail flows.
FLOW = re.compile(r"\]: (queued|sent|removed|append) ")
PORTS = {"smtp": 25, "imap": 143, "submissions": 465, "submission": 587, "imaps": 993, "cmtp": 9001, "cmtps": 9060}


class Failed(Exception):
    """What was waited for did not come."""


class _Watch:
    """Tells when a file was written to."""

    IN_MODIFY, IN_CREATE = 0x2, 0x100

    def __init__(self, folder):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or self.libc.inotify_add_watch(self.fd, folder.encode(), self.IN_MODIFY | self.IN_CREATE) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def wait(self, seconds):
        """True when something was written."""
        if not select.select([self.fd], [], [], max(seconds, 0))[0]:
            return False
        while True:
            try:
                if not os.read(self.fd, 65536):
                    return True
            except BlockingIOError:
                return True

    def close(self):
        os.close(self.fd)


def _is_free(base):
    for offset in PORTS.values():
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                with socket.socket(family) as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind((host, base + offset))
            except OSError as e:
                if e.errno == 98:       # EADDRINUSE
                    return False
    return True


def _take_base():
    """A base port and the lock that keeps it ours.

    Bases differ by less than the smallest distance of two ports within one
    thousand, so that no two instances meet.
    """
    bases = [t + k for t in range(11000, 22000, 1000) for k in range(20)]
    random.shuffle(bases)
    for base in bases:
        # An abstract name: it has no owner and goes with its process.
        with socket.socket(socket.AF_UNIX) as name:
            try:
                name.bind(f"\0godwit-base-{base}")
            except OSError:
                continue
            lock = name.detach()
        if _is_free(base):
            return base, lock
        os.close(lock)
    raise Failed("no base port is free")


def imap_login(m, user, password):
    """After a death a daemon that is ready may still be strange to another
    for a moment: then the answer is to try again, which this does a little."""
    step = threading.Event()
    for left in reversed(range(20)):
        try:
            return m.login(user, password)
        except imaplib.IMAP4.error as e:
            if left == 0 or "[UNAVAILABLE]" not in str(e):
                raise
        step.wait(0.1)


class Instance:
    def __init__(self, config="", domain="example.test", hostname="mx1.example.test", root=None, uid=None):
        """config: lines added to godwit.conf.  root: keep the instance there.
        uid: run as this user instead of the caller's."""
        self.config, self.domain, self.hostname = config, domain, hostname
        self.keep, self.root, self.uid = root is not None, root, uid
        self.process = self.watch = self.heard = None
        self.base = self.lock = None
        self.broken = set()     # processes that a test had do wrong
        self.run_mark = self.exit_mark = 0
        self.bin = BIN

    # making and removing

    def __enter__(self):
        self.base, self.lock = _take_base()
        if self.root is None:
            self.root = tempfile.mkdtemp(prefix="godwit-")
            if self.uid is not None:
                os.chown(self.root, self.uid, self.uid)
        if not os.path.exists(f"{self.etc}/godwit.conf"):
            self.setup()
        self.watch = _Watch(f"{self.root}/log")
        self.heard = tempfile.mkdtemp(prefix="godwit-imap-")
        if self.uid is not None:
            os.chown(self.heard, self.uid, self.uid)
        return self

    def __exit__(self, failure, *unused):
        try:
            if self.is_running():
                self.stop()
        finally:
            self.kill_suite()
            if self.watch:
                self.watch.close()
            os.close(self.lock)
            reports = self._sanitizer_reports()
            if not self.keep and not os.environ.get("GODWIT_KEEP"):
                shutil.rmtree(self.root, ignore_errors=True)
            if self.heard:
                self._check_imap(failure)
            assert failure or not reports, reports

    def _sanitizer_reports(self):
        """A daemon that was aborted is started again, and nobody may notice."""
        lines = self.log_text().splitlines()
        return "\n".join("\n".join(lines[i:i + 30]) for i, line in enumerate(lines)
                         if (m := REPORT.search(line)) and int(m.group(1)) not in self.broken)

    def _check_imap(self, failure):
        """All that imapd said was legal, whatever the test was about."""
        try:
            faults = imapwatch.check_folder(self.heard)[2]
        finally:
            shutil.rmtree(self.heard, ignore_errors=True)
        assert failure or not faults, imapwatch.report(faults)

    def _user(self):
        return {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}

    def setup(self):
        subprocess.run([f"{BIN}/godwit", "setup", "--instance", self.root, "--domain", self.domain, "--hostname",
                        self.hostname, "--local", str(self.base)], check=True, stdout=subprocess.DEVNULL,
                       **self._user())
        self.add_config(self.config)

    @property
    def etc(self):
        return f"{self.root}/etc"

    @property
    def conf(self):
        return f"{self.etc}/godwit.conf"

    @property
    def log(self):
        return f"{self.root}/log/godwit.log"

    def add_config(self, text):
        """With DIRECT in the section of queue, unless that says otherwise."""
        with open(self.conf, encoding="utf-8") as f:
            old = f.read()
        if QUEUE.search(text):
            old = old.replace(f"\nqueue {{ {DIRECT} }}\n", "")
            if "direct_timeout" not in text:
                text = QUEUE.sub(lambda m: f"{m.group()} {DIRECT} ", text, count=1)
        elif not QUEUE.search(old):
            text = f"{text}\nqueue {{ {DIRECT} }}\n"
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"{old}\n{text}\n")

    # running

    def start(self, bin_dir=None, wait=True, env=None):
        """Returns when all daemons serve."""
        assert not self.is_running()
        self.bin = bin_dir or BIN
        self.run_mark = self.exit_mark = self.mark()
        self.process = subprocess.Popen([f"{self.bin}/godwit", "-c", self.etc, "run"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, "GODWIT_IMAP_TRANSCRIPT": self.heard, **(env or {})},
                                        **self._user())
        if wait:
            self._wait_ready_line()

    def _wait_ready_line(self):
        said, until = b"", time.monotonic() + WAIT_S
        fd = self.process.stdout.fileno()
        while b"godwit: ready\n" not in said:
            left = until - time.monotonic()
            chunk = os.read(fd, 4096) if left > 0 and select.select([fd], [], [], left)[0] else b""
            if not chunk:
                self.process.kill()
                code = self.process.wait()
                raise Failed(f"not ready (exit {code}): {said.decode(errors='replace')}\n{self.log_tail()}")
            said += chunk

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, code=0):
        """In order, as Ctrl-C does."""
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        self.wait_end(code)

    def wait_end(self, code=0):
        try:
            got = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            raise Failed("does not end\n" + self.log_tail()) from None
        finally:
            if self.process.stdout:
                self.process.stdout.close()
        assert code is None or got == code, f"exit {got}\n{self.log_tail()}"

    def restart(self):
        self.stop()
        self.start()

    def kill_suite(self):
        """kill -9 of every process at once; start() works again after it."""
        if not self.is_running():
            return
        self.process.send_signal(signal.SIGSTOP)    # or it starts others meanwhile
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        pids = self._children() + [self.process.pid]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.wait_end(None)
        for pid in pids:
            self._wait_gone(pid)

    def _children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return [int(pid) for pid in f.read().split()]

    @staticmethod
    def _wait_gone(pid):
        """Of a process that is nobody's child here."""
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return
        select.select([fd], [], [], WAIT_S)
        os.close(fd)

    # asking

    def tool(self, name, *args, input=None, check=False):
        return subprocess.run([f"{self.bin}/{name}", "-c", self.etc, *args], input=input, capture_output=True, text=True,
                              check=check, timeout=WAIT_S * 2, **self._user())

    def godwit(self, *args, **kwargs):
        return self.tool("godwit", *args, **kwargs)

    def status(self):
        return json.loads(self.godwit("status", "-j", check=True).stdout)

    def pids(self, name=None):
        """{role: [pid, ...]} of what runs, or the list of one role."""
        status = self.status()
        found = {"master": [status["pid"]]}
        for d in status["daemons"]:
            if d["pid"] > 0:
                found.setdefault(d["daemon"], []).append(d["pid"])
        return found if name is None else found.get(name, [])

    def control(self, verb, *args, role="master"):
        """A request of test builds; its text."""
        p = self.godwit("test", role, verb, *args)
        assert p.returncode == 0, p.stderr
        return p.stdout

    def advance(self, seconds):
        """Returns when every process lives in that time.  What is under way
        meanwhile has run out of its time."""
        self.control("clock", str(int(seconds * 1000)))

    def probe(self, role, probe):
        """What a forbidden act inside of a daemon came to: an error's name, or
        the signal that the daemon got."""
        mark = self.mark()
        p = self.godwit("test", role, f"probe.{probe}")
        if p.returncode == 0:
            return p.stdout.strip()
        line = self.wait_log(rf"\]: exit daemon={role} ", since=mark)
        return re.search(r"signal=(\S+)", line).group(1)

    def add_user(self, address, password):
        p = self.tool("gwuser", "add", address, "--password-stdin", input=password + "\n")
        assert p.returncode == 0, p.stderr
        return p

    # killing one

    def kill(self, role, idx=0, sig=signal.SIGKILL):
        """Returns when master has noticed; see wait_ready()."""
        pid = self.pids(role)[idx]
        mark = self.mark()
        if sig == signal.SIGSEGV:
            self.broken.add(pid)
        os.kill(pid, sig)
        _, self.exit_mark = self.find_log(rf"\]: exit daemon={role} pid={pid} ", mark)
        return pid

    def wait_exit(self, role):
        """The next death of a daemon since the start or the last kill or
        wait_exit: that of its successor may stand in the log already."""
        line, self.exit_mark = self.find_log(rf"\]: exit daemon={role} ", self.exit_mark)
        return line

    def wait_ready(self, seconds=WAIT_S):
        """Until every daemon serves (again)."""
        until = time.monotonic() + seconds
        while any(d["state"] != "ready" for d in self.status()["daemons"]):
            left = until - time.monotonic()
            if left < 0:
                raise Failed("not all ready\n" + self.log_tail())
            self.watch.wait(min(left, 0.5))

    def wait_empty_queue(self, seconds=WAIT_S):
        until = time.monotonic() + seconds
        while True:
            p = self.tool("gwqueue", "-j")
            if p.returncode == 0 and p.stdout.strip() in ("", "[]"):
                return
            left = until - time.monotonic()
            if left < 0:
                raise Failed(f"queue is not empty: {p.stdout}{p.stderr}\n{self.log_tail()}")
            self.watch.wait(min(left, 0.5))

    # the log

    def mark(self):
        """The end of the log now: give it to wait_log as since."""
        try:
            return os.stat(self.log).st_size
        except FileNotFoundError:
            return 0

    def _log_bytes(self, since):
        try:
            with open(self.log, "rb") as f:
                f.seek(since)
                return f.read()
        except FileNotFoundError:
            return b""

    def log_text(self, since=0, until=None):
        """Between two marks, or to the end."""
        data = self._log_bytes(since)
        return data[:until - since if until is not None else None].decode("utf-8", "replace")

    def log_tail(self, lines=40, flow=10):
        """The last lines; of those that only tell that mail flows, the last few."""
        tail = []
        for line in reversed(self.log_text().splitlines()):
            if FLOW.search(line):
                flow -= 1
                if flow < 0:
                    continue
            tail.append(line)
            if len(tail) == lines:
                break
        return "\n".join(reversed(tail))

    def wait_log(self, pattern, since=None, seconds=WAIT_S, **keys):
        """The first whole line since the start (or the mark) that matches the
        regular expression and has all key=value."""
        return self.find_log(pattern, self.run_mark if since is None else since, seconds, **keys)[0]

    def find_log(self, pattern, since, seconds=WAIT_S, **keys):
        """As wait_log: the line, and the mark of its end."""
        until = time.monotonic() + seconds
        wanted = [f" {k.rstrip('_')}={v}" for k, v in keys.items()]
        while True:
            for row in self._log_bytes(since).splitlines(keepends=True):
                line = row.decode("utf-8", "replace").rstrip("\n")
                if not row.endswith(b"\n"):
                    break       # still being written
                since += len(row)
                if re.search(pattern, line) and all(w + " " in line + " " for w in wanted):
                    return line, since
            left = until - time.monotonic()
            if left < 0:
                raise Failed(f"no line {pattern} {wanted} in the log\n{self.log_tail()}")
            self.watch.wait(min(left, 1))

    # clients

    def tls(self):
        """A context that trusts the instance's certificate and nothing else."""
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.load_verify_locations(f"{self.etc}/certificate.pem")
        return c

    def port(self, service):
        return self.base + PORTS[service]

    def smtp(self, service="smtp", user=None, password=None):
        """Logged in when user is given; TLS by the rules of the service."""
        if service == "submissions":
            s = smtplib.SMTP_SSL("localhost", self.port(service), context=self.tls(), timeout=WAIT_S)
        else:
            s = smtplib.SMTP("localhost", self.port(service), timeout=WAIT_S)
        s.ehlo("client.example")
        if service == "submission":
            s.starttls(context=self.tls())
            s.ehlo("client.example")
        if user:
            s.login(user, password)
        return s

    def imap(self, user=None, password=None):
        m = imaplib.IMAP4_SSL("localhost", self.port("imaps"), ssl_context=self.tls(), timeout=WAIT_S)
        if user:
            imap_login(m, user, password)
        return m

    def raw(self, service):
        """A plain TCP connection."""
        return socket.create_connection(("127.0.0.1", self.port(service)), timeout=WAIT_S)
