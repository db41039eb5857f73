# 180-notify: news of all mailboxes without being asked (RFC 5465)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m180
c1 < a OK *
c1 > a CREATE m180b
c1 < a OK *
c1 > b SELECT m180
c1 <+ b OK *
c1 > c NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (Subject)]) MessageExpunge FlagChange)) (subtree m180b (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange))
c1 < * STATUS "m180b" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY *
c1 < c OK *
client c2 imaps
c2 < * OK *
c2 login bob@example.test godwit
c2 > a APPEND m180 {14+}
c2 send-raw "Subject: x\r\n\r\n\r\n"
c2 < a OK *
c1 < * 1 EXISTS
c1 < * 1 RECENT
c1 < * 1 FETCH (UID 1 BODY[HEADER.FIELDS (Subject)] {14}
c1 < Subject: x
c1 <
c1 < )
c2 > b APPEND m180b (\Seen) {14+}
c2 send-raw "Subject: x\r\n\r\n\r\n"
c2 < b OK *
c1 < * STATUS "m180b" (UIDNEXT 2 MESSAGES 1)
c2 > c CREATE m180b/c
c2 < c OK *
c1 < * LIST (\HasChildren) "/" "m180b"
c1 < * LIST (\HasNoChildren) "/" "m180b/c"
c2 > d SUBSCRIBE m180b/c
c2 < d OK *
c1 < * LIST (\HasNoChildren \Subscribed) "/" "m180b/c"
c2 > e SETMETADATA m180b/c (/shared/comment "ours")
c2 < e OK *
c1 < * METADATA "m180b/c" /shared/comment
c1 > d IDLE
c1 < + *
c2 > f SELECT m180
c2 <+ f OK *
c2 > g STORE 1 +FLAGS (\Deleted)
c2 <+ g OK *
c1 < * 1 FETCH (UID 1 FLAGS (\Deleted \Recent))
c2 > h EXPUNGE
c2 <+ h OK *
c1 < * 1 EXPUNGE
c2 > i RENAME m180b/c m180b/d
c2 < i OK *
c1 < * LIST (\HasNoChildren \Subscribed) "/" "m180b/d" ("OLDNAME" ("m180b/c"))
c1 > DONE
c1 < d OK *
c1 > e NOTIFY SET (personal (AnnotationChange))
c1 < e NO [BADEVENT (*
c1 > f NOTIFY NONE
c1 < f OK *
c2 > j DELETE m180b/d
c2 < j OK *
c1 > g NOOP
c1 < g OK *
