# 134-multisearch: one search of many mailboxes (RFC 7377)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m134/sub
c1 < a OK *
c1 > a APPEND m134 (k134) {24+}
c1 send-raw "Subject: one\r\n\r\nneedle\r\n\r\n"
c1 < a OK *
c1 > a APPEND m134/sub {24+}
c1 send-raw "Subject: two\r\n\r\nneedle\r\n\r\n"
c1 < a OK *
c1 > a APPEND m134/sub (other k134) {21+}
c1 send-raw "Subject: one\r\n\r\nhay\r\n\r\n"
c1 < a OK *
c1 > b ESEARCH SUBJECT one
c1 < b BAD *
c1 > c ESEARCH IN (subtree m134) SUBJECT one
c1 < * ESEARCH (TAG "c" MAILBOX "m134" UIDVALIDITY *) UID ALL 1
c1 < * ESEARCH (TAG "c" MAILBOX "m134/sub" UIDVALIDITY *) UID ALL 2
c1 < c OK *
c1 > d ESEARCH IN (mailboxes (m134 m134/none)) RETURN (COUNT) BODY needle
c1 < * ESEARCH (TAG "d" MAILBOX "m134" UIDVALIDITY *) UID COUNT 1
c1 < d OK *
c1 > e ESEARCH IN (subtree m134) RETURN (MIN MAX) KEYWORD k134
c1 < * ESEARCH (TAG "e" MAILBOX "m134" UIDVALIDITY *) UID MIN 1 MAX 1
c1 < * ESEARCH (TAG "e" MAILBOX "m134/sub" UIDVALIDITY *) UID MIN 2 MAX 2
c1 < e OK *
c1 > f SELECT m134/sub
c1 <+ f OK *
c1 > g ESEARCH IN (selected mailboxes m134) RETURN (COUNT UPDATE) ALL
c1 < * ESEARCH (TAG "g" MAILBOX "m134/sub" UIDVALIDITY *) UID COUNT 2
c1 < * ESEARCH (TAG "g" MAILBOX "m134" UIDVALIDITY *) UID COUNT 1
c1 < g OK *
c1 > h APPEND m134/sub {21+}
c1 send-raw "Subject: one\r\n\r\nhay\r\n\r\n"
c1 < * 3 EXISTS
c1 < * 3 RECENT
c1 < * ESEARCH (TAG "g" MAILBOX "m134/sub" UIDVALIDITY *) UID ADDTO (0 3)
c1 < h OK *
c1 > i ESEARCH IN (subtree m134) SUBJECT three
c1 < i OK *
