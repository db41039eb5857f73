#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Facts about the sources that a compiler does not check.

An include may only go down the layers; each library header is included in
one place; banned calls do not appear; basenames are unique; exported symbols
carry their file's stem.  Prints each breach; exit 1 when there is one.
"""
import os
import re
import subprocess
import sys

LAYERS = ["base", "sys", "io", "ipc", "conf", "daemon"]
SIDE = {  # what stands beside the stack: each over base, and these
    "mail": {"base", "mail", "crypto"}, "smtp": {"base", "mail", "crypto", "smtp"},
    "imap": {"base", "mail", "io", "imap"}, "cmtp": {"base", "crypto", "mail", "cmtp"},
    "dns": {"base", "sys", "io", "dns"}, "sasl": {"base", "sasl"},
    "db": {"base", "db", "sys"}, "crypto": {"base", "crypto", "sys", "ipc"},
    "seal": {"base", "crypto", "mail", "ipc", "seal", "sys", "io"},
    "report": {"base", "ipc", "io", "report"},
}
ONLY_IN = {  # header pattern: where it may be included
    r"<uv\.h>": ("lib/io/",),
    r"<openssl/ssl\.h>": ("lib/io/",),
    r"<openssl/": ("lib/io/", "lib/crypto/"),
    r"<sodium": ("lib/crypto/", "lib/seal/", "lib/io/tls_"),
    r"<lmdb\.h>": ("lib/db/",),
    r"<confuse\.h>": ("lib/conf/",),
    r"<ldns/": ("lib/dns/",),
    r"<(zstd|lz4)": ("lib/seal/",),
    r"<zlib\.h>": ("lib/report/", "lib/io/"),
    r"<seccomp\.h>": ("lib/sys/",),
    r"\"config\.h\"": (),
}
BANNED = ["strcpy", "strcat", "sprintf", "vsprintf", "strtok", "atoi", "atol", "gets", "alloca",
          "strncpy", "strncat", "tmpnam", "mktemp", "asctime", "ctime", "rand", "random", "system", "popen"]
PROGRAMS = ["master", "smtpd", "cmtpd", "queue", "delivery", "store", "imapd", "keyd", "transfer"]

faults = []


def files():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h", "*.def", "*.msg", "*.opt"],
                         capture_output=True, text=True, check=True).stdout.split()
    return [f for f in out if os.path.exists(f) and not f.startswith("tests/")]


def may_include(path, target):
    parts, to = path.split("/"), target.split("/")
    if to[0] != "lib":
        return parts[0] == to[0] or (parts[0] in ("master", "lib") and target.endswith((".opt", "_opt.h")))
    if parts[0] != "lib":
        return True
    here, there = parts[1], to[1]
    if here == there:
        return True
    if here in SIDE:
        return there in SIDE[here]
    if there in SIDE:      # the stack's top may use a side library
        return here in ("daemon", "conf")
    if here == "io" and there == "ipc":
        return False
    return LAYERS.index(there) < LAYERS.index(here)


def main():
    seen = {}
    for path in files():
        text = open(path, encoding="utf-8").read()
        code = re.sub(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"", lambda m: " " * 0 + re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)
        base = os.path.basename(path)
        if base not in ("main.c", "sources.mk"):
            if base in seen:
                faults.append(f"{path}: the same basename as {seen[base]}")
            seen[base] = path
        if not text.startswith("/* SPDX-License-Identifier: ISC"):
            faults.append(f"{path}: no SPDX line")
        for n, line in enumerate(text.splitlines(), 1):
            m = re.match(r"\s*#\s*include\s+([<\"][^>\"]+[>\"])", line)
            if not m:
                continue
            inc = m.group(1)
            for pattern, places in ONLY_IN.items():
                if re.match(pattern, inc):
                    if not path.startswith(places or ("none",)):
                        faults.append(f"{path}:{n}: {inc} is not for this folder")
                    break
            if inc.startswith('"') and not may_include(path, inc.strip('"')):
                faults.append(f"{path}:{n}: {inc} goes up or across the layers")
        for n, line in enumerate(code.splitlines(), 1):
            for call in BANNED:
                if re.search(rf"(?<![\w.>]){call}\s*\(", line):
                    faults.append(f"{path}:{n}: banned call {call}")
    for f in faults:
        print(f)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
