/* SPDX-License-Identifier: ISC */
/*
 * The log: one line an event, "event key=value ...", to standard error, which
 * master collects and stamps with time, daemon and pid (a line never exceeds
 * LOG_LINE_MAX).  Events are rows of log_events.def; a key outside the row
 * aborts a test build.  Values with a space or quote are quoted, control and
 * non-UTF-8 bytes written as \xNN.  Never log a subject, body, password or
 * token.
 *
 *	log_event(LOG_queued, log_session(sid), log_id("m", id),
 *	    log_text("from", sender), log_num("nrcpt", n));
 */
#ifndef LOG_H
#define LOG_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define LOG_LINE_MAX	3500

enum log_event {
#define EVENT(name, keys, sentence)	LOG_##name,
#include "lib/base/log_events.def"
#undef EVENT
	LOG_EVENT_COUNT
};

enum log_kind { LOG_KIND_END, LOG_KIND_TEXT, LOG_KIND_ADDR, LOG_KIND_NUM,
	LOG_KIND_ID, LOG_KIND_SESSION, LOG_KIND_MS };

struct log_kv {
	enum log_kind	 kind;
	const char	*key;
	struct slice	 text;
	uint64_t	 num;
};

#define log_text(k, s)	((struct log_kv){ LOG_KIND_TEXT, (k), (s), 0 })
#define log_str(k, s)	((struct log_kv){ LOG_KIND_TEXT, (k), slice_str(s), 0 })
#define log_addr(k, s)	((struct log_kv){ LOG_KIND_ADDR, (k), (s), 0 })	/* <addr> */
#define log_num(k, v)	((struct log_kv){ LOG_KIND_NUM, (k), SLICE_NONE, (uint64_t)(v) })
#define log_id(k, v)	((struct log_kv){ LOG_KIND_ID, (k), SLICE_NONE, (v) })
#define log_session(v)	((struct log_kv){ LOG_KIND_SESSION, "s", SLICE_NONE, (v) })
#define log_ms(k, v)	((struct log_kv){ LOG_KIND_MS, (k), SLICE_NONE, (uint64_t)(v) })	/* 0.084 */
#define log_err(e)	((struct log_kv){ LOG_KIND_TEXT, "error", slice_str(err_text(e)), 0 })

#define log_event(event, ...) \
	log_write((event), (const struct log_kv[]){ __VA_ARGS__, \
	    { LOG_KIND_END, NULL, { NULL, 0 }, 0 } })

void	 log_write(enum log_event, const struct log_kv *);

/* Tier two: cannot go on because of the environment; exits EX_TEMPFAIL. */
void	 log_fatal(const char *fmt, ...) PRINTF_LIKE(1, 2) NORETURN;

/* Where lines go; 2 unless told. */
void	 log_to_fd(int fd);

struct log_row {
	const char	*name;
	const char	*keys;		/* space-separated */
	const char	*sentence;
};
extern const struct log_row	log_rows[LOG_EVENT_COUNT];

#endif
