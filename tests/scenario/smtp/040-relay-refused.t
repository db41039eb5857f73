# 040-relay-refused: no open relay, unknown users
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<alice@example.test>
c1 < 250 2.1.0 *
c1 > RCPT TO:<carol@bank.example>
c1 < 554 5.7.1 *
c1 > RCPT TO:<nobody-here@example.test>
c1 < 550 5.1.1 *
c1 > RCPT TO:<"carol@bank.example"@example.test>
c1 < 550 5.1.1 *
c1 > RCPT TO:<carol%bank.example@example.test>
c1 < 550 5.1.1 *
c1 > RCPT TO:<@example.test:carol@bank.example>
c1 < 554 5.7.1 *
c1 > DATA
c1 < 503 5.5.1 *
c1 > RCPT TO:<postmaster>
c1 < 250 2.1.5 *
log smtpd reject verb=RCPT to=<carol@bank.example> code=554
