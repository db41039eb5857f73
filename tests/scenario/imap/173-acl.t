# 173-acl: who may do what in a mailbox, and others' mailboxes (RFC 4314, RFC 8440, RFC 2342)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a NAMESPACE
c1 < * NAMESPACE (("" "/")) (("user/" "/")) NIL
c1 < a OK *
c1 > b CREATE m173
c1 < b OK *
c1 > c SETACL m173 Alice lrswikd
c1 < c OK *
c1 > d SETACL m173 alice -w
c1 < d OK *
c1 > e GETACL m173
c1 < * ACL "m173" "bob@example.test" lrswipkxteacd "alice@example.test" lrsiktecd
c1 < e OK *
c1 > f LISTRIGHTS m173 alice
c1 < * LISTRIGHTS "m173" "alice" "" l r s w i p k x t e a c d
c1 < f OK *
c1 > g LIST "" m173 RETURN (MYRIGHTS)
c1 < * LIST (\HasNoChildren) "/" "m173"
c1 < * MYRIGHTS "m173" lrswipkxteacd
c1 < g OK *
c1 > h SETACL m173 alice lz
c1 < h BAD No such right
c1 > i SETACL m173 bob l
c1 < i NO [NOPERM] *
client c2 imaps
c2 < * OK *
c2 login alice@example.test godwit
c2 > a LIST user/ bob@example.test/%
c2 < * LIST (\HasNoChildren) "/" "user/bob@example.test/m173"
c2 < a OK *
c2 > b SUBSCRIBE user/bob@example.test/m173
c2 < b OK *
c2 > c LSUB "" *m173
c2 < * LSUB () "/" "user/bob@example.test/m173"
c2 < c OK *
c2 > d UNSUBSCRIBE user/bob@example.test/m173
c2 < d OK *
c2 > e APPEND user/bob@example.test/m173 (\Seen \Flagged) {20+}
c2 > Subject: x
c2 > 
c2 > body
c2 > 
c2 < e OK [APPENDUID * 1] *
c2 > f SELECT user/bob@example.test/m173
c2 < * FLAGS *
c2 < * OK [PERMANENTFLAGS (\Deleted \Seen)] *
c2 < * 1 EXISTS
c2 < * 1 RECENT
c2 < * OK [UIDVALIDITY *
c2 < * OK [UIDNEXT 2] *
c2 < * OK [MAILBOXID *
c2 < * OK [HIGHESTMODSEQ *
c2 < f OK [READ-WRITE] *
c2 > g FETCH 1 (FLAGS BODY.PEEK[TEXT])
c2 < * 1 FETCH (FLAGS (\Seen \Recent) BODY[TEXT] {6}
c2 < body
c2 < )
c2 < g OK *
c2 > h GETACL user/bob@example.test/m173
c2 < h NO [NOPERM] *
c2 > i DELETE user/bob@example.test/m173
c2 < i NO [NOPERM] *
c2 > j MYRIGHTS user/bob@example.test/INBOX
c2 < j NO [NONEXISTENT] *
c1 > k DELETEACL m173 alice
c1 < k OK *
c2 > k FETCH 1 BODY[TEXT]
c2 < k NO *
c2 > l LIST "" user/*
c2 < l OK *
c2 > m UNSELECT
c2 < m OK *
c1 > l DELETE m173
c1 < l OK *
