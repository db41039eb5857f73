# SPDX-License-Identifier: ISC
"""A network of hosts for a test: each in a network namespace of its own, with
its addresses, all on one bridge.  The namespaces have no names: they are open
descriptors of the test and end with it, and no two runs meet.

    with network.Network() as net:
        a = net.host(11)                # 10.99.0.11, fd99::11
        with a.inside():                # this thread is on that host
            subprocess.Popen(...)       # and what it starts stays there
"""
import contextlib
import ctypes
import http.server
import os
import re
import ssl
import subprocess
import threading
import time

import dnstools
import godwit

CLONE_NEWNET = 0x40000000
V4, V6 = "10.99.0.{}", "fd99::{}"
libc = ctypes.CDLL(None, use_errno=True)


def _must(code):
    if code != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Host:
    """A network namespace; loopback is up."""

    def __init__(self, number):
        self.number, self.v4, self.v6 = number, V4.format(number), V6.format(number)
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _must(libc.unshare(CLONE_NEWNET))
            try:
                self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            finally:
                _must(libc.setns(home, CLONE_NEWNET))
        finally:
            os.close(home)
        self.ip("link set lo up")

    @contextlib.contextmanager
    def inside(self):
        """Sockets made and processes started by this thread are of the host."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _must(libc.setns(self.fd, CLONE_NEWNET))
            try:
                yield self
            finally:
                _must(libc.setns(home, CLONE_NEWNET))
        finally:
            os.close(home)

    def ip(self, *lines):
        with self.inside():
            subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", check=True, text=True,
                           capture_output=True, timeout=30)

    @property
    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def close(self):
        os.close(self.fd)


class Network:
    """hub has the bridge, and the addresses that end in 1."""

    def __enter__(self):
        self.hosts = []
        try:
            self.hub = Host(1)
            self.hosts.append(self.hub)
            self.hub.ip("link add name br0 type bridge", f"address add {self.hub.v4}/24 dev br0",
                        f"address add {self.hub.v6}/64 dev br0 nodad", "link set br0 up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        for host in self.hosts:
            host.close()

    def host(self, number):
        h = Host(number)
        self.hosts.append(h)
        self.hub.ip(f"link add name v{number} type veth peer name eth0 netns {h.path}", f"link set v{number} master br0",
                    f"link set v{number} up")
        h.ip(f"address add {h.v4}/24 dev eth0", f"address add {h.v6}/64 dev eth0 nodad", "link set eth0 up")
        return h


class LogFile:
    """A log that a process writes into a folder of its own."""

    def __init__(self, path):
        self.path = path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.watch = godwit._Watch(os.path.dirname(path))

    def text(self, since=0):
        try:
            with open(self.path, "rb") as f:
                f.seek(since)
                return f.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def mark(self):
        return os.stat(self.path).st_size if os.path.exists(self.path) else 0

    def wait(self, pattern, since=0, seconds=godwit.WAIT_S, alive=lambda: True):
        """The first whole line that matches."""
        until = time.monotonic() + seconds
        while True:
            was_alive, text = alive(), self.text(since)
            for line in text[:text.rfind("\n") + 1].splitlines():
                if re.search(pattern, line):
                    return line
            left = until - time.monotonic()
            if left < 0 or not was_alive:
                raise godwit.Failed(f"no line {pattern} in {self.path}\n{text[-4000:]}")
            self.watch.wait(min(left, 1))

    def close(self):
        self.watch.close()


class Maildir:
    """What another program delivers into a maildir."""

    class _Watch(godwit._Watch):
        IN_MODIFY = 0x80        # moved here

    def __init__(self, path, uid):
        self.path = path
        for name in ("", "/new", "/cur", "/tmp"):
            os.makedirs(path + name)
            os.chown(path + name, uid, uid)
        self.watch = self._Watch(f"{path}/new")

    def find(self, text):
        """The message that has this text."""
        for name in os.listdir(f"{self.path}/new"):
            with open(f"{self.path}/new/{name}", encoding="utf-8", errors="replace") as f:
                message = f.read()
            if text in message:
                return message
        return None

    def wait(self, text, seconds=godwit.WAIT_S):
        until = time.monotonic() + seconds
        while True:
            message = self.find(text)
            if message is not None:
                return message
            left = until - time.monotonic()
            if left < 0:
                raise godwit.Failed(f"no message with {text} in {self.path}")
            self.watch.wait(min(left, 1))

    def close(self):
        self.watch.close()


class Names:
    """nsd and a validating unbound at the hub's address; every zone is signed
    but those in unsigned.  zones: name to text."""

    def __init__(self, folder, hub, zones, unsigned=()):
        self.folder, self.hub, self.zones, self.unsigned = folder, hub, dict(zones), unsigned
        self.signed, self.anchors, self.round = {}, {}, 0
        self.nsd = self.unbound = None
        try:
            self.publish(*self.zones)
        except BaseException:
            self.stop()
            raise

    def publish(self, *names, tamper=None):
        """Signs these zones anew and starts both servers with empty caches.
        tamper: what is replaced by what after signing."""
        for name in names:
            text, anchor = self.zones[name], ""
            if name not in self.unsigned:
                text, anchor = dnstools.sign(f"{self.folder}/sign", name, text)
            if tamper:
                assert tamper[0] in text
                text = text.replace(*tamper)
            self.signed[name], self.anchors[name] = text, anchor
        self.stop()
        self.round += 1
        with self.hub.inside():
            self.nsd = dnstools.Nsd(f"{self.folder}/nsd{self.round}", self.signed)
            self.unbound = dnstools.Unbound(f"{self.folder}/unbound{self.round}", self.nsd, self.anchors.values(),
                                            address=self.hub.v4, port=53, allow="10.99.0.0/24")

    def stop(self):
        for server in (self.unbound, self.nsd):
            if server is not None:
                server.stop()
        self.nsd = self.unbound = None


class Web:
    """An HTTPS server on a host. pages: (host, path) to a text; asked: what
    was asked for."""

    def __init__(self, host, certificate, key, pages):
        self.pages, self.asked = dict(pages), []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with host.inside():
            self.server = http.server.ThreadingHTTPServer((host.v4, 443), self._handler(), bind_and_activate=True)
        self.server.daemon_threads = True
        # The handshake is done by the thread of the connection.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True)
        self.thread.start()

    def _handler(web):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, timeout = "HTTP/1.1", godwit.WAIT_S

            def do_GET(self):
                name = (self.headers.get("Host") or "", self.path)
                web.asked.append(name)
                text = web.pages.get(name)
                body = (text or "not here\n").encode()
                self.send_response(200 if text is not None else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *unused):
                pass
        return Handler

    def close(self):
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


class Node:
    """A Godwit on a host, with the account user@domain.  Mail comes to it by SMTP,
    unless cmtp says otherwise."""

    PASSWORD = "secret"

    def __init__(self, host, domain, server, config="", cmtp="no"):
        self.host, self.domain, self.user = host, domain, f"user@{domain}"
        self.name, self.g = f"mx.{domain}", None
        self.config = (f'dns {{ server = {{"{server}:53"}}  trusted = yes  cache_min_time = 1s }}\n'
                       f'listen "net" {{ service = smtp  address = {{"{host.v4}:25", "[{host.v6}]:25"}}'
                       f'  tls = may  cmtp = {cmtp} }}\n{config}\n')
        with host.inside():
            self.g = godwit.Instance(self.config, domain=domain, hostname=self.name).__enter__()

    @property
    def certificate(self):
        return f"{self.g.etc}/certificate.pem"

    def begin(self):
        with self.host.inside():
            self.g.start(wait=False)

    def wait_ready(self):
        self.g._wait_ready_line()
        self.g.add_user(self.user, self.PASSWORD)

    def send(self, to, text, mail=(), rcpt=(), sender=None, body=None, more=""):
        """A message of the account, to one recipient or a list.  more: fields."""
        to, sender = [to] if isinstance(to, str) else to, sender or self.user
        with self.host.inside():
            s = self.g.smtp("submissions", self.user, self.PASSWORD)
        try:
            header = f"From: <{sender}>\r\nTo: {', '.join(to)}\r\nSubject: {text}\r\n{more}\r\n"
            refused = s.sendmail(sender, to, header.encode() + (body or f"{text}\r\n".encode()), mail_options=mail,
                                 rcpt_options=rcpt)
            assert not refused
        finally:
            s.close()

    def mail(self, text):
        """The message in INBOX that has this text."""
        with self.host.inside():
            m = self.g.imap(self.user, self.PASSWORD)
        try:
            count = int(m.select("INBOX", readonly=True)[1][0])
            for row in m.fetch("1:*", "(BODY.PEEK[])")[1] if count > 0 else []:
                if isinstance(row, tuple) and text in row[1].decode("utf-8", "replace"):
                    return row[1].decode("utf-8", "replace")
        finally:
            m.logout()
        return None

    def wait_mail(self, text, since, seconds=godwit.WAIT_S):
        """since: the log's mark from before it can have come."""
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            _, since = self.g.find_log(r"\]: sent .* relay=local", since, max(left, 0))
            message = self.mail(text)
            if message is not None:
                return message

    def wait_result(self, event, to, since, seconds=godwit.WAIT_S):
        """relay's (or queue's) line about a recipient."""
        return self.g.wait_log(rf"\]: {event} ", since, seconds, to=f"<{to}>")

    def close(self):
        if self.g is not None:
            self.g.__exit__(None, None, None)
