# SPDX-License-Identifier: ISC
"""Two Godwits and a Postfix that find each other by MX.  Mail between the Godwits
is sealed on the wire, even for somebody who has all secrets of TLS, and at rest at
both ends; mail from and to Postfix flows as ever, and where CMTP is required it
comes back."""
import os
import subprocess

import pytest
from test_network import HEAD, HOST

import dnstools
import godwit
import mtas
import network
import wiretap

NUMBERS = {"a": 11, "b": 12, "pf": 21}
# Of the subject, a name, the text, and an attachment's name and text.
WORDS = ("heronry", "Godwitson", "egret-stands", "plover-file", "curlew-inside")
MORE = (f'Content-Type: multipart/mixed; boundary="x"\r\nMIME-Version: 1.0\r\nReply-To: "{WORDS[1]}" <r@a.test>\r\n')
BODY = (f"--x\r\n\r\nthe {WORDS[2]} here\r\n--x\r\nContent-Type: text/plain; name={WORDS[3]}\r\n"
        f"Content-Disposition: attachment; filename={WORDS[3]}\r\n\r\n" + f"{WORDS[4]} and more\r\n" * 20000 +
        "--x--\r\n").encode()


class World:
    def __init__(self, folder, net):
        self.folder, self.all, self.names = folder, [], None
        hosts = {name: net.host(n) for name, n in NUMBERS.items()}
        self.hub, self.keys = net.hub, wiretap.Keys(f"{folder}/secrets")
        authority = mtas.Authority(f"{folder}/authority")
        self.pf = mtas.Postfix(folder, hosts["pf"], "pf.test", net.hub.v4, authority, ("only",))
        self.all.append(self.pf)
        for name in ("a", "b"):
            node = network.Node(hosts[name], f"{name}.test", net.hub.v4,
                                f'listen "wire" {{ service = cmtp  address = {{"{hosts[name].v4}:9001"}} }}\n'
                                'cmtpd { processes = 1 }\nroute "only" { to = {"only.pf.test"}  cmtp = require }\n', cmtp="auto")
            setattr(self, name, node)
            self.all.append(node)

    def start(self):
        env = self.keys.env(os.path.abspath(f"{godwit.TESTBIN}/keylog.so"))
        zones = {}
        for name in NUMBERS:
            host = getattr(self, name).host
            zones[f"{name}.test"] = HEAD.format(z=name) + HOST.format(v4=host.v4, v6=host.v6)
        zones["pf.test"] += "only IN MX 10 mx\n"
        self.names = network.Names(self.folder, self.hub, zones)
        self.pf.run()
        for node in (self.a, self.b):
            with node.host.inside():
                node.g.start(wait=False, env=env)
        for thing in self.all:
            thing.wait_ready()

    def again(self, node):
        with node.host.inside():
            node.g.start(env=self.keys.env(os.path.abspath(f"{godwit.TESTBIN}/keylog.so")))

    def close(self):
        for thing in self.all:
            thing.close()
        if self.names:
            self.names.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    if not dnstools.has_all() or not wiretap.has_all():
        pytest.skip("nsd, unbound, ldnsutils or tshark is not installed")
    try:
        mtas.unpack(("postfix",))
    except (godwit.Failed, OSError, subprocess.SubprocessError) as e:
        pytest.skip(f"no Postfix: {e}")
    try:
        net = network.Network().__enter__()
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip(f"no network namespaces: {e}")
    try:
        w = World(str(tmp_path_factory.mktemp("wire")), net)
        try:
            w.start()
            yield w
        finally:
            w.close()
    finally:
        net.__exit__()


def holders(g):
    """Files of an instance that hold one of the words, as text or as UTF-16."""
    args = [arg for word in WORDS for arg in ("-e", word)]
    return subprocess.run(["grep", "-rlaiF", *args, "--", g.root], capture_output=True, text=True, check=False).stdout


def words_in(text):
    return [w for w in WORDS if w.encode() in text]


def test_sealed_on_the_wire_and_at_rest(world):
    a, b = world.a, world.b
    mark, other = a.g.mark(), b.g.mark()
    with wiretap.Wiretap(a.host, f"{world.folder}/tap") as tap:
        for to in (b.user, "user@pf.test"):
            a.send(to, WORDS[0], body=BODY, more=MORE)
        assert " proto=cmtp2" in a.wait_result("sent", b.user, mark)
        assert "cmtp=pass (CMTP 2) header.d=a.test" in b.wait_mail(WORDS[2], other)
        a.wait_result("sent", "user@pf.test", mark)
        assert WORDS[4] in world.pf.mail.wait(WORDS[2])
    assert not words_in(tap.raw())
    opened = tap.opened(world.keys)
    by_cmtp = [text for text in opened if b"MAIL2\0\0\0\0\2" in text]
    assert len(by_cmtp) == 1 and b"OHAI\0" in by_cmtp[0] and b"KEYREQUEST2\0user\0b.test\0" in by_cmtp[0]
    assert b"GWSO\1" in by_cmtp[0] and len(by_cmtp[0]) > 1000 and not words_in(by_cmtp[0])
    # Who has the secrets reads what is not sealed.
    by_smtp = [text for text in opened if b"MAIL FROM:<user@a.test>" in text]
    assert len(by_smtp) == 1 and words_in(by_smtp[0]) == list(WORDS)
    for node in (a, b):
        assert not holders(node.g), node.name


def flush(node, to, since):
    """The line that says sent; the other may be strange to its own for a moment."""
    for _ in range(20):
        assert node.g.tool("gwqueue", "-f").returncode == 0
        line, since = node.g.find_log(r"\]: (sent|deferred) ", since, to=f"<{to}>")
        if "]: sent " in line:
            return line
    raise godwit.Failed(line)


def test_sealed_while_it_waits(world):
    """In the sender's queue, whose process has ended, and in the mailbox that nobody has read."""
    a, b = world.a, world.b
    b.g.stop()
    mark = a.g.mark()
    a.send(b.user, WORDS[0], body=BODY, more=MORE)
    a.wait_result("deferred", b.user, mark)
    a.g.stop()
    assert not holders(a.g)
    world.again(b)
    world.again(a)
    mark, other = a.g.mark(), b.g.mark()
    assert " proto=cmtp2" in flush(a, b.user, mark)
    b.g.wait_log(r"deliver\[\d+\]: sent .* relay=local", since=other)
    b.g.stop()
    assert not holders(b.g)
    world.again(b)
    assert WORDS[4] in b.mail(WORDS[2])
    assert not holders(a.g) and not holders(b.g)
    # The search finds what is there.
    with open(f"{b.g.root}/control-word", "w", encoding="ascii") as f:
        f.write(WORDS[0])
    assert holders(b.g).split() == [f"{b.g.root}/control-word"]
    os.unlink(f"{b.g.root}/control-word")


def test_mail_of_postfix(world):
    for node in (world.a, world.b):
        mark, text = node.g.mark(), f"from-postfix-to-{node.domain}"
        world.pf.send(node.user, text)
        assert "from mx.pf.test" in node.wait_mail(text, mark)


def test_required_where_there_is_none(world):
    """Postfix has no CMTP: nothing reaches it, and the sender is told why."""
    a, to = world.a, "user@only.pf.test"
    mark = a.g.mark()
    a.send(to, "never-in-the-clear", body=b"never by SMTP\r\n")
    assert " dsn=5.7.4 " in a.wait_result("bounced", to, mark)
    bounce = a.wait_mail(f"Final-Recipient: rfc822; {to}", mark)
    assert "Status: 5.7.4" in bounce and "mail to this domain goes by CMTP 2 only" in bounce
    assert world.pf.mail.find("never by SMTP") is None
