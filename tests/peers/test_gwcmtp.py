# SPDX-License-Identifier: ISC
"""gwcmtp finds a domain's server by the DNS, in a network of its own."""
import os
import socket
import subprocess
import threading

import pytest
from cmtptools import BANNER

import dnstools
import godwit
import network

NATIVE, SMTP = "127.0.0.78", "127.0.0.79"
FAILURE = b"FAILURE" + b"s" * 64 + b"\0"
ZONE = ("$ORIGIN test.\n$TTL 1\n@ IN SOA ns hostmaster 1 3600 600 86400 1\n@ IN NS ns\nns IN A 127.0.0.1\n"
        f"a IN MX 10 dead\na IN MX 20 mx\ndead IN A 127.0.0.77\nmx IN A {NATIVE}\n"
        f"bare IN A {SMTP}\nnull IN MX 0 .\n")


def serve(listener, greeting):
    while True:
        try:
            s = listener.accept()[0]
        except OSError:
            return
        with s:
            s.sendall(greeting)
            data = b""
            while chunk := s.recv(4096):
                data += chunk
                if data == b"EHLO [127.0.0.1]\r\n":
                    s.sendall(b"250-mx\r\n250 CMTP 1 2\r\n")
                if data == b"OHAI\0":
                    s.sendall(b"OHAI 1\0")
                elif data == b"OHAI\0KEYREQUEST\0\0\0":
                    s.sendall(FAILURE)


@pytest.fixture
def host(tmp_path):
    if not dnstools.has_all():
        pytest.skip("nsd or unbound is not installed")
    host = network.Host(1)
    listeners = []
    try:
        with host.inside():
            nsd = dnstools.Nsd(f"{tmp_path}/nsd", {"test": ZONE}, address="127.0.0.53", port=53)
            try:
                for address, greeting in (((NATIVE, 9001), BANNER), ((SMTP, 25), b"220 mx ESMTP\r\n")):
                    listeners.append(socket.create_server(address))
                    threading.Thread(target=serve, args=(listeners[-1], greeting), daemon=True).start()
                with open(f"{tmp_path}/resolv.conf", "w", encoding="ascii") as f:
                    f.write("nameserver 127.0.0.53\n")
                yield host
            finally:
                nsd.stop()
    finally:
        for s in listeners:
            s.shutdown(socket.SHUT_RDWR)
            s.close()
        host.close()


def gwcmtp(folder, domain, *args):
    with subprocess.Popen(["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"',
                           f"{folder}/resolv.conf", os.path.abspath(f"{godwit.BIN}/gwcmtp"), "-d", f"{folder}/pins", *args,
                           "key", f"x@{domain}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        _, err = p.communicate(timeout=godwit.WAIT_S)
        return p.returncode, err


def test_mx(host, tmp_path):
    # The second of the MX hosts, on the native port; a domain without MX, behind SMTP.
    for domain in ("a.test", "bare.test"):
        code, err = gwcmtp(tmp_path, domain)
        assert code == 67 and "the server gives no key" in err, (domain, err)
    code, err = gwcmtp(tmp_path, "null.test")
    assert code == 68 and "takes no mail" in err
    code, err = gwcmtp(tmp_path, "none.test")
    assert code == 68 and "no such domain" in err
    # Version 2 is asked for on port 25 alone, and not without TLS.
    code, err = gwcmtp(tmp_path, "bare.test", "-2")
    assert code == 76 and "does not offer STARTTLS" in err
    code, err = gwcmtp(tmp_path, "a.test", "-2")
    assert code == 75 and "port 25" in err
    code, err = gwcmtp(tmp_path, "null.test", "-2")
    assert code == 68 and "takes no mail" in err
