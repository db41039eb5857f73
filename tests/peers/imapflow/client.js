// SPDX-License-Identifier: ISC
// What a program with imapflow does with an account; prints what it saw as JSON.
"use strict";
const fs = require("fs");
const path = require("path");
const { ImapFlow } = require(path.resolve(__dirname, "../../../build/imapflow/node_modules/imapflow"));
const [, , port, user, pass, ca] = process.argv;

function open() {
    return new ImapFlow({ host: "localhost", port: Number(port), secure: true, auth: { user, pass },
        tls: { ca: fs.readFileSync(ca) }, logger: false, qresync: true });
}

async function subjects(c, range, options) {
    const out = [];
    for await (const m of c.fetch(range, { envelope: true, flags: true, uid: true, bodyStructure: true, size: true },
        options))
        out.push({ uid: m.uid, subject: m.envelope.subject, flags: [...m.flags].filter((f) => f !== "\\Recent").sort(),
            type: m.bodyStructure.type, size: m.size });
    return out;
}

async function first() {
    const c = open(), seen = {};
    await c.connect();
    seen.enabled = [...c.enabled].sort();
    seen.created = (await c.mailboxCreate(["Work", "2026"])).created;
    const text = (n) => `Subject: n${n}\r\nMessage-ID: <n${n}@x>\r\nFrom: a@b.example\r\n\r\nbody ${n} \u00e4\r\n`;
    for (let n = 1; n <= 4; n++)
        await c.append("Work/2026", text(n), n === 2 ? ["\\Seen"] : [], new Date(Date.UTC(2026, 10, n)));
    seen.folders = (await c.list()).filter((f) => f.specialUse || f.path.startsWith("Work"))
        .map((f) => [f.path, f.specialUse || ""]);
    const lock = await c.getMailboxLock("Work/2026");
    try {
        seen.exists = c.mailbox.exists;
        seen.mails = await subjects(c, "1:*");
        seen.unseen = await c.search({ seen: false }, { uid: true });
        await c.messageFlagsAdd({ uid: "1,3" }, ["\\Flagged", "$Forwarded"], { uid: true });
        const { content } = await c.download("3", undefined, { uid: true });
        const parts = [];
        for await (const p of content)
            parts.push(p);
        seen.download = Buffer.concat(parts).toString();
        seen.copied = [...(await c.messageCopy("1:2", "Archive", { uid: true })).uidMap];
        seen.moved = [...(await c.messageMove("4", "Trash", { uid: true })).uidMap];
        await c.messageDelete("2", { uid: true });
        seen.left = await subjects(c, "1:*");
        seen.modseq = String(c.mailbox.highestModseq);
        // Somebody else brings a message: told while idle.
        const told = new Promise((resolve) => c.once("exists", resolve));
        c.idle();
        const other = open();
        await other.connect();
        await other.append("Work/2026", text(5));
        await other.logout();
        const e = await told;
        seen.told = e.count;
        seen.changed = (await subjects(c, "1:*", { uid: true, changedSince: BigInt(seen.modseq) })).map((m) => m.subject);
        seen.quota = Boolean(await c.getQuota("INBOX"));
        seen.status = await c.status("Work/2026", { messages: true, unseen: true, uidNext: true });
    } finally {
        lock.release();
    }
    await c.logout();
    return seen;
}

first().then((seen) => console.log(JSON.stringify(seen, (k, v) => typeof v === "bigint" ? String(v) : v)),
    (e) => { console.error(e); process.exit(1); });
