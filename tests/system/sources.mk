# SPDX-License-Identifier: ISC
TESTPROGS += drill
drill_SRCS = tests/system/drill.c tests/system/inplace.c
drill_USES = ipc io base
TESTPROGS += echod
echod_SRCS = tests/system/echod.c
echod_USES = daemon conf ipc io crypto sys base
TESTPROGS += brought
brought_SRCS = tests/system/brought.c tests/system/inplace.c tests/unit/seal/travelling.c
brought_USES = cmtp seal ipc io crypto mail base
brought_EXT = $(UV_LIBS)
