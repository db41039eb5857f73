# SPDX-License-Identifier: ISC
"""TLS reports (RFC 8460) to domains whose hosts fall short of their MTA-STS
policy or of their TLSA records, by mail and by HTTPS, over restarts."""
import email
import gzip
import http.server
import json
import re
import shutil
import ssl
import threading
import time

import pytest
from mailtools import message, send
from tlspeer import Host

import dnstools
import godwit
import mtas

GOOD, BAD, DANE, WEB = "127.0.0.2", "127.0.0.3", "127.0.0.5", "127.0.0.4"
DAY = 86400
SPREAD = 14400 + 600 + 120
WRONG = "00" * 32
# Each domain: its MX host, the mx of its policy in force, where it wants reports.
DOMAINS = {
    "good": ("good", "good.mx.test", "mailto:tls@good.test"),
    "bad": ("bad", "bad.mx.test", "mailto:tls@bad.test"),
    "dane": ("dane", None, "https://report.test:{web}/tls?x=1"),
    "quiet": ("good", None, None),
}


class Web:
    """Policies, and reports that are posted."""

    def __init__(self, folder):
        self.posts, self.says = [], 503
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

            def answer(self, status, body=b""):
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                domain = self.headers["Host"].split(":")[0].removeprefix("mta-sts.").removesuffix(".test")
                self.answer(200, f"version: STSv1\nmode: enforce\nmx: {DOMAINS[domain][1]}\nmax_age: 86400\n".encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.posts.append((self.path, self.headers, body))
                self.answer(web.says)

            def log_message(self, *unused):
                pass
        return Handler

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class World:
    def __init__(self, folder):
        self.nsd = self.unbound = self.web = None
        authority = mtas.Authority(f"{folder}/authority")
        for name, names in (("good", ["good.mx.test"]), ("bad", ["wrong.mx.test"]), ("dane", ["dane.mx.test"]),
                            ("web", ["report.test"] + [f"mta-sts.{d}.test" for d in DOMAINS])):
            (folder / name).mkdir()
            authority.make(f"{folder}/{name}", *names)
        self.port = dnstools.free_port()
        self.hosts = {name: Host(address, self.port, f"{folder}/{name}")
                      for name, address in (("good", GOOD), ("bad", BAD), ("dane", DANE))}
        self.web = Web(f"{folder}/web")
        signed, anchor = dnstools.sign(f"{folder}/sign", "test", self.zone())
        self.nsd = dnstools.Nsd(f"{folder}/nsd", {"test": signed})
        self.unbound = dnstools.Unbound(f"{folder}/unbound", self.nsd, [anchor])
        self.config = (f'dns {{ server = "127.0.0.1:{self.unbound.port}"  trusted = yes  cache_min_time = 1s }}\n'
                       f'relay {{ port = {self.port}  mta_sts_port = {self.web.port}  processes = 2  tlsrpt = yes\n'
                       f'tls_ca_file = "{authority.file}" }}\n'
                       'queue { tls_report_contact = "tls@sender.test"  tls_report_organization = "Sender" }')

    def zone(self):
        text = ("$ORIGIN test.\n$TTL 1\n@ IN SOA ns hostmaster 1 3600 600 86400 1\n@ IN NS ns\nns IN A 127.0.0.1\n"
                f"good.mx IN A {GOOD}\nbad.mx IN A {BAD}\ndane.mx IN A {DANE}\nreport IN A {WEB}\n"
                f"_{self.port}._tcp.dane.mx IN TLSA 3 1 1 {WRONG}\n")
        for name, (host, mx, rua) in DOMAINS.items():
            text += f"{name} IN MX 10 {host}.mx\nmta-sts.{name} IN A {WEB}\n"
            if mx:
                text += f'_mta-sts.{name} IN TXT "v=STSv1; id=1;"\n'
            if rua:
                text += f'_smtp._tls.{name} IN TXT "v=TLSRPTv1; rua={rua.format(web=self.web.port)}"\n'
        return text

    def close(self):
        for server in (self.unbound, self.nsd):
            if server:
                server.stop()
        if self.web:
            self.web.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if not dnstools.has_all():
        pytest.skip("nsd or unbound is not installed")
    if not shutil.which("openssl"):
        pytest.skip("no openssl")
    w = World(tmp_path_factory.mktemp("tlsrpt"))
    try:
        with w.hosts["good"], w.hosts["bad"], w.hosts["dane"]:
            yield w
    finally:
        w.close()


def submit(g, domain, what):
    mark = g.mark()
    send(g, message(sender="alice@example.test"), to=[f"x@{domain}.test"], sender="alice@example.test", port=587,
         user="alice")
    return g.wait_log(rf"relay\[\d+\]: {what} ", since=mark, to=f"<x@{domain}.test>")


def reported(host, to):
    """The message with a report that came for this address, and the report."""
    host.wait(lambda: any(to in rcpts for rcpts, _ in host.messages))
    m = email.message_from_bytes(next(data for rcpts, data in host.messages if to in rcpts))
    parts = m.get_payload()
    return m, parts[1], json.loads(gzip.decompress(parts[1].get_payload(decode=True)))


def check_mail(m, part, domain, hostname):
    assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "tlsrpt"
    assert m["TLS-Report-Domain"] == domain and m["TLS-Report-Submitter"] == hostname
    assert m["From"] == "<tls@sender.test>" and m["TLS-Required"] == "No"
    assert re.fullmatch(rf"Report Domain: {domain}\s+Submitter: {hostname}\s+Report-ID: <\S+@{hostname}>", m["Subject"])
    assert part.get_content_type() == "application/tlsrpt+gzip"
    assert re.fullmatch(rf"sender\.test!{domain}!\d+!\d+!\w+\.json\.gz", part.get_filename())


def test_reports(world):
    with godwit.Instance(config=world.config) as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        # A report is of one day (UTC): none ends while it is counted.
        left = DAY - time.time() % DAY
        if left < 2 * godwit.WAIT_S:
            g.advance(left + 1)
        for domain in ("good", "quiet"):
            submit(g, domain, "sent")
        submit(g, "bad", "deferred")
        assert "TLS with dane.mx.test" in submit(g, "dane", "deferred")
        g.advance(15)
        for domain in ("good", "bad", "dane"):
            g.wait_log(r"queue\[\d+\]: tlsrpt ", domain=f"{domain}.test", result="counted")
        # Nothing of it is lost by those that keep it, nor readable by others.
        with open(f"{g.root}/spool/tls-reports", "rb") as f:
            assert b"bad.test" not in f.read()
        mark = g.mark()
        g.kill("queue")
        g.kill("relay")
        g.wait_ready()
        g.restart()
        g.advance(DAY + SPREAD)
        for domain in ("good", "bad"):
            g.wait_log(r"queue\[\d+\]: tlsrpt ", since=mark, to=f"mailto:tls@{domain}.test", result="sent")
        g.wait_log(r"queue\[\d+\]: tlsrpt ", since=mark, domain="dane.test", result="deferred")
        check(world, g)
        # RFC 8460 s5.5: once more, the same report.
        world.web.says = 201
        mark = g.mark()
        g.advance(16 * 60)
        g.wait_log(r"queue\[\d+\]: tlsrpt ", since=mark, domain="dane.test", result="sent")
        assert len(world.web.posts) == 2 and world.web.posts[0][2] == world.web.posts[1][2]
        assert not re.search(r"tlsrpt domain=quiet", g.log_text())


def only_failure(p):
    """Nothing went well; a delivery may have been tried once more after a restart."""
    (d,) = p["failure-details"]
    assert d["failed-session-count"] >= 1
    assert p["summary"] == {"total-successful-session-count": 0,
                            "total-failure-session-count": d.pop("failed-session-count")}
    return d


def check(world, g):
    hostname = g.hostname
    m, part, report = reported(world.hosts["good"], "tls@good.test")
    check_mail(m, part, "good.test", hostname)
    assert report["organization-name"] == "Sender" and report["contact-info"] == "tls@sender.test"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", report["date-range"]["start-datetime"])
    assert report["date-range"]["end-datetime"] == report["date-range"]["start-datetime"][:10] + "T23:59:59Z"
    assert [p["summary"] for p in report["policies"]] == [
        {"total-successful-session-count": 1, "total-failure-session-count": 0}]
    # The host's certificate is not for it: the report gets there all the same.
    m, part, report = reported(world.hosts["bad"], "tls@bad.test")
    check_mail(m, part, "bad.test", hostname)
    (p,) = report["policies"]
    assert p["policy"] == {"policy-type": "sts", "policy-domain": "bad.test", "mx-host": ["bad.mx.test"],
                           "policy-string": ["version: STSv1", "mode: enforce", "mx: bad.mx.test", "max_age: 86400"]}
    d = only_failure(p)
    assert d.pop("failure-reason-code")
    assert d == {"result-type": "certificate-host-mismatch", "sending-mta-ip": "127.0.0.1", "receiving-ip": BAD,
                 "receiving-mx-hostname": "bad.mx.test"}
    # RFC 8460 s5.4
    path, fields, body = world.web.posts[0]
    assert path == "/tls?x=1" and fields["Content-Type"] == "application/tlsrpt+gzip"
    (p,) = json.loads(gzip.decompress(body))["policies"]
    assert p["policy"] == {"policy-type": "tlsa", "policy-domain": "dane.mx.test", "policy-string": [f"3 1 1 {WRONG}"]}
    d = only_failure(p)
    assert d["receiving-mx-hostname"] == "dane.mx.test" and d["result-type"] == "validation-failure", d
