# SPDX-License-Identifier: ISC
"""Limits over time: of a login, of a client address; over all processes where queue counts."""
import smtplib
import socket
import ssl

import pytest
from cmtptools import BANNER, Client, offer_cmtp
from mailtools import message, send, smtp

import godwit

RATES = """smtpd {{ processes = {processes} user_recipient_rate = "{user}" client_message_rate_limit = {messages}
  client_recipient_rate_limit = {rcpts} client_new_tls_session_rate_limit = {tls} client_auth_rate_limit = {auth} }}
"""


def instance(more="", processes=2, user="500/h", messages=0, rcpts=0, tls=0, auth=0):
    return godwit.Instance(config=RATES.format(processes=processes, user=user, messages=messages, rcpts=rcpts,
                                               tls=tls, auth=auth) + more)


def start(g):
    g.start()
    g.add_user("alice@example.test", "secret")
    g.add_user("bob@example.test", "secret")


def submit(g, to, user="alice"):
    send(g, message(sender=f"{user}@example.test"), to=to, sender=f"{user}@example.test", port=587, user=user)


def test_user_recipient_rate():
    """A login, whatever process and message; another one is not concerned."""
    with instance(user="5/h") as g:
        start(g)
        for _ in range(2):
            submit(g, ["bob", "alice"])
        s = smtp(g, 587, "alice")
        s.mail("alice@example.test")
        assert s.rcpt("bob@example.test")[0] == 250
        assert s.rcpt("alice@example.test") == (450, b"4.7.1 Too many recipients, try again later")
        s.quit()
        line = g.wait_log(r"queue\[\d+\]: limit ")
        assert "name=user_recipient_rate" in line and "sasl_username=alice@example.test" in line
        submit(g, ["alice"], user="bob")
        g.advance(3600)
        submit(g, ["bob", "alice"])


def test_client_message_and_recipient_rate():
    with instance(messages=3, rcpts=4) as g:
        start(g)
        for _ in range(2):
            send(g, message(), to="alice")
        s = smtp(g)
        assert s.mail("x@else.example")[0] == 250
        assert [s.rcpt(f"{u}@example.test")[0] for u in ("alice", "bob", "alice")] == [250, 250, 450]
        s.rset()
        assert s.mail("x@else.example") == (450, b"4.7.1 Too much mail from this client, try again later")
        s.quit()
        g.wait_log(r"queue\[\d+\]: limit ", name="client_recipient_rate_limit")
        g.wait_log(r"queue\[\d+\]: limit ", name="client_message_rate_limit")
        g.advance(60)
        send(g, message(), to="alice")


def test_trusted_clients_are_not_counted():
    with instance('mynetworks = {"127.0.0.0/8"}\n', messages=1, rcpts=1, tls=1, auth=1, processes=1) as g:
        start(g)
        for _ in range(3):
            send(g, message(), to="alice")
            submit(g, ["bob"])


def test_new_tls_session_rate():
    """Full handshakes only; before the handshake where STARTTLS asks."""
    with instance(tls=2, processes=1) as g:
        start(g)
        for _ in range(2):
            smtp(g, 587).quit()
        s = smtplib.SMTP("127.0.0.1", g.port("submission"), timeout=60)
        s.ehlo("client.example")
        assert s.docmd("STARTTLS") == (454, b"4.7.0 TLS is not available, try again")
        s.quit()
        g.wait_log(r"smtpd\[\d+\]: limit ", name="client_new_tls_session_rate_limit")
        with pytest.raises((ssl.SSLError, ConnectionError, smtplib.SMTPServerDisconnected)):
            smtp(g, 465)
        g.advance(60)
        smtp(g, 465).quit()


def test_auth_rate():
    """Right or wrong; smtplib tries a second mechanism."""
    with instance(auth=3, processes=1) as g:
        start(g)
        smtp(g, 587, "alice").quit()
        s = smtp(g, 587)
        with pytest.raises(smtplib.SMTPAuthenticationError) as e:
            s.login("alice@example.test", "wrong")
        assert e.value.smtp_code == 535
        with pytest.raises(smtplib.SMTPAuthenticationError) as e:
            s.login("alice@example.test", "secret")
        assert e.value.smtp_code == 454
        g.wait_log(r"smtpd\[\d+\]: limit ", name="client_auth_rate_limit")
        g.advance(60)
        s.login("alice@example.test", "secret")
        s.quit()


CMTP_RATES = """smtpd {{ processes = 1 }}
cmtpd {{ processes = 1  client_connection_rate_limit = {connects}  client_new_tls_session_rate_limit = {tls}
  anvil_rate_time_unit = 120s }}
"""


def listen_cmtp(g, connects=0, tls=0, more=""):
    g.add_config(f'listen "cmtps" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtps")}"}}  tls = implicit }}\n')
    g.add_config(CMTP_RATES.format(connects=connects, tls=tls) + more)
    g.start()


def greeting(g, host="127.0.0.1"):
    """What a client of CMTP hears before it says anything."""
    with socket.create_connection(("127.0.0.1", g.port("cmtp")), timeout=godwit.WAIT_S, source_address=(host, 0)) as s:
        return s.recv(len(BANNER))


def handshake(g, tls, session=None, raw=None):
    """The TLS session of a client that is greeted."""
    with tls.wrap_socket(raw or g.raw("cmtps"), server_hostname="localhost", session=session) as s:
        banner = s.recv(len(BANNER))
        if banner != BANNER:
            raise ConnectionError(f"greeted with {banner!r}")
        assert s.session_reused == (session is not None)
        return s.session


def test_cmtp_connection_rate():
    """CMTP has no words for it.  Who comes by smtpd is not counted here."""
    with godwit.Instance() as g:
        offer_cmtp(g)
        listen_cmtp(g, connects=2)
        for _ in range(2):
            assert greeting(g) == BANNER
        for _ in range(3):
            with g.raw("smtp") as s:
                assert s.recv(4) == b"220 "
                while not s.recv(4096).endswith(b"\n"):
                    pass
                s.sendall(b"OHAI\0")
                assert Client(g, s).read(7) == b"OHAI 1\0"
        mark = g.mark()
        assert greeting(g) == b""
        line = g.wait_log(r"cmtpd\[\d+\]: limit ", since=mark, name="client_connection_rate_limit", value=2)
        assert "client=[127.0.0.1]:" in line
        assert greeting(g, "127.0.0.2") == BANNER
        g.advance(60)           # half of the unit: one of two
        assert [greeting(g), greeting(g)] == [BANNER, b""]


def test_cmtp_new_tls_session_rate():
    """Full handshakes only, and those that began before the limit was reached too."""
    refused = (ssl.SSLError, ConnectionError)
    with godwit.Instance() as g:
        listen_cmtp(g, tls=2)
        tls = g.tls()
        session = handshake(g, tls)
        handshake(g, tls, session)
        mark = g.mark()
        with g.raw("cmtps") as early, g.raw("cmtps") as late:
            for s in (early, late):
                port = s.getsockname()[1]
                g.wait_log(r"cmtpd\[\d+\]: connect .*client=\[127\.0\.0\.1\]:%d\b" % port, since=mark)
            handshake(g, tls, raw=early)
            with pytest.raises(refused):
                handshake(g, tls, raw=late)
            g.wait_log(r"cmtpd\[\d+\]: limit .*:%d\b" % port, since=mark, name="client_new_tls_session_rate_limit",
                       value=2)
        mark = g.mark()
        with pytest.raises(refused):
            handshake(g, tls)
        g.wait_log(r"cmtpd\[\d+\]: limit ", since=mark, name="client_new_tls_session_rate_limit", value=2)
        assert greeting(g) == BANNER
        g.advance(60)
        handshake(g, tls)


def test_cmtp_of_trusted_clients_is_not_counted():
    with godwit.Instance() as g:
        listen_cmtp(g, connects=1, tls=1, more='mynetworks = {"127.0.0.1/32"}\n')
        tls = g.tls()
        for _ in range(3):
            assert greeting(g) == BANNER
            handshake(g, tls)
        assert [greeting(g, "127.0.0.2") for _ in range(2)] == [BANNER, b""]
