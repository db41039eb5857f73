#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Debian's Thunderbird without a screen, unpacked as mtas.py unpacks its peers
and driven over Marionette (length, colon, JSON), which runs scripts inside of
it: what people click on calls the same functions.

    with thunderbird.Thunderbird(folder) as t:
        t.account(g, "bob@example.test", "secret")
        t.script("return rows(inbox())")

Run as a program it unpacks, starts and ends Thunderbird: can it run here?
"""
import base64
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import mtas

LIB = f"{mtas.PEERS}/tree/usr/lib/thunderbird"
START_S, SCRIPT_S = 180, 60
# The web is behind a proxy that there is not: it asks nobody outside.
PREFS = {
    "network.proxy.type": 1, "network.proxy.http": "127.0.0.1", "network.proxy.http_port": 1, "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 1, "services.settings.server": "data:,", "network.trr.mode": 5,
    "app.update.enabled": False, "datareporting.policy.dataSubmissionEnabled": False, "mail.provider.suppress_dialog_on_startup": True,
    "mail.shell.checkDefaultClient": False, "mail.spotlight.firstRunDone": True, "mailnews.start_page.enabled": False,
    "mail.biff.show_alert": False, "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False,
}
# What every script may use.  Each wait has an end.
TOOLS = """
const {MailServices} = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs');
const {setTimeout} = ChromeUtils.importESModule('resource://gre/modules/Timer.sys.mjs');
const server = () => MailServices.accounts.accounts[0].incomingServer;
const identity = () => MailServices.accounts.accounts[0].identities[0];
const root = () => server().rootFolder;
const inbox = () => root().getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const folder = name => root().getChildNamed(name);
const until = async what => {
    for (let i = 0; i < 500; i++) {
        const value = what();
        if (value)
            return value;
        await new Promise(resume => setTimeout(resume, 100));
    }
    throw new Error(`did not come: ${what}`);
};
const rows = f => [...f.messages].map(h => ({uid: h.messageKey, subject: h.mime2DecodedSubject, read: h.isRead,
    flagged: h.isFlagged, keywords: h.getStringProperty('keywords')}));
"""
ACCOUNT = """
const [certificate, imaps, submissions, user, password] = arguments;
const cert = Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB).constructX509FromBase64(certificate);
const overrides = Cc['@mozilla.org/security/certoverride;1'].getService(Ci.nsICertOverrideService);
for (const port of [imaps, submissions])
    overrides.rememberValidityOverride('127.0.0.1', port, {}, cert, true);
const set = (s, port) => Object.assign(s, {port, password, socketType: Ci.nsMsgSocketType.SSL,
    authMethod: Ci.nsMsgAuthMethod.passwordCleartext});
const incoming = set(MailServices.accounts.createIncomingServer(user, '127.0.0.1', 'imap'), imaps);
const smtp = MailServices.outgoingServer.createServer('smtp').QueryInterface(Ci.nsISmtpServer);
Object.assign(smtp, {hostname: '127.0.0.1', username: user});
set(smtp, submissions);     // another name forgets the password
MailServices.outgoingServer.defaultServer = smtp;
const who = MailServices.accounts.createIdentity();
Object.assign(who, {email: user, fullName: 'Bob Example', valid: true, smtpServerKey: smtp.key});
const account = MailServices.accounts.createAccount();
account.addIdentity(who);
account.incomingServer = incoming;
incoming.valid = true;
"""


class Marionette:
    def __init__(self, port, process):
        self.serial, self.data = 0, b""
        until, step = time.monotonic() + START_S, threading.Event()
        while True:
            try:
                self.sock = socket.create_connection(("127.0.0.1", port), timeout=START_S)
                break
            except ConnectionRefusedError:
                assert time.monotonic() < until and process.poll() is None, "Thunderbird does not start"
            step.wait(0.1)
        self.packet()

    def packet(self):
        while b":" not in self.data:
            self.data += self.more()
        size, _, rest = self.data.partition(b":")
        while len(rest) < int(size):
            rest += self.more()
        self.data = rest[int(size):]
        return json.loads(rest[:int(size)])

    def more(self):
        data = self.sock.recv(1 << 16)
        assert data, "Thunderbird hung up"
        return data

    def call(self, name, **parameters):
        self.serial += 1
        data = json.dumps([0, self.serial, name, parameters]).encode()
        self.sock.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self.packet()
        assert error is None, error
        return result


class Thunderbird:
    def __init__(self, folder):
        """folder: of its profile, which is made."""
        self.folder = folder

    def __enter__(self):
        os.makedirs(self.folder)
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        with open(f"{self.folder}/user.js", "w", encoding="ascii") as f:
            for name, value in {**PREFS, "marionette.port": port}.items():
                f.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        with open(f"{self.folder}/said", "wb") as said:
            self.process = subprocess.Popen(
                [f"{LIB}/thunderbird-bin", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote",
                 "--profile", self.folder], stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
                env={"HOME": self.folder, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
                     "LD_LIBRARY_PATH": ":".join([LIB] + mtas.library_dirs())})
        try:
            self.wire = Marionette(port, self.process)
            self.wire.call("WebDriver:NewSession", capabilities={})
            self.wire.call("Marionette:SetContext", value="chrome")
            self.wire.call("WebDriver:SetTimeouts", script=SCRIPT_S * 1000)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()

    def script(self, text, *arguments):
        """The value that it returns."""
        text = "const done = arguments[arguments.length - 1];\n" \
            f"(async () => {{{TOOLS}{text}}})().then(v => done([v]), e => done(`${{e}} ${{e.stack}}`));"
        value = self.wire.call("WebDriver:ExecuteAsyncScript", script=text, args=list(arguments), newSandbox=False)["value"]
        if value is None:       # a dialog stands before it
            value = self.wire.call("WebDriver:GetAlertText")["value"]
        assert isinstance(value, list), value
        return value[0]

    def account(self, g, user, password):
        with open(f"{g.etc}/certificate.pem", encoding="ascii") as f:
            certificate = base64.b64encode(ssl.PEM_cert_to_DER_cert(f.read())).decode()
        self.script(ACCOUNT, certificate, g.port("imaps"), g.port("submissions"), user, password)


def unpack():
    mtas.unpack(("thunderbird",))


def main():
    try:
        unpack()
        with tempfile.TemporaryDirectory(prefix="godwit-thunderbird-") as folder, Thunderbird(f"{folder}/profile") as t:
            print("Thunderbird", t.script("return Services.appinfo.version"))
    except Exception as e:
        sys.exit(f"Thunderbird does not run here: {e}")


if __name__ == "__main__":
    main()
