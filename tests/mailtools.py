# SPDX-License-Identifier: ISC
"""Short forms of what many tests do with mail: send, read, compare."""
import imaplib
import smtplib
import ssl
import threading

from godwit import imap_login

DOMAIN = "example.test"
PASSWORD = "secret"


def tls():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)   # the default one reads all of the host's authorities
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


def address(user):
    return user if "@" in user else f"{user}@{DOMAIN}"


def message(subject="hello", body="one line\r\n", sender="x@else.example", to="alice@example.test", extra=""):
    return (f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n"
            f"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{abs(hash(subject + body))}@else.example>\r\n"
            f"{extra}\r\n{body}").encode()


def smtp(g, port=25, user=None, timeout=60):
    """A session on the port; 587 with STARTTLS, 465 inside TLS; logged in."""
    if port == 465:
        s = smtplib.SMTP_SSL("127.0.0.1", g.base + port, context=tls(), timeout=timeout)
    else:
        s = smtplib.SMTP("127.0.0.1", g.base + port, timeout=timeout)
    s.ehlo("client.example")
    if port == 587:
        s.starttls(context=tls())
        s.ehlo("client.example")
    if user:
        s.login(address(user), PASSWORD)
    return s


def sendmail(s, sender, rcpts, data):
    """A queue that is ready may wait for keyd's word for a moment: a sender
    that is refused for now is named again, a little."""
    step = threading.Event()
    for left in reversed(range(20)):
        try:
            return s.sendmail(sender, rcpts, data)
        except smtplib.SMTPSenderRefused as e:
            if left == 0 or e.smtp_code // 100 != 4 or e.smtp_code == 421:
                raise
        step.wait(0.1)


def send(g, data, to="alice", sender="x@else.example", port=25, user=None):
    s = smtp(g, port, user)
    sendmail(s, sender, [address(t) for t in ([to] if isinstance(to, str) else to)], data)
    s.quit()


def imap(g, user="alice", select="INBOX", timeout=60):
    m = imaplib.IMAP4_SSL("127.0.0.1", g.base + 993, ssl_context=tls(), timeout=timeout)
    imap_login(m, address(user), PASSWORD)
    if select:
        ok, data = m.select(select)
        assert ok == "OK", data
    return m


def fetch_all(g, user="alice", mailbox="INBOX"):
    """The whole messages of a mailbox, oldest first."""
    m = imap(g, user, None)
    if m.select(mailbox)[1] == [b"0"]:
        return []
    ok, data = m.fetch("1:*", "(BODY.PEEK[])")
    assert ok == "OK", data
    m.logout()
    return [d[1] for d in data if isinstance(d, tuple)]


def without_trace(data):
    """The message behind the fields that delivery put on top."""
    lines = data.split(b"\r\n")
    i = 0
    while lines[i].split(b":")[0].lower() in (b"return-path", b"delivered-to", b"received"):
        i += 1
        while lines[i][:1] in (b" ", b"\t"):
            i += 1
    return b"\r\n".join(lines[i:])
