# SPDX-License-Identifier: ISC
"""A mail host for relay to talk to: says what a test wants, keeps what it gets.

    with relaypeer.Host(rcpt=lambda a: "450 4.2.1 later") as h:
        ... route { relay = "[127.0.0.1]:{h.port}" }
        h.wait_messages(1)

Replies are set by verb (greeting, EHLO, MAIL, RCPT, DATA, dot): a text, or a
function of the command's argument.  fault = (verb, what) makes it misbehave in
place of that reply: silent, close, endless (a reply of lines without end),
long (a line without end), or bytes to say where TLS should begin.
"""
import socket
import threading
import time

WAIT_S = 60
FLOOD = b"250-and on and on and on and on and on and on and on and on\r\n" * 1000
LONG = b"x" * 65536


class _Session(threading.Thread):
    def __init__(self, host, sock):
        super().__init__(daemon=True)
        self.host, self.sock = host, sock
        self.rest = b""
        self.start()

    def run(self):
        try:
            if self.say("greeting", "220 peer ESMTP"):
                while self.command():
                    pass
        except OSError:
            pass
        finally:
            self.sock.close()

    def line(self):
        while b"\n" not in self.rest:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.rstrip(b"\r")

    def chosen(self, verb, usual, argument):
        text = self.host.replies.get(verb)
        return (text(argument) if callable(text) else text) or usual

    def say(self, verb, usual, argument=""):
        """The reply; empty: it misbehaved, and the connection is over."""
        if self.host.fault and self.host.fault[0] == verb:
            self.misbehave(self.host.fault[1])
            return ""
        text = self.chosen(verb, usual, argument)
        data = text.encode() + b"\r\n"
        if self.host.split:
            for i in range(len(data)):
                self.sock.sendall(data[i:i + 1])
        else:
            self.sock.sendall(data)
        return text

    def misbehave(self, what):
        with self.host.changed:
            self.host.faults += 1
            self.host.changed.notify_all()
        if what == "close":
            return
        if isinstance(what, bytes):     # behind the other side's first bytes of TLS
            self.sock.sendall(b"220 go on\r\n")
            self.sock.recv(65536)
            self.sock.sendall(what)
        while what in ("endless", "long"):
            self.host.flooded += self.sock.send(FLOOD if what == "endless" else LONG)
        while self.sock.recv(65536):    # silent, until the other side has enough
            pass

    def command(self):
        line = self.line()
        if line is None:
            return False
        verb, _, argument = line.decode("utf-8", "replace").partition(" ")
        with self.host.changed:
            self.host.commands.append(line.decode("utf-8", "replace"))
            self.host.changed.notify_all()
        verb = verb.upper()
        if verb in ("EHLO", "LHLO"):
            self.rcpts = []
            return self.say("EHLO", "250-peer\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")
        if verb == "STARTTLS":
            return self.say("STARTTLS", "220 go on")
        if verb == "MAIL":
            self.rcpts = []
            return self.say("MAIL", "250 2.1.0 ok")
        if verb == "RCPT":
            return self.rcpt(argument)
        if verb == "DATA":
            return self.data()
        if verb == "QUIT":
            self.sock.sendall(b"221 2.0.0 bye\r\n")
            return False
        self.sock.sendall(b"250 2.0.0 ok\r\n" if verb in ("RSET", "NOOP") else b"500 5.5.2 what\r\n")
        return True

    def rcpt(self, argument):
        address = argument[argument.index("<") + 1:argument.index(">")]
        text = self.say("RCPT", "250 2.1.5 ok", address)
        if text.startswith("2"):
            self.rcpts.append(address)
        return text

    def data(self):
        if not self.rcpts:
            self.sock.sendall(b"554 5.5.1 nobody\r\n")
            return True
        if not self.say("DATA", "354 go on"):
            return False
        lines = []
        while (line := self.line()) != b".":
            if line is None:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        with self.host.changed:
            self.host.messages.append((list(self.rcpts), b"\r\n".join(lines) + b"\r\n"))
            self.host.changed.notify_all()
        for _ in self.rcpts if self.host.is_lmtp else [0]:
            if not self.say("dot", "250 2.0.0 taken"):
                return False
        return True


class Host:
    def __init__(self, fault=None, is_lmtp=False, split=False, **replies):
        self.fault, self.is_lmtp, self.split, self.replies = fault, is_lmtp, split, replies
        self.connects = self.faults = self.flooded = 0
        self.commands, self.messages = [], []
        self.changed = threading.Condition()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.connects += 1
                self.changed.notify_all()
            _Session(self, sock)

    def wait(self, what, seconds=WAIT_S):
        """Until what() is true."""
        until = time.monotonic() + seconds
        with self.changed:
            while not what():
                left = until - time.monotonic()
                assert left > 0, f"did not come: {self.commands[-20:]}"
                self.changed.wait(left)

    def wait_messages(self, count):
        self.wait(lambda: len(self.messages) >= count)
