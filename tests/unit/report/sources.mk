# SPDX-License-Identifier: ISC
UNITS += report_tls_tally_test report_tls_report_test
report_tls_tally_test_SRCS = tests/unit/report/tls_tally_test.c
report_tls_tally_test_USES = report ipc io base
report_tls_report_test_SRCS = tests/unit/report/tls_report_test.c
report_tls_report_test_USES = report ipc io base
