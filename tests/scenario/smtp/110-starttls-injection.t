# 110-starttls-injection: plaintext behind STARTTLS is refused, never run
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 send-raw "STARTTLS\r\nMAIL FROM:<x@a.example>\r\nRCPT TO:<alice@example.test>\r\n"
c1 < 501 5.5.1 *
c1 end
log smtpd disconnect reason="plaintext after STARTTLS"
