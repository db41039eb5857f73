# 100-mailboxes: create, list, subscribe, rename, delete (RFC 3501 s6.3)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m100/Entw&APw-rfe
c1 < a OK *
c1 > b CREATE m100/Entw&APw-rfe
c1 < b NO [ALREADYEXISTS] *
c1 > c CREATE "m100//x"
c1 < c NO [CANNOT] *
c1 > d CREATE inbox
c1 < d NO [ALREADYEXISTS] *
c1 > e LIST "" m100/%
c1 < * LIST (\HasNoChildren) "/" "m100/Entw&APw-rfe"
c1 < e OK *
c1 > f LIST "" m100
c1 < * LIST (*\HasChildren*) "/" "m100"
c1 < f OK *
c1 > g LIST "" ""
c1 < * LIST (\Noselect) "/" ""
c1 < g OK *
c1 > h SUBSCRIBE m100/Entw&APw-rfe
c1 < h OK *
c1 > i LSUB "" m100*
c1 < * LSUB () "/" "m100/Entw&APw-rfe"
c1 < i OK *
c1 > j RENAME m100/Entw&APw-rfe m100/b
c1 < j OK *
c1 > k STATUS m100/b (MESSAGES UIDNEXT UNSEEN)
c1 < * STATUS "m100/b" (MESSAGES 0 UIDNEXT 1 UNSEEN 0)
c1 < k OK *
c1 > l SELECT m100/a
c1 < l NO [NONEXISTENT] *
c1 > m DELETE m100/b
c1 < m OK *
c1 > n DELETE INBOX
c1 < n NO [CANNOT] *
c1 > o DELETE m100/b
c1 < o NO [NONEXISTENT] *
c1 > p NAMESPACE
c1 < * NAMESPACE (("" "/")) (("user/" "/")) NIL
c1 < p OK *
log imapd mailbox action=create mailbox=*
log imapd mailbox action=delete mailbox=m100/b
