# 370-sessions: sessions of one address at limit+1; room again when one ends
config smtpd { processes = 1  client_connection_limit = 2 }
client c1 smtp
c1 < 220 *
client c2 smtp
c2 < 220 *
client c3 smtp
c3 < 421 4.7.0 *
c3 end
log smtpd limit name=client_connection_limit value=2
c1 > QUIT
c1 < 221 *
c1 end
log smtpd disconnect reason=quit
client c4 smtp
c4 < 220 *
