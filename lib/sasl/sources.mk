# SPDX-License-Identifier: ISC
sasl_SRCS = lib/sasl/scram_server.c
LIBS += sasl
