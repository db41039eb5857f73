# SPDX-License-Identifier: ISC
"""What goes over a host's wire, and what somebody reads of it who has the
secrets of every TLS connection: the frames are kept as they pass, tshark opens
them.

    with wiretap.Wiretap(host, folder) as tap:
        ...
    for text in tap.opened(keys): ...
"""
import mmap
import os
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

ETH_P_ALL, SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 3, 263, 6, 33
FRAME_MAX = 262144
TSHARK_S = 120


def has_all():
    return shutil.which("tshark") is not None


class Keys:
    """The file that tests/peers/keylog.c writes into."""

    HEAD = 8

    def __init__(self, path, size=1 << 24):
        self.path = path
        with open(path, "w+b") as f:
            f.truncate(size)
            f.write(struct.pack("<Q", self.HEAD))
            f.flush()
            os.fchmod(f.fileno(), 0o666)
            self.map = mmap.mmap(f.fileno(), size)

    def env(self, library):
        asan = os.environ.get("ASAN_OPTIONS", "")
        return {"LD_PRELOAD": library, "GODWIT_RECORD": self.path,
                "ASAN_OPTIONS": (asan + ":" if asan else "") + "verify_asan_link_order=0"}

    def text(self):
        return self.map[self.HEAD:struct.unpack_from("<Q", self.map, 0)[0]]


class Wiretap:
    """Both directions of a host's eth0."""

    def __init__(self, host, folder):
        os.makedirs(folder)
        self.folder, self.path = folder, f"{folder}/wire.pcap"
        with host.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.bind(("eth0", 0))
        self.socket.setblocking(False)
        self.ended, self.end = os.pipe()
        self.thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        """What has passed until now is kept; of that nothing was lost."""
        os.close(self.end)
        self.thread.join()
        lost = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        self.socket.close()
        os.close(self.ended)
        assert lost == 0

    def _keep(self):
        with open(self.path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, FRAME_MAX, 1))
            while True:
                is_last = self.ended in select.select([self.socket, self.ended], [], [])[0]
                try:
                    while True:
                        frame = self.socket.recv(FRAME_MAX)
                        now = time.time_ns() // 1000
                        f.write(struct.pack("<IIII", now // 1000000, now % 1000000, len(frame), len(frame)) + frame)
                except BlockingIOError:
                    if is_last:
                        return

    def raw(self):
        with open(self.path, "rb") as f:
            return f.read()

    def _tshark(self, *args):
        return subprocess.run(["tshark", "-n", "-r", self.path, *args], check=True, capture_output=True, text=True,
                              timeout=TSHARK_S, env={**os.environ, "HOME": self.folder}).stdout

    def opened(self, keys):
        """What was said inside TLS: of each connection that had some, one direction behind the other."""
        with open(f"{self.folder}/keys", "wb") as f:
            f.write(keys.text())
        numbers = sorted({int(n) for n in self._tshark("-Y", "tls", "-T", "fields", "-e", "tcp.stream").split()})
        follow = [word for n in numbers for word in ("-z", f"follow,tls,raw,{n}")]
        found = []
        for part in self._tshark("-o", f"tls.keylog_file:{self.folder}/keys", "-q", *follow).split("Follow: tls,raw")[1:]:
            # Behind the names of both ends: bytes in hexadecimal, of one of them with a tab before.
            rows = [row for row in part.split("=====")[0].splitlines() if row and ":" not in row]
            found.append(b"".join(bytes.fromhex(row) for is_other in (False, True) for row in rows
                                  if row.startswith("\t") == is_other))
        return [text for text in found if text]
