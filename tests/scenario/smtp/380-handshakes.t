# 380-handshakes: unfinished handshakes at limit+1; the others are served
config smtpd { processes = 1  handshake_limit = 1 }
client c1 submissions raw
client c2 submissions raw
c2 end
client c3 smtp
c3 < 220 *
log smtpd tls_failed client=[127.0.0.1]:*
