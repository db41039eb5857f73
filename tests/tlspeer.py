# SPDX-License-Identifier: ISC
"""relaypeer's mail host with STARTTLS, at an address and port of its own."""
import socket
import ssl
import threading

import relaypeer

EHLO = "250-peer\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 ENHANCEDSTATUSCODES"


class Session(relaypeer._Session):
    def say(self, verb, usual, argument=""):
        text = super().say(verb, usual, argument)
        if verb == "STARTTLS" and text.startswith("2"):
            self.sock = self.host.context.wrap_socket(self.sock, server_side=True)
            self.rest = b""
        return text


class Host(relaypeer.Host):
    """folder has cert.pem and key.pem."""

    session = Session

    def __init__(self, address, port, folder):
        super().__init__(EHLO=EHLO)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        self.address, self.port = address, port

    def __enter__(self):
        self.listener = socket.create_server((self.address, self.port), backlog=100)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.session(self, sock)

    def took(self, domain):
        return sum(f"x@{domain}.test" in rcpts for rcpts, _ in self.messages)
