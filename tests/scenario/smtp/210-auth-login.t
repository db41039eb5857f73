# 210-auth-login: AUTH LOGIN on 465, cancel, wrong password (RFC 4954 s4)
client c1 submissions
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 CHUNKING
c1 <? 250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS
c1 > AUTH LOGIN
c1 < 334 VXNlcm5hbWU6
c1 > *
c1 < 501 5.7.0 *
c1 > AUTH LOGIN
c1 < 334 VXNlcm5hbWU6
c1 > Ym9iQGV4YW1wbGUudGVzdA==
c1 < 334 UGFzc3dvcmQ6
c1 > d3Jvbmc=
c1 < 535 5.7.8 *
c1 > AUTH LOGIN Ym9iQGV4YW1wbGUudGVzdA==
c1 < 334 UGFzc3dvcmQ6
c1 > Z29kd2l0
c1 < 235 2.7.0 *
c1 > AUTH LOGIN
c1 < 503 5.5.1 *
log smtpd auth_failed sasl_method=LOGIN
log smtpd auth sasl_method=LOGIN sasl_username=bob@example.test
