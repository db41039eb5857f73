# 340-idle: a session that sends no command is closed
config smtpd { timeout = "3s" }
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 send-raw "NOO"
c1 < 421 4.4.2 *
c1 end
log smtpd disconnect reason=idle
