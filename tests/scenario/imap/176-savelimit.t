# 176-savelimit: COPY and APPEND alone are limited (RFC 9738 s3)
config imapd { save_limit = 2 }
client c1 imaps
c1 < * OK *
c1 > l LOGIN bob@example.test godwit
c1 < l OK [CAPABILITY * SAVELIMIT=2 *
c1 > a CREATE m176
c1 < a OK *
c1 > a CREATE m176b
c1 < a OK *
c1 > a APPEND m176 {6+}
c1 send-raw "a: 1\r\n {6+}\r\na: 2\r\n {6+}\r\na: 3\r\n\r\n"
c1 < a NO [MESSAGELIMIT 2] *
c1 > a APPEND m176 {6+}
c1 send-raw "a: 1\r\n {6+}\r\na: 2\r\n\r\n"
c1 < a OK *
c1 > a APPEND m176 {6+}
c1 send-raw "a: 3\r\n\r\n"
c1 < a OK *
c1 > b SELECT m176
c1 <+ b OK *
c1 > c COPY 1:3 m176b
c1 < c NO [MESSAGELIMIT 2 2] *
c1 > c COPY 2:3 m176b
c1 < c OK [COPYUID * 2:3 1:2] *
c1 > d MOVE 1:3 m176b
c1 <+ d OK *
