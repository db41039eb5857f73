# 133-context: searches that are followed (RFC 5267)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m133
c1 < a OK *
c1 > a APPEND m133 (\Flagged) {24+}
c1 send-raw "Subject: bbb\r\n\r\nneedle\r\n\r\n"
c1 < a OK *
c1 > a APPEND m133 {21+}
c1 send-raw "Subject: ddd\r\n\r\nhay\r\n\r\n"
c1 < a OK *
c1 > b SELECT m133
c1 <+ b OK *
c1 > u1 UID SEARCH RETURN (COUNT UPDATE) UNFLAGGED
c1 < * ESEARCH (TAG "u1") UID COUNT 1
c1 < u1 OK *
c1 > u2 UID SORT RETURN (ALL UPDATE CONTEXT) (SUBJECT) UTF-8 UNDELETED
c1 < * ESEARCH (TAG "u2") UID ALL 1:2
c1 < u2 OK *
c1 > u3 SEARCH RETURN (UPDATE) BODY needle
c1 < * ESEARCH (TAG "u3")
c1 < u3 OK *
c1 > u3 SEARCH RETURN (UPDATE) ALL
c1 < u3 BAD *
c1 > u4 SEARCH RETURN (COUNT UPDATE) 1
c1 < * ESEARCH (TAG "u4") COUNT 1
c1 < * NO [NOUPDATE "u4"] *
c1 < u4 OK *
c1 > i IDLE
c1 < + *
client c2 imaps
c2 < * OK *
c2 login bob@example.test godwit
c2 > a APPEND m133 (\Flagged) {24+}
c2 send-raw "Subject: ccc\r\n\r\nneedle\r\n\r\n"
c2 < a OK *
c1 < * 3 EXISTS
c1 < * 3 RECENT
c1 < * ESEARCH (TAG "u3") ADDTO (0 3)
c1 < * ESEARCH (TAG "u2") UID ADDTO (2 3)
c2 > b SELECT m133
c2 <+ b OK *
c2 > c STORE 2 +FLAGS (\Deleted \Flagged)
c2 <+ c OK *
c1 < * 2 FETCH *
c1 < * ESEARCH (TAG "u2") UID REMOVEFROM (3 2)
c1 < * ESEARCH (TAG "u1") UID REMOVEFROM (0 2)
c2 > d STORE 1 +FLAGS.SILENT (\Deleted)
c2 < d OK *
c1 < * 1 FETCH *
c1 < * ESEARCH (TAG "u2") UID REMOVEFROM (1 1)
c2 > d EXPUNGE
c2 <+ d OK *
c1 < * ESEARCH (TAG "u3") REMOVEFROM (0 1)
c1 < * 1 EXPUNGE
c1 < * 1 EXPUNGE
c1 > DONE
c1 < i OK *
c1 > j CANCELUPDATE "u1" "u3"
c1 < j OK *
c1 > k CANCELUPDATE "u1"
c1 < k NO *
c1 > v1 UID SEARCH RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])) FLAGGED
c1 < * ESEARCH (TAG "v1") UID COUNT *
c1 < v1 OK *
c1 > i IDLE
c1 < + *
c2 > f APPEND m133 (\Flagged \Deleted) {24+}
c2 send-raw "Subject: eee\r\n\r\nneedle\r\n\r\n"
c2 <+ f OK *
c1 < * 2 EXISTS
c1 < * RECENT
c1 < * 2 FETCH (UID 4 BODY[HEADER.FIELDS (SUBJECT)] {16}
c1 < Subject: eee
c1 < 
c1 < )
c1 < * ESEARCH (TAG "v1") UID ADDTO (0 4)
c1 > DONE
c1 < i OK *
c1 > k CANCELUPDATE "v1"
c1 < k OK *
c1 > l STORE 1 +FLAGS (\Deleted)
c1 < * 1 FETCH *
c1 < * ESEARCH (TAG "u2") UID REMOVEFROM (1 3)
c1 < l OK *
