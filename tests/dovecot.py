# SPDX-License-Identifier: ISC
"""Dovecot's imap (Debian), unpacked as mtas.py unpacks its peers, and a wire to
it or to any other IMAP server that asks much at once.

The imap program serves one client on its standard input and output, logged in
already, without a running Dovecot: no master, no port, no user of its own.
"""
import os
import select
import socket
import ssl
import subprocess
import time

import godwit
import imapgrammar
import mtas

USER_ID = 58700
CONFIG = """protocols =
base_dir = {root}/run
log_path = {root}/log
libexec_dir = {lib}
mail_plugin_dir = {lib}/modules
mail_location = mdbox:{root}/mail
first_valid_uid = 1
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
ssl = no
imap_max_line_length = 1M
mail_fsync = never
namespace inbox {{
  inbox = yes
  separator = /
}}
{more}
"""


class Wire:
    """Commands are sent while answers are read: neither waits for the other.
    receive and send are those of a thing that does not block."""

    def __init__(self, name, log, receive, send, read_fd, write_fd):
        """log(): what the server wrote, for the reader of a failure."""
        self.name, self.log, self.receive, self.send = name, log, receive, send
        self.read_fd, self.write_fd = read_fd, write_fd
        self.data, self.at, self.serial, self.rest = bytearray(), 0, 0, b""
        self.greeting = self.response()

    def response(self):
        while True:
            end = imapgrammar.take(self.data, self.at)
            if end is not None:
                out = bytes(self.data[self.at:end])
                self.at = end
                return out
            del self.data[:self.at]
            self.at = 0
            self.move()

    def move(self):
        """Until more has come; what waits is sent meanwhile."""
        until = time.monotonic() + godwit.WAIT_S
        while True:
            try:
                if self.rest:
                    self.rest = self.rest[self.send(self.rest[:1 << 16]):]
                    continue
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            try:
                more = self.receive(1 << 18)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                left = until - time.monotonic()
                if left < 0:
                    raise godwit.Failed(f"{self.name} says nothing\n{self.log()}") from None
                select.select([self.read_fd], [self.write_fd] if self.rest else [], [], left)
                continue
            if not more:
                raise godwit.Failed(f"{self.name} closed after {bytes(self.data[:200])!r}\n{self.log()}")
            self.data += more
            return

    def run(self, commands):
        """For each command its untagged responses, then the tagged one."""
        first = self.serial + 1
        lines = []
        for c in commands:
            self.serial += 1
            lines.append(b"t%d " % self.serial + c + b"\r\n")
        self.rest = memoryview(b"".join(lines))
        out = []
        for n in range(first, self.serial + 1):
            tag, rows = b"t%d " % n, []
            while not rows or not rows[-1].startswith(tag):
                rows.append(self.response())
            out.append(rows)
        return out

    def ok(self, *commands):
        out = self.run(commands)
        for c, rows in zip(commands, out):
            assert rows[-1].split(b" ")[1] == b"OK", f"{self.name}: {c[:200]!r}: {rows[-1]!r}"
        return out


class Dovecot(Wire):
    def __init__(self, folder, user="alice", more=""):
        """more: lines of its configuration."""
        mtas.unpack(("dovecot-core", "dovecot-imapd"))
        tree = f"{mtas.PEERS}/tree"
        lib = f"{tree}/usr/lib/dovecot"
        for d in ("run", "mail", "home"):
            os.makedirs(f"{folder}/{d}")
        self.folder = folder
        with open(f"{folder}/conf", "w", encoding="ascii") as f:
            f.write(CONFIG.format(root=folder, lib=lib, more=more))
        who = []
        if os.geteuid() == 0:
            for d in (folder, *(f"{folder}/{x}" for x in ("run", "mail", "home", "conf"))):
                os.chown(d, USER_ID, USER_ID)
            who = ["setpriv", "--reuid", str(USER_ID), "--regid", str(USER_ID), "--clear-groups"]
        # doveconf reads the configuration for the program it becomes.
        self.process = subprocess.Popen(
            [*who, f"{tree}/usr/bin/doveconf", "-f", "service=imap", "-c", f"{folder}/conf", "-m", "imap", "-e",
             f"{lib}/imap"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env={"LD_LIBRARY_PATH": ":".join([lib] + mtas.library_dirs()), "PATH": "/usr/bin:/bin", "USER": user,
                 "HOME": f"{folder}/home", "TZ": "UTC"})
        into, out = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(into, False)
        os.set_blocking(out, False)
        super().__init__("dovecot", self.log_tail, lambda n: os.read(out, n), lambda data: os.write(into, data), out, into)

    def log_tail(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]

    def close(self):
        self.process.kill()
        self.process.communicate()


class Godwit(Wire):
    def __init__(self, g, user, password):
        self.sock = g.tls().wrap_socket(socket.create_connection(("127.0.0.1", g.port("imaps")), timeout=godwit.WAIT_S),
                                        server_hostname="localhost")
        self.sock.setblocking(False)
        super().__init__("godwit", g.log_tail, self.sock.recv, self.sock.send, self.sock, self.sock)
        self.ok(f'LOGIN "{user}" "{password}"'.encode())

    def close(self):
        self.sock.close()


def values(data, at=0):
    """Lists of bytes, None and lists: what stands in a response, without
    regard to what it means."""
    stack, n = [[]], len(data)
    while at < n:
        c = data[at:at + 1]
        if c == b"(":
            stack.append([])
            at += 1
        elif c == b")":
            done = stack.pop()
            stack[-1].append(done)
            at += 1
        elif c == b'"':
            m = imapgrammar.QUOTED.match(data, at)
            stack[-1].append(m.group(1).replace(b"\\\\", b"\0").replace(b"\\", b"").replace(b"\0", b"\\"))
            at = m.end()
        elif c in (b"{", b"~"):
            m = (imapgrammar.LITERAL if c == b"{" else imapgrammar.LITERAL8).match(data, at)
            at = m.end() + int(m.group(1))
            stack[-1].append(data[m.end():at])
        elif c in (b" ", b"\r", b"\n"):
            at += 1
        else:
            end = at
            depth = 0
            while end < n and (depth or data[end:end + 1] not in (b" ", b"(", b")", b"\r")):
                depth += {b"[": 1, b"]": -1}.get(data[end:end + 1], 0)
                end += 1
            word = data[at:end]
            stack[-1].append(None if word.upper() == b"NIL" else Word(word))
            at = end
    return stack[0]


class Word(bytes):
    """An atom or a number."""


def fetched(rows):
    """{sequence number: {item: value}} of FETCH responses."""
    out = {}
    for row in rows:
        v = values(row)
        if len(v) == 4 and v[2] == b"FETCH":
            items = v[3]
            out.setdefault(int(v[1]), {}).update({bytes(k).upper(): x for k, x in zip(items[::2], items[1::2])})
    return out
