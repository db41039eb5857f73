# SPDX-License-Identifier: ISC
"""godwit setup and check, gwconf: what they write, print and refuse."""
import json
import os
import re
import stat
import subprocess

import pytest

import godwit

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def setup(*args, **kwargs):
    return subprocess.run([f"{godwit.BIN}/godwit", "setup", *args], capture_output=True, text=True, **kwargs)


@pytest.fixture
def instance(tmp_path):
    p = setup("--instance", str(tmp_path / "g"), "--domain", "example.test", "--hostname", "mx1.example.test", "--local",
              "12000")
    assert p.returncode == 0, p.stderr
    return tmp_path / "g"


def gwconf(instance, *args):
    return subprocess.run([f"{godwit.BIN}/gwconf", "-c", f"{instance}/etc", *args], capture_output=True, text=True)


def check(instance):
    return subprocess.run([f"{godwit.BIN}/godwit", "-c", f"{instance}/etc", "check"], capture_output=True, text=True)


def test_setup_makes_all_of_it(tmp_path):
    p = setup("--instance", "g", "--domain", "example.test", "--hostname", "mx1.example.test", "--local", "12000",
              cwd=tmp_path)
    assert (p.returncode, p.stderr) == (0, "")
    records = {tuple(line.split()[:2]): line for line in p.stdout.splitlines()}
    assert ("example.test.", "MX") in records and ("_dmarc.example.test.", "TXT") in records
    assert records[("_imaps._tcp.example.test.", "SRV")].endswith("0 1 12993 mx1.example.test.")
    assert ("_submissions._tcp.example.test.", "SRV") in records
    root = tmp_path / "g"
    assert sorted(os.listdir(root)) == ["etc", "keys", "log", "mail", "run", "spool"]
    for name in ("root.key", "key.pem"):
        assert stat.S_IMODE(os.stat(root / "etc" / name).st_mode) == 0o600
    for name in ("keys", "mail", "spool"):
        assert stat.S_IMODE(os.stat(root / name).st_mode) == 0o700
    if os.geteuid() == 0:
        assert [os.stat(root / n).st_uid for n in ("keys", "spool", "mail")] == [58000, 58003, 58006]
    assert re.fullmatch(r"[0-9a-f]{64}\n", (root / "etc/root.key").read_text())
    cert = subprocess.run(["openssl", "x509", "-in", str(root / "etc/certificate.pem"), "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    assert "prime256v1" in cert and "DNS:mx1.example.test" in cert and "DNS:localhost" in cert
    assert check(root).returncode == 0
    assert set(line.split(" = ")[0].split(".")[0] for line in gwconf(root, "-n").stdout.splitlines()) <= {
        "hostname", "uid_base", "tls", "listen", "domain"}


def test_setup_touches_nothing_that_exists(instance):
    before = {p: (instance / "etc" / p).read_bytes() for p in os.listdir(instance / "etc")}
    p = setup("--instance", str(instance), "--domain", "other.test", "--hostname", "mx.other.test")
    assert p.returncode == 73 and "exists already" in p.stderr
    assert before == {p: (instance / "etc" / p).read_bytes() for p in os.listdir(instance / "etc")}


@pytest.mark.parametrize("args,word", [
    ((), "usage"),
    (("--domain", "nodot"), "--domain nodot"),
    (("--domain", "bad domain.test"), "allowed: a domain name"),
    (("--domain", "a.test", "--hostname", "short"), "no full name"),
    (("--domain", "a.test", "--hostname", "x_y.test"), "no full name"),
    (("--domain", "a.test", "--local", "22001"), "allowed: 1 to 22000"),
    (("--domain", "a.test", "--local", "0"), "allowed: 1 to 22000"),
    (("--domain", "a.test", "--uid-base", "x"), "--uid-base x"),
    (("--domain", "a.test", "more"), "usage"),
])
def test_setup_refuses(tmp_path, args, word):
    p = setup("--instance", str(tmp_path / "g"), *args)
    assert p.returncode == 64 and word in p.stderr, p.stderr
    assert not (tmp_path / "g").exists()


@ROOT
def test_setup_takes_the_uid_base(tmp_path):
    setup("--instance", str(tmp_path / "g"), "--domain", "a.test", "--hostname", "mx.a.test", "--uid-base", "70000")
    assert os.stat(tmp_path / "g/keys").st_uid == 70000
    assert "uid_base = 70000" in (tmp_path / "g/etc/godwit.conf").read_text()


def test_gwconf_prints(instance):
    assert gwconf(instance, "hostname").stdout == 'hostname = "mx1.example.test"\n'
    assert gwconf(instance, "-h", "queue.maximal_queue_lifetime").stdout == '"5d"\n'
    assert gwconf(instance, "-H", "tls").stdout == "tls.certificate\ntls.key\ntls.client_ca\n"
    assert gwconf(instance, "-d", "smtpd.message_size_limit").stdout == 'smtpd.message_size_limit = "50M"\n'
    values = json.loads(gwconf(instance, "-j").stdout)
    assert values["listen.mx.tls"] == "may" and values["domain.example.test.class"] == "mailbox"
    assert values["tls.key"] == f'"{instance}/etc/key.pem"'
    assert json.loads(gwconf(instance, "-jn", "queue").stdout) == {}
    p = gwconf(instance, "nope")
    assert p.returncode == 1 and "no such option" in p.stderr
    x = gwconf(instance, "-x", "queue.queue_minfree").stdout
    assert "default: \"1G\"" in x and "applies: godwit reload" in x


def test_gwconf_edits_and_keeps_the_rest(instance):
    conf = instance / "etc/godwit.conf"
    before = conf.read_text().splitlines()
    os.chmod(conf, 0o640)
    p = gwconf(instance, "-e", "smtpd.message_size_limit = 30M", "hostname=mx2.example.test", "listen.mx.tls=no",
               "mynetworks=10.0.0.0/8, ::1")
    assert (p.returncode, p.stderr) == (0, "")
    after = conf.read_text().splitlines()
    assert [line for line in before if line.startswith("#")] == [line for line in after if line.startswith("#")]
    assert 'smtpd { message_size_limit = "30M" }' in after and 'mynetworks = {"10.0.0.0/8", "::1"}' in after
    assert gwconf(instance, "listen.mx.tls").stdout == "listen.mx.tls = no\n"
    assert len(after) == len(before) + 2
    assert stat.S_IMODE(conf.stat().st_mode) == 0o640
    assert not (instance / "etc/godwit.conf.new").exists()


@pytest.mark.parametrize("edit,code", [
    ("queue.maximal_queue_lifetime=5", 78), ("nope=1", 1), ("listen.tls=may", 1), ("queue=1", 1), ("hostname", 64),
    ("listen.imaps.address=127.0.0.1:12025", 78), ("default_domain=else.test", 78)])
def test_gwconf_refuses_and_leaves_the_file(instance, edit, code):
    conf = instance / "etc/godwit.conf"
    before = conf.read_bytes()
    p = gwconf(instance, "-e", edit)
    assert p.returncode == code and p.stderr
    assert conf.read_bytes() == before


CONFLICTS = [
    ('key_root_file = "../keys/root"', "key_root_file"),
    ('listen "a" { service = smtp address = {"*:12025"} }', 'address = {"*:12025"}: *:12025 is taken by listen "mx"'),
    ('listen "a" { service = imap tls = no address = {"127.0.0.1:1"} }', "nobody can log in without TLS"),
    ('domain "EXAMPLE.test" { }', "domain given twice"),
    ('domain "-x" { }', "hyphen at the end"),
    ('domain "b.test" { class = alias }', "target: missing"),
    ('domain "b.test" { class = alias target = "c.test" }', "no such domain"),
    ('domain "b.test" { target = "example.test" }', "not a domain of class alias"),
    ('domain "b.test" { sealing = none }', "allowed: escrow, password, client, server"),
    ('queue { minimal_backoff_time = "2h" }', "longer than maximal_backoff_time"),
    ('imapd { admin_contact = "ann@example.test" }', "not a URI"),
    ('default_domain = "b.test"', "default_domain"),
    ('route "a" { relay = "mx.example:port" }', 'relay = "mx.example:port": "mx.example:port" is no host; allowed: a domain'),
    ('route "a" { fallback = {"ok.example", "[192.0.2.1]:0"} }', '"[192.0.2.1]:0" is no host'),
    ('route "a" { source = {"192.0.2.1", "mx.example"} }', '"mx.example" is no address; allowed: addresses'),
    ('route "a" { source = {"192.0.2.1=a b"} }', '"192.0.2.1=a b" is no address'),
    ('route "a" { tls_names = {".ok.example", "*.example"} }', '"*.example" is no name of a certificate'),
    ('route "a" { tls_fingerprints = {"%s", "ab:cd"} }' % ("ab" * 32), '"ab:cd" is no SHA-256 digest; allowed: 64'),
    ('route "a" { tls = fingerprint }', 'tls_fingerprints: missing with tls = "fingerprint"'),
    ('relay { fallback = {"a b"} source = {"::g"} }', 'source = {"::g"}: "::g" is no address'),
]


@pytest.mark.parametrize("line,word", CONFLICTS)
def test_conflicts(instance, line, word):
    with open(instance / "etc/godwit.conf", "a", encoding="ascii") as f:
        f.write(line + "\n")
    p = check(instance)
    assert p.returncode == 78 and word in p.stderr and "; allowed: " in p.stderr, p.stderr


def test_texts_of_routes_are_told_at_once(instance):
    with open(instance / "etc/godwit.conf", encoding="ascii") as f:
        n = len(f.read().splitlines())
    with open(instance / "etc/godwit.conf", "a", encoding="ascii") as f:
        f.write('route "a" {\n    relay = "[mx.example"\n    fallback = {"good.example", "bad host", ":1"}\n}\n')
    p = check(instance)
    form = ("allowed: a domain or [host], each with a port or not, e.g. [mx1.example.net]:587, [192.0.2.1]")
    want = [f'godwit.conf:{n + 2}: route "a": relay = "[mx.example": "[mx.example" is no host; {form}']
    want += [f'godwit.conf:{n + 3}: route "a": fallback = {{"good.example", "bad host", ":1"}}: "{bad}" is no host; {form}'
             for bad in ("bad host", ":1")]
    assert (p.returncode, p.stderr.splitlines()) == (78, want)


def test_conflicts_are_told_at_once(instance):
    lines = [line.replace('"a"', f'"a{i}"').replace('"b.test"', f'"b{i}.test"') for i, (line, _) in enumerate(CONFLICTS)]
    with open(instance / "etc/godwit.conf", "a", encoding="ascii") as f:
        f.write("\n".join(lines) + '\nrecipient_delimiter = "too long"\nhostname = "twice.test"\n')
    p = check(instance)
    for i in list(range(1, len(lines))) + [len(lines), len(lines) + 1]:
        assert f"godwit.conf:{20 + i}: " in p.stderr, f"{i}\n{p.stderr}"


def test_only_smtp_changes_to_cmtp(instance):
    with open(instance / "etc/godwit.conf", "a", encoding="ascii") as f:
        f.write('listen "late" { service = imap  address = {"127.0.0.1:2526"}  tls = may  cmtp = yes }\n')
    p = check(instance)
    assert p.returncode == 78
    assert p.stderr == 'godwit.conf:20: listen "late": cmtp = yes: only SMTP changes to CMTP; allowed: auto, no\n'


def test_missing_files_are_told(instance):
    for name in ("certificate.pem", "key.pem", "root.key"):
        os.unlink(instance / "etc" / name)
    p = check(instance)
    assert p.returncode == 78
    assert [line.split(": ")[1:3] for line in p.stderr.splitlines()].__len__() == 3, p.stderr
    assert p.stderr.count("cannot be read") == 3


def test_no_configuration(tmp_path):
    for tool in ("godwit", "gwconf"):
        args = ["check"] if tool == "godwit" else []
        p = subprocess.run([f"{godwit.BIN}/{tool}", "-c", str(tmp_path), *args], capture_output=True, text=True)
        assert p.returncode == 78 and "godwit.conf: cannot be read" in p.stderr
        p = subprocess.run([f"{godwit.BIN}/{tool}", "-c", str(tmp_path / "none"), *args], capture_output=True, text=True)
        assert p.returncode == 78


def test_usage():
    for args in ([], ["nope"], ["-x"], ["run", "x"], ["status", "-k"]):
        p = subprocess.run([f"{godwit.BIN}/godwit", *args], capture_output=True, text=True)
        assert p.returncode == 64 and "usage" in p.stderr
