# SPDX-License-Identifier: ISC
TESTPROGS += log_man
log_man_SRCS = tests/golden/log_man.c
log_man_USES = base
TESTPROGS += mime_dump
mime_dump_SRCS = tests/golden/mime_dump.c
mime_dump_USES = mail base
TESTPROGS += letter_dump
letter_dump_SRCS = tests/golden/letter_dump.c
letter_dump_USES = cmtp mail crypto base
