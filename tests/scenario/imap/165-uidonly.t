# 165-uidonly: no sequence numbers (RFC 9586); logging out and in again (RFC 8437)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m165
c1 < a OK *
c1 > a APPEND m165 {11+}
c1 send-raw "a: 1\r\n\r\n1\r\n\r\n"
c1 < a OK *
c1 > b ENABLE UIDONLY
c1 < * ENABLED UIDONLY
c1 < b OK *
c1 > c SELECT m165
c1 <+ c OK *
c1 > d FETCH 1 FLAGS
c1 < d BAD [UIDREQUIRED] *
c1 > e UID SEARCH 1
c1 < e BAD [UIDREQUIRED] *
c1 > f UID FETCH 1 (FLAGS RFC822.SIZE)
c1 < * 1 UIDFETCH (FLAGS (\Recent) RFC822.SIZE 11)
c1 < f OK *
c1 > g UID STORE 1 +FLAGS.SILENT (\Deleted)
c1 < g OK *
c1 > h UNAUTHENTICATE
c1 < h OK *
c1 > i SELECT m165
c1 < i BAD *
c1 login bob@example.test godwit
c1 > j SELECT m165
c1 <+ j OK *
c1 > k FETCH 1 FLAGS
c1 < * 1 FETCH (FLAGS (\Deleted))
c1 < k OK *
log imapd unauthenticate sasl_username=bob@example.test
