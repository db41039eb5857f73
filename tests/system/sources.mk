# SPDX-License-Identifier: ISC
TESTPROGS += drill
drill_SRCS = tests/system/drill.c
drill_USES = ipc io base
TESTPROGS += echod
echod_SRCS = tests/system/echod.c
echod_USES = daemon conf ipc io crypto sys base
