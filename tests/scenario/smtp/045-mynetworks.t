# 045-mynetworks: clients of these networks may relay without login
config mynetworks = {"127.0.0.0/30"}
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<alice@example.test>
c1 < 250 2.1.0 *
c1 > RCPT TO:<carol@bank.example>
c1 < 250 2.1.5 *
