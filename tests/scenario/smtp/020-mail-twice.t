# 020-mail-twice: a second MAIL inside a transaction is refused (RFC 5321 s4.1.4)
daemon smtpd
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<x@a.example>
c1 < 250 2.1.0 *
c1 > MAIL FROM:<y@a.example>
c1 < 503 5.5.1 *
log smtpd reject verb=MAIL state=MAIL code=503 dsn=5.5.1
