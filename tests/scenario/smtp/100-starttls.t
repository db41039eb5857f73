# 100-starttls: the session starts anew under TLS (RFC 3207 s4.2)
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > STARTTLS
c1 < 220 2.0.0 *
c1 starttls
c1 > MAIL FROM:<x@a.example>
c1 < 503 5.5.1 *
c1 > EHLO a.example
c1 <+ 250 CHUNKING
c1 <! 250-STARTTLS
c1 > STARTTLS
c1 < 503 5.5.1 *
log smtpd tls tls=TLSv1.3
