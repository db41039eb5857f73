# 350-prelogin: 30 commands before a login, the next one ends the session
client c1 submissions
c1 < 220 *
c1 send-raw "NOOP\r\n" * 31
c1 <+ 421 4.7.0 *
c1 end
log smtpd limit name=prelogin_command_limit value=30
