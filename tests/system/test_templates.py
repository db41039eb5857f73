# SPDX-License-Identifier: ISC
"""Words of notifications: per domain and for all, checked, reloaded, never the reason for silence."""
import email
import email.policy
import os

from mailtools import fetch_all, message, send

import godwit
import relaypeer

OURS = """failure_template = <<EOF
Charset: utf-8
From: Postbüro <MAILER-DAEMON>
Subject: Zurück an {who}

Es tut uns leid: $myhostname gibt für immer auf.
EOF
"""
CONFIG = """route "far" {{ to = {{"far.test"}} relay = "[127.0.0.1]:{port}" }}
queue {{ bounce_template = "all.txt" }}
domain "other.test" {{ bounce_template = "other.txt" }}
"""


def write(g, name, text):
    with open(os.path.join(g.etc, name), "w", encoding="utf-8") as f:
        f.write(text)


def bounce(g, user, count):
    """What comes back for a recipient that there is not."""
    send(g, message(sender=user), to=["nobody@far.test"], sender=user, port=587, user=user)
    g.wait_empty_queue()
    mails = fetch_all(g, user)
    assert len(mails) == count, mails
    return email.message_from_bytes(mails[-1], policy=email.policy.default)


def test_words_of_an_operator():
    with relaypeer.Host(RCPT=lambda a: "550 5.1.1 nobody") as far, \
            godwit.Instance(config=CONFIG.format(port=far.port)) as g:
        write(g, "all.txt", OURS.format(who="alle"))
        write(g, "other.txt", OURS.format(who="andere"))
        g.start()
        for user in ("alice@example.test", "bob@other.test"):
            g.add_user(user, "secret")
        m = bounce(g, "alice@example.test", 1)
        assert m["Subject"] == "Zurück an alle"
        assert m["From"] == "Postbüro <MAILER-DAEMON@mx1.example.test>"
        text = m.get_payload(0)
        assert text["Content-Transfer-Encoding"] == "quoted-printable"
        assert "Es tut uns leid: mx1.example.test gibt für immer auf.\n\n<nobody@far.test>: " in \
            text.get_content().replace("\r\n", "\n")
        assert bounce(g, "bob@other.test", 1)["Subject"] == "Zurück an andere"
        # check and reload refuse what is broken, and name the line
        write(g, "all.txt", OURS.format(who="alle") + "delay_template = <<EOF\nSubject: x\n\n$nothing\nEOF\n")
        p = g.godwit("check")
        assert p.returncode == 78
        assert f"{g.etc}/all.txt:11: nothing: unknown parameter; allowed: " in p.stderr, p.stderr
        assert g.godwit("reload").returncode != 0
        assert bounce(g, "alice@example.test", 2)["Subject"] == "Zurück an alle"
        # a queue that starts anew finds the broken one: others are used, or none
        g.kill("queue")
        g.wait_ready()
        line = g.wait_log(r"queue\[\d+\]: template ")
        assert "all.txt line=11 reason=" in line, line
        assert bounce(g, "alice@example.test", 3)["Subject"] == "Undelivered Mail Returned to Sender"
        write(g, "all.txt", OURS.format(who="euch"))
        g.godwit("reload", check=True)
        assert bounce(g, "alice@example.test", 4)["Subject"] == "Zurück an euch"
