# 171-quota: GETQUOTA, GETQUOTAROOT, DELETED-STORAGE, ids (RFC 9208, RFC 8474)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a GETQUOTAROOT inbox
c1 < * QUOTAROOT "INBOX" "bob@example.test"
c1 < * QUOTA "bob@example.test" (*MAILBOX * 10000)
c1 < a OK *
c1 > b GETQUOTA bob@example.test
c1 < * QUOTA "bob@example.test" (*MAILBOX * 10000)
c1 < b OK *
c1 > c GETQUOTA none
c1 < c NO [NONEXISTENT] *
c1 > d CREATE m171
c1 < d OK [MAILBOXID (F*)] *
c1 > e APPEND m171 (\Deleted) {20+}
c1 > Subject: x
c1 > 
c1 > body
c1 > 
c1 < e OK *
c1 > f STATUS m171 (DELETED DELETED-STORAGE MAILBOXID)
c1 < * STATUS "m171" (DELETED 1 DELETED-STORAGE 20 MAILBOXID (F*))
c1 < f OK *
c1 > g ENABLE IMAP4rev2
c1 < * ENABLED IMAP4rev2
c1 < g OK *
c1 > h RENAME m171 m171x
c1 < * LIST () "/" "m171x" ("OLDNAME" ("m171"))
c1 < h OK *
c1 > i DELETE m171x
c1 < i OK *
