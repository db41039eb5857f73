# 375-sessions-total: sessions of the process at limit+1
config smtpd { processes = 1  client_limit = 2 }
client c1 smtp
c1 < 220 *
client c2 submission
c2 < 220 *
client c3 submission
c3 < 421 4.7.0 *
c3 end
log smtpd limit name=client_limit value=2
