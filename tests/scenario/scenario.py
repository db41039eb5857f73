# SPDX-License-Identifier: ISC
"""Scenario scripts: transcripts of clients against a running instance.

A script is a text file NNN-name.t.  `#` begins a comment line.

    config smtpd { timeout = "2s" }   more lines of godwit.conf (script's head)
    daemon smtpd                      names what is tested; must be running
    client c1 smtp                    connect; smtp submission submissions imap imaps
    client c1 imaps raw               the same without TLS
    c1 > EHLO a.example               send a line (CRLF is added)
    c1 < 250 *                        the next line must match; * is any text
    c1 <+ 250 *                       read lines until one matches
    c1 <? 250-SIZE *                  one of those just passed by matched
    c1 <! 250-AUTH *                  none of them did
    c1 starttls                       TLS handshake now
    c1 login alice@example.test pw    AUTH PLAIN or LOGIN, must succeed
    c1 send-raw "a\\r\\n" * 3         bytes with escapes (\\xNN too), repeated
    c1 end                            the server must close, nothing more said
    c1 close                          the client closes
    log smtpd reject verb=MAIL        a log line that must appear (daemon optional)

${name} in a `<` pattern takes a word that later lines can use as ${name}.
Every wait is bounded by WAIT_S.
"""

import ast
import base64
import re
import shlex
import socket
import ssl
import time

WAIT_S = 60
LINES_MAX = 20000
IMPLICIT = {"submissions", "imaps"}
DAEMONS = {"master", "keyd", "smtpd", "cmtpd", "queue", "deliver", "relay", "store", "imapd"}


class Failure(Exception):
    """What was expected did not happen; the message names script and line."""


def tls_context():
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    return ctx


class Client:
    def __init__(self, service, port, is_raw=False):
        self.service = service
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self.buffer = b""
        self.passed = []
        self.tag = 0
        if service in IMPLICIT and not is_raw:
            self.starttls()

    @property
    def is_imap(self):
        return self.service.startswith("imap")

    def starttls(self):
        self.sock = tls_context().wrap_socket(self.sock)

    def send(self, data):
        self.sock.sendall(data)

    def read_line(self):
        """One line without its CRLF; None at the end of the stream."""
        while b"\n" not in self.buffer:
            try:
                data = self.sock.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                data = b""
            except socket.timeout:
                raise Failure(f"no line within {WAIT_S} s, have {self.buffer!r}") from None
            if not data:
                if self.buffer:
                    raise Failure(f"closed inside a line: {self.buffer!r}")
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise Failure(f"line ends in a bare LF: {line!r}")
        return line[:-1].decode("utf-8", "surrogateescape")

    def close(self):
        self.sock.close()


def pattern_of(text):
    """A glob with * as a regular expression; ${x} becomes a group."""
    out = []
    for part in re.split(r"(\*|\$\{\w+\})", text):
        if part == "*":
            out.append(".*")
        elif part.startswith("${"):
            out.append(f"(?P<{part[2:-1]}>\\S+)")
        else:
            out.append(re.escape(part))
    return re.compile("".join(out) + r"\Z", re.S)


def parse_log_line(line):
    """(daemon, event, {key: value}) or None."""
    m = re.match(r"(?:\S+Z )?(\w+)\[\d+\]: (\w+)(.*)", line)
    if not m:
        return None
    values = {}
    for key, quoted, bare in re.findall(r' ([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', m.group(3)):
        values[key] = quoted or bare
    return m.group(1), m.group(2), values


def parse(path):
    """(config text, [(line number, words of the step)])."""
    config, steps = [], []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("config "):
                config.append(line[len("config "):])
            else:
                steps.append((number, line))
    return "\n".join(config), steps


class Run:
    """One script against one instance.

    port(service) gives a port; log_lines() all log lines so far;
    is_running(daemon) says whether a daemon serves.
    """

    def __init__(self, path, port, log_lines, is_running):
        self.path = path
        self.port = port
        self.log_lines = log_lines
        self.is_running = is_running
        self.clients = {}
        self.vars = {}
        self.log_start = len(log_lines())

    def run(self, steps):
        try:
            for number, line in steps:
                try:
                    self.step(line)
                except Failure as e:
                    raise Failure(f"{self.path}:{number}: {line}\n    {e}") from None
                except (OSError, ValueError, SyntaxError) as e:
                    raise Failure(f"{self.path}:{number}: {line}\n    {e!r}") from e
        finally:
            for client in self.clients.values():
                client.close()

    def fill(self, text):
        return re.sub(r"\$\{(\w+)\}", lambda m: self.vars.get(m.group(1), m.group(0)), text)

    def step(self, line):
        word, _, rest = line.partition(" ")
        if word == "daemon":
            for name in rest.split():
                if not self.is_running(name):
                    raise Failure(f"{name} does not run")
        elif word == "client":
            name, service, *raw = rest.split()
            if raw not in ([], ["raw"]):
                raise Failure("not a step")
            self.clients[name] = Client(service, self.port(service), bool(raw))
        elif word == "log":
            self.expect_log(shlex.split(self.fill(rest)))
        elif word in self.clients:
            verb, _, arg = rest.partition(" ")
            self.client_step(self.clients[word], verb, arg)
        else:
            raise Failure("not a step")

    def client_step(self, c, verb, arg):
        if verb == ">":
            c.send(self.fill(arg).encode("utf-8", "surrogateescape") + b"\r\n")
        elif verb == "<":
            self.expect(c, arg)
        elif verb == "<+":
            self.expect_later(c, arg)
        elif verb == "<?":
            if not any(self.matches(arg, x) for x in c.passed):
                raise Failure(f"not among {c.passed}")
        elif verb == "<!":
            if any(self.matches(arg, x) for x in c.passed):
                raise Failure(f"among {c.passed}")
        elif verb == "starttls":
            if c.buffer:
                raise Failure(f"unread before TLS: {c.buffer!r}")
            c.starttls()
        elif verb == "login":
            self.login(c, *shlex.split(self.fill(arg)))
        elif verb == "send-raw":
            c.send(raw_bytes(arg))
        elif verb == "end":
            line = c.read_line()
            if line is not None:
                raise Failure(f"the server says {line!r}")
        elif verb == "close":
            c.close()
        else:
            raise Failure("not a step of a client")

    def matches(self, pattern, line):
        m = pattern_of(self.fill(pattern)).match(line)
        if m:
            self.vars.update(m.groupdict())
        return m is not None

    def expect(self, c, pattern):
        line = c.read_line()
        c.passed = [line]
        if line is None or not self.matches(pattern, line):
            raise Failure(f"got {line!r}")

    def expect_later(self, c, pattern):
        c.passed = []
        while len(c.passed) < LINES_MAX:
            line = c.read_line()
            c.passed.append(line)
            if line is None:
                raise Failure(f"the server closed after {c.passed}")
            if self.matches(pattern, line):
                return
        raise Failure("too many lines")

    def login(self, c, user, password):
        if c.is_imap:
            c.tag += 1
            c.send(f'login{c.tag} LOGIN "{user}" "{password}"\r\n'.encode())
            self.expect_later(c, f"login{c.tag} OK *")
        else:
            plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            c.send(f"AUTH PLAIN {plain}\r\n".encode())
            self.expect(c, "235 *")

    def expect_log(self, words):
        daemon = words.pop(0) if words[0] in DAEMONS else None
        event, wanted = words[0], [w.partition("=")[::2] for w in words[1:]]
        until = time.monotonic() + WAIT_S
        while True:
            for line in self.log_lines()[self.log_start:]:
                row = parse_log_line(line)
                if row and row[1] == event and daemon in (None, row[0]) and all(
                        pattern_of(v).match(row[2].get(k, "")) for k, v in wanted):
                    return
            if time.monotonic() > until:
                raise Failure("not logged")
            time.sleep(0.05)


def raw_bytes(arg):
    """"text with escapes" [* count]"""
    m = re.match(r'("(?:[^"\\]|\\.)*")(?:\s*\*\s*(\d+))?\Z', arg)
    if not m:
        raise Failure("send-raw wants a quoted string")
    text = ast.literal_eval("b" + m.group(1))
    return text * int(m.group(2) or 1)
