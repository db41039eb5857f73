# SPDX-License-Identifier: ISC
report_SRCS = lib/report/gzip.c lib/report/json_writer.c lib/report/tls_report.c lib/report/tls_tally.c
report_EXT = $(ZLIB_LIBS)
LIBS += report
