# 140-idle: another session's changes arrive at once (RFC 2177)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m140
c1 < a OK *
c1 > b SELECT m140
c1 <+ b OK *
c1 > c IDLE
c1 < + *
client c2 imaps
c2 < * OK *
c2 login bob@example.test godwit
c2 > a APPEND m140 {12+}
c2 send-raw "Subject: x\r\n\r\n"
c2 < a OK *
c1 < * 1 EXISTS
c1 < * 1 RECENT
c2 > b SELECT m140
c2 <+ b OK *
c2 > c STORE 1 +FLAGS (\Deleted)
c2 <+ c OK *
c1 < * 1 FETCH (UID 1 FLAGS (\Deleted \Recent))
c2 > d EXPUNGE
c2 <+ d OK *
c1 < * 1 EXPUNGE
c1 > DONE
c1 < c OK *
c1 > d IDLE
c1 < + *
c1 > nonsense
c1 < d BAD *
