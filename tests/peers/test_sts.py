# SPDX-License-Identifier: ISC
"""MTA-STS (RFC 8461) against real zones, a real resolver, an HTTPS server and
mail hosts on loopback with the right certificate and the wrong one."""
import http.server
import re
import shutil
import ssl
import threading

import pytest
from mailtools import message, send
from tlspeer import Host

import dnstools
import godwit
import mtas

GOOD, BAD, WEB = "127.0.0.2", "127.0.0.3", "127.0.0.4"
WELL_KNOWN = "/.well-known/mta-sts.txt"
# Each domain: its MX hosts in order, and mode and mx of its policy; None: there is none.
DOMAINS = {
    "good": (["good"], "enforce", "good.mx.test"),
    "wild": (["good"], "enforce", "*.mx.test"),
    "bad": (["bad"], "enforce", "bad.mx.test"),
    "unlisted": (["good"], "enforce", "else.mx.test"),
    "second": (["bad", "good"], "enforce", "good.mx.test"),
    "testing": (["bad"], "testing", "else.mx.test"),
    "tested": (["good"], "testing", "good.mx.test"),
    "none": (["bad"], "none", "good.mx.test"),
    "plain": (["bad"], None, None),
    "redirect": (["bad"], "enforce", "good.mx.test"),
    "big": (["bad"], "enforce", "good.mx.test"),
    "html": (["bad"], "enforce", "good.mx.test"),
    "webpki": (["bad"], "enforce", "good.mx.test"),
    "absent": (["bad"], "enforce", "good.mx.test"),
    "slow": (["bad"], "enforce", "good.mx.test"),
    "changes": (["bad"], "enforce", "good.mx.test"),
    "kept": (["bad"], "enforce", "good.mx.test"),
}
NO_CERTIFICATE = ("webpki",)


def policy(mode, mx):
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"


class Web:
    """pages: host to (status, header fields, body); asked: the hosts asked for."""

    def __init__(self, folder):
        self.pages, self.asked = {}, []
        self.waits, self.may_go = threading.Event(), threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        self.server = http.server.ThreadingHTTPServer((WEB, 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()

    def _handler(web):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, timeout = "HTTP/1.1", godwit.WAIT_S

            def do_GET(self):
                domain = (self.headers.get("Host") or "").split(":")[0].removeprefix("mta-sts.").removesuffix(".test")
                web.asked.append(domain)
                if domain == "slow":
                    web.waits.set()
                    web.may_go.wait(godwit.WAIT_S)
                    return
                status, fields, body = web.pages.get(domain, (404, {}, ""))
                if self.path != WELL_KNOWN:
                    status = 400
                self.send_response(status)
                for name, value in {"Content-Type": "text/plain", **fields}.items():
                    self.send_header(name, value)
                if "Transfer-Encoding" in fields:
                    data = body.encode()
                    body = "".join(f"{len(data[i:i + 7]):x}\r\n{data[i:i + 7].decode()}\r\n"
                                   for i in range(0, len(data), 7)) + "0\r\n\r\n"
                elif fields.get("Connection") != "close":
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *unused):
                pass
        return Handler

    def close(self):
        self.may_go.set()
        self.server.shutdown()
        self.server.server_close()


class World:
    def __init__(self, folder):
        self.folder, self.ids, self.generation = folder, {d: 1 for d in DOMAINS}, 0
        self.nsd = self.unbound = None
        self.authority = mtas.Authority(f"{folder}/authority")
        for name, names in (("good", ["good.mx.test"]), ("bad", ["wrong.mx.test"]),
                            ("web", [f"mta-sts.{d}.test" for d in DOMAINS if d not in NO_CERTIFICATE])):
            (folder / name).mkdir()
            self.authority.make(f"{folder}/{name}", *names)
        port = dnstools.free_port()
        self.good = Host(GOOD, port, f"{folder}/good")
        self.bad = Host(BAD, port, f"{folder}/bad")
        self.web = Web(f"{folder}/web")
        for name, (_, mode, mx) in DOMAINS.items():
            if mode:
                self.web.pages[name] = (200, {}, policy(mode, mx))
        good = policy("enforce", "good.mx.test")
        self.web.pages["wild"] = (200, {"Transfer-Encoding": "chunked"}, policy("enforce", "*.mx.test"))
        self.web.pages["second"] = (200, {"Connection": "close"}, good)
        self.web.pages["redirect"] = (301, {"Location": f"https://mta-sts.good.test{WELL_KNOWN}"}, good)
        self.web.pages["big"] = (200, {}, good + "x: " + "y" * 65536)
        self.web.pages["html"] = (200, {"Content-Type": "text/html"}, good)
        del self.web.pages["absent"]
        self.ports = dnstools.free_port(), dnstools.free_port()
        self.serve_names()
        self.config = (f'dns {{ server = "127.0.0.1:{self.ports[1]}"  trusted = yes  cache_min_time = 1s }}\n'
                       f'relay {{ port = {port}  mta_sts_port = {self.web.port}  processes = 1\n'
                       f'tls_ca_file = "{self.authority.file}" }}')

    def zone(self):
        text = ("$ORIGIN test.\n$TTL 1\n@ IN SOA ns hostmaster 1 3600 600 86400 1\n@ IN NS ns\nns IN A 127.0.0.1\n"
                f"good.mx IN A {GOOD}\nbad.mx IN A {BAD}\n")
        for name, (hosts, mode, _) in DOMAINS.items():
            text += "".join(f"{name} IN MX {n + 1}0 {h}.mx\n" for n, h in enumerate(hosts))
            text += f"mta-sts.{name} IN A {WEB}\n"
            if mode:
                text += f'_mta-sts.{name} IN TXT "v=STSv1; id={self.ids[name]};"\n'
        return text

    def serve_names(self):
        """Anew, with the ids as they are now."""
        self.stop_names()
        self.generation += 1
        folder = f"{self.folder}/names{self.generation}"
        self.nsd = dnstools.Nsd(f"{folder}/nsd", {"test": self.zone()}, port=self.ports[0])
        self.unbound = dnstools.Unbound(f"{folder}/unbound", self.nsd, [], port=self.ports[1])

    def stop_names(self):
        for server in (self.unbound, self.nsd):
            if server:
                server.stop()
        self.unbound = self.nsd = None


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if not dnstools.has_all():
        pytest.skip("nsd or unbound is not installed")
    if not shutil.which("openssl"):
        pytest.skip("no openssl")
    w = World(tmp_path_factory.mktemp("sts"))
    try:
        with w.good, w.bad:
            yield w
    finally:
        w.stop_names()
        w.web.close()


@pytest.fixture(scope="module")
def g(world):
    with godwit.Instance(config=world.config) as instance:
        instance.start()
        instance.add_user("alice@example.test", "secret")
        yield instance


def submit(g, domain, what):
    """The line of the first attempt."""
    mark = g.mark()
    send(g, message(sender="alice@example.test"), to=[f"x@{domain}.test"], sender="alice@example.test", port=587,
         user="alice")
    return g.wait_log(rf"relay\[\d+\]: {what} ", since=mark, to=f"<x@{domain}.test>")


@pytest.mark.parametrize("domain", ["good", "wild", "second"])
def test_enforced_and_kept(world, g, domain):
    line = submit(g, domain, "sent")
    assert f"relay=good.mx.test[{GOOD}]" in line and " tls=verified policy=sts " in line, line
    g.wait_log(r"relay\[\d+\]: sts ", domain=f"{domain}.test", policy="fetched", mode="enforce", id="1")
    assert world.good.took(domain) == 1 and world.bad.took(domain) == 0
    assert world.web.asked.count(domain) == 1
    submit(g, domain, "sent")
    assert world.web.asked.count(domain) == 1


def test_wrong_certificate(world, g):
    line = submit(g, "bad", "deferred")
    assert " policy=sts dsn=4.7.5 " in line and "TLS with bad.mx.test" in line, line
    assert world.bad.took("bad") == 0


def test_host_that_the_policy_does_not_name(world, g):
    line = submit(g, "unlisted", "deferred")
    assert " dsn=4.7.5 " in line and "good.mx.test is not in the MTA-STS policy of unlisted.test" in line, line
    assert world.good.took("unlisted") == 0


def test_testing_is_told_and_delivered(world, g):
    mark = g.mark()
    line = submit(g, "testing", "sent")
    assert f"relay=bad.mx.test[{BAD}]" in line and " policy=sts-testing " in line and "tls=verified" not in line, line
    line = g.wait_log(r"relay\[\d+\]: sts ", since=mark, domain="testing.test", policy="testing")
    assert "reason=" in line and "the policy does not name the host" in line, line
    mark = g.mark()
    assert " tls=verified policy=sts-testing " in submit(g, "tested", "sent")
    assert not re.search(r"\]: sts .*policy=testing", g.log_text(mark))


def test_no_policy(world, g):
    for domain in ("none", "plain"):
        line = submit(g, domain, "sent")
        assert "policy=" not in line and f"relay=bad.mx.test[{BAD}]" in line, line
    assert world.web.asked.count("plain") == 0


@pytest.mark.parametrize("domain, failure, reason", [
    ("redirect", "sts-policy-fetch-error", "redirected"),
    ("big", "sts-policy-fetch-error", "the policy is too large"),
    ("html", "sts-policy-fetch-error", "the Content-Type is not text/plain"),
    ("absent", "sts-policy-fetch-error", "there is no policy"),
    ("webpki", "sts-webpki-invalid", ""),
])
def test_policy_that_cannot_be_had(world, g, domain, failure, reason):
    """As if there were none; nor is it asked for with each message."""
    mark = g.mark()
    line = submit(g, domain, "sent")
    assert "policy=" not in line, line
    line = g.wait_log(r"relay\[\d+\]: sts ", since=mark, domain=f"{domain}.test", policy="failed", failure=failure)
    assert reason in line, line
    asked = list(world.web.asked)
    submit(g, domain, "sent")
    assert world.web.asked == asked


def test_web_server_that_does_not_answer(world, g):
    """A minute, then the mail goes on."""
    mark = g.mark()
    send(g, message(sender="alice@example.test"), to=["x@slow.test"], sender="alice@example.test", port=587,
         user="alice")
    assert world.web.waits.wait(godwit.WAIT_S)
    g.advance(61)
    line = g.wait_log(r"relay\[\d+\]: sent ", since=mark, to="<x@slow.test>")
    assert "policy=" not in line
    g.wait_log(r"relay\[\d+\]: sts ", since=mark, domain="slow.test", policy="failed", reason='"timed out"')


def attempt(g, to, is_it):
    """The next attempts, until one is what is waited for: relay's clock may
    be moved a little later than queue's, and it remembers for as long."""
    for _ in range(5):
        mark = g.mark()
        g.advance(7200)
        line = g.wait_log(r"relay\[\d+\]: (sent|deferred) ", since=mark, to=to)
        if is_it(line):
            return line
    raise AssertionError(line)


def test_changed_id(world, g):
    """The new policy holds for the next attempt; one that cannot be had leaves the old one."""
    submit(g, "changes", "deferred")
    world.web.pages["changes"] = (500, {}, "")
    world.ids["changes"] = 2
    world.serve_names()
    mark = g.mark()
    failed = r"relay\[\d+\]: sts domain=changes\.test policy=failed id=2 "
    attempt(g, "<x@changes.test>", lambda line: re.search(failed, g.log_text(mark)))
    world.web.pages["changes"] = (200, {}, policy("testing", "bad.mx.test"))
    line = attempt(g, "<x@changes.test>", lambda line: "]: sent " in line)
    assert " policy=sts-testing " in line
    g.wait_log(r"relay\[\d+\]: sts ", since=mark, domain="changes.test", policy="fetched", id="2", mode="testing")


def test_survives_restarts(world, g):
    """Of relay alone, and of everything, when nobody can be asked any more."""
    submit(g, "kept", "deferred")
    world.web.pages["kept"] = (500, {}, "")
    asked = world.web.asked.count("kept")
    mark = g.mark()
    g.kill("relay")
    g.wait_ready()
    g.advance(3600)
    line = g.wait_log(r"relay\[\d+\]: deferred ", since=mark, to="<x@kept.test>")
    assert "good.mx.test" not in line and "bad.mx.test is not in the MTA-STS policy" in line, line
    g.restart()
    mark = g.mark()
    g.advance(4 * 3600)
    line = g.wait_log(r"relay\[\d+\]: deferred ", since=mark, to="<x@kept.test>")
    assert "is not in the MTA-STS policy" in line, line
    assert world.web.asked.count("kept") == asked
    assert world.bad.took("kept") == 0
