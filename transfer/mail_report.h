/* SPDX-License-Identifier: ISC */
/*
 * What the operator is told: a bar that moves, on a terminal; else a line for
 * each folder; warnings; and the sentence that explains why it ended.  Text
 * of strangers is printed with what is not printable as '?'.
 */
#ifndef MAIL_REPORT_H
#define MAIL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"

struct mail_report {
	const char	*program;
	struct buf	 fault;
	bool		 is_terminal;
	bool		 has_bar;	/* it stands on the present line */
	uint64_t	 shown_ms;
	uint64_t	 began_ms;
	/* of the folder */
	struct slice	 folder;
	uint64_t	 wanted, done, bytes;
	/* of all */
	uint64_t	 warnings;
};

void		 mail_report_init(struct mail_report *, const char *program, bool is_terminal);
void		 mail_report_fini(struct mail_report *);

/* Keeps the sentence and returns e. */
enum err	 mail_report_fault(struct mail_report *, enum err e, const char *format, ...)
		    PRINTF_LIKE(3, 4);
/* Told at once; it goes on. */
void		 mail_report_warn(struct mail_report *, const char *format, ...) PRINTF_LIKE(2, 3);
/* A line on standard output. */
void		 mail_report_line(struct mail_report *, const char *format, ...) PRINTF_LIKE(2, 3);

/* The bar: a folder with so many messages; one of them is done; time passes. */
void		 mail_report_folder(struct mail_report *, struct slice name, uint64_t wanted);
void		 mail_report_message(struct mail_report *, uint64_t now_ms);
void		 mail_report_bytes(struct mail_report *, uint64_t bytes, uint64_t now_ms);
void		 mail_report_clear(struct mail_report *);

#endif
