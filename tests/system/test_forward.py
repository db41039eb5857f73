# SPDX-License-Identifier: ISC
"""Forwarded mail: under whose sender it goes out, and how bounces come back."""
import re
import smtplib

import pytest
from mailtools import message, send, smtp

import godwit
import relaypeer

ROUTE = 'route "{name}" {{ to = {{"{name}.test"}} relay = "[127.0.0.1]:{port}" }}\n'


def senders(host):
    return [re.match(r"MAIL FROM:<([^>]*)>", c)[1] for c in host.commands if c.startswith("MAIL")]


def rcpt(g, address):
    """What a host that brings a notification hears."""
    s = smtp(g)
    s.mail("")
    code, text = s.rcpt(address)
    s.quit()
    return code, text.decode()


def test_there_and_back():
    """Rewritten on the way out; what comes back reaches the sender, for a while."""
    with relaypeer.Host() as far, relaypeer.Host() as orig, \
            godwit.Instance(config=ROUTE.format(name="far", port=far.port) + ROUTE.format(name="orig", port=orig.port)) as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        g.tool("gwuser", "alias", "add", "away@example.test", "x@far.test", "alice@example.test", check=True)
        send(g, message(), to="away", sender="Kim@orig.test")
        far.wait_messages(1)
        g.wait_log("sent", to="<alice@example.test>")
        made = senders(far)[0]
        assert re.fullmatch(r"SRS0=[A-Z2-7]{6}=[A-Z2-7]{2}=orig\.test=Kim@example\.test", made)
        assert f"sender=<{made}>" in g.wait_log(r"queue\[\d+\]: srs ")
        # own users are not rewritten
        send(g, message(sender="alice@example.test"), to="away", sender="alice@example.test", port=587, user="alice")
        far.wait_messages(2)
        assert senders(far)[1] == "alice@example.test"
        # keys survive a restart; hosts on the way may change the case
        g.restart()
        g.wait_ready()
        send(g, message("undeliverable"), to=[made.lower()], sender="")
        orig.wait_messages(1)
        assert orig.messages[0][0] == ["kim@orig.test"] and senders(orig) == [""]
        forged = made[:5] + ("A" if made[5] != "A" else "B") + made[6:]
        code, text = rcpt(g, forged)
        assert code == 550 and text.startswith("5.1.1 "), text
        assert rcpt(g, made)[0] == 250
        g.advance(22 * 86400)
        code, text = rcpt(g, made)
        assert code == 554 and text.startswith("5.7.1 "), text


def test_refused_there():
    """A notification of ours goes to the sender himself."""
    with relaypeer.Host(RCPT=lambda a: "550 5.1.1 nobody") as far, relaypeer.Host() as orig, \
            godwit.Instance(config=ROUTE.format(name="far", port=far.port) + ROUTE.format(name="orig", port=orig.port)) as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        g.tool("gwuser", "alias", "add", "away@example.test", "x@far.test", check=True)
        send(g, message(), to="away", sender="kim@orig.test")
        orig.wait_messages(1)
        assert orig.messages[0][0] == ["kim@orig.test"] and senders(orig) == [""]
        assert senders(far)[0].startswith("SRS0=")
        g.wait_empty_queue()


@pytest.mark.parametrize("option, expected", [
    ("srs = no", r"kim@orig\.test"),
    ('srs_domain = "srs.test" srs_separator = "+"', r"SRS0\+[A-Z2-7]{6}=..=orig\.test=kim@srs\.test"),
])
def test_options(option, expected):
    with relaypeer.Host() as far, \
            godwit.Instance(config=ROUTE.format(name="far", port=far.port) + f"queue {{ {option} }}\n") as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        g.tool("gwuser", "alias", "add", "away@example.test", "x@far.test", check=True)
        send(g, message(), to="away", sender="kim@orig.test")
        far.wait_messages(1)
        assert re.fullmatch(expected, senders(far)[0])
        if "srs_domain" in option:
            with pytest.raises(smtplib.SMTPRecipientsRefused) as e:
                send(g, message(), to=["kim@srs.test"], sender="")
            assert e.value.recipients["kim@srs.test"][0] == 554
