# SPDX-License-Identifier: ISC
UNITS += sasl_scram_server_test
sasl_scram_server_test_SRCS = tests/unit/sasl/scram_server_test.c
sasl_scram_server_test_USES = sasl base
