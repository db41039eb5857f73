# SPDX-License-Identifier: ISC
"""Mail from programs of the host: the socket, and who the kernel says they are."""
import os
import re
import smtplib
import socket

import pytest
from mailtools import address, fetch_all, message

import godwit


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user(address("alice"), "secret")
        yield g


class Local(smtplib.SMTP):
    def __init__(self, path):
        self.path = path
        super().__init__("local", timeout=60, local_hostname="local.example")

    def _get_socket(self, host, port, timeout):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(self.path)
        return s


def submit(g):
    return f"{g.root}/run/submit"


def test_it_is_open_to_all_and_knows_who(g):
    assert os.stat(submit(g)).st_mode & 0o777 == 0o666
    s = Local(submit(g))
    s.sendmail("daemon@example.test", [address("alice")], b"Subject: hello\r\n\r\nx\r\n")
    s.quit()
    text = fetch_all(g, "alice")[-1]
    assert re.search(rb"\r\nReceived: by mx1\.example\.test \(userid %d\) id " % os.getuid(), text)
    assert re.search(rb"\r\nDate: .*\r\nMessage-ID: <\w+@mx1\.example\.test>\r\n\r\nx", text), text


def test_it_may_relay_but_not_log_in(g):
    s = Local(submit(g))
    s.ehlo()
    assert not s.has_extn("auth") and not s.has_extn("starttls")
    assert s.mail("anybody@else.example")[0] == 250
    assert s.rcpt("somebody@bank.example")[0] == 250
    assert s.rcpt("nobody-here@example.test")[0] == 550
    s.quit()


def test_one_user_has_so_many_sessions():
    with godwit.Instance("smtpd { client_connection_limit = 2  processes = 1 }") as g:
        g.start()
        g.add_user(address("alice"), "secret")
        held = [Local(submit(g)), Local(submit(g))]
        with pytest.raises(smtplib.SMTPConnectError) as e:
            Local(submit(g))
        assert e.value.smtp_code == 421
        held[0].quit()
        g.wait_log("disconnect", client=rf"uid:{os.getuid()}")
        Local(submit(g)).sendmail("x@example.test", [address("alice")], message())


def test_the_socket_goes_with_the_suite():
    with godwit.Instance() as g:
        g.start()
        g.restart()
        Local(submit(g)).quit()
        g.stop()
        with pytest.raises(ConnectionRefusedError):
            Local(submit(g))
