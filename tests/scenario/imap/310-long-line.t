# 310-long-line: 64 KiB pass, one more byte does not, and the next command is heard
client c1 imaps
c1 < * OK *
c1 send-raw "a NOOP "
c1 send-raw "x" * 65528
c1 send-raw "\r\nb NOOP\r\n"
c1 < a BAD Unexpected text *
c1 < b OK *
c1 send-raw "a NOOP "
c1 send-raw "x" * 65529
c1 send-raw "\r\nb NOOP\r\n"
c1 < a BAD [LIMIT] *
c1 < b OK *
log imapd limit name=line
