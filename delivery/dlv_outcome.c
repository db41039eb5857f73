/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_outcome.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/ipc/ipc_codec.h"

#define FIXED_BYTES	48u	/* of a relay_result beside its texts */
#define TEXT_FLOOR	100u	/* what a text keeps at least */

static struct dlv_outcome *
make(enum err e, const char *dsn, const char *text)
{
	struct dlv_outcome *o = must_alloc(1, sizeof(*o));

	o->refs = 1;
	o->error = e;
	o->proto = o->tls = o->policy = "";
	must(slice_to_cstr(slice_str(dsn), o->dsn, sizeof(o->dsn)));
	(void)slice_to_cstr(slice_head(slice_str(text), SMTP_RESULT_TEXT_MAX), o->text,
	    sizeof(o->text));
	return o;
}

struct dlv_outcome *
dlv_outcome_of_result(const struct smtp_result *r, const char *host, const char *proto,
    const char *tls)
{
	struct dlv_outcome *o = make(r->error, r->dsn, r->text);

	o->dsn_taken = r->dsn_taken;
	o->proto = proto;
	o->tls = tls;
	(void)slice_to_cstr(slice_head(slice_str(host), DLV_HOST_BYTES - 1), o->host,
	    sizeof(o->host));
	(void)slice_to_cstr(slice_str(r->reply), o->reply, sizeof(o->reply));
	return o;
}

struct dlv_outcome *
dlv_outcome_of_verdict(const struct dlv_verdict *v)
{
	return make(v->error, v->dsn, v->text);
}

struct dlv_outcome *
dlv_outcome_ref(struct dlv_outcome *o)
{
	o->refs++;
	return o;
}

void
dlv_outcome_unref(struct dlv_outcome **op)
{
	struct dlv_outcome *o = *op;

	*op = NULL;
	if (o != NULL && --o->refs == 0)
		free(o);
}

bool
dlv_outcome_is_weaker(const struct dlv_outcome *old, const struct dlv_outcome *fresh)
{
	return old == NULL || err_class(old->error) == ERR_CLASS_PERM ||
	    err_class(fresh->error) != ERR_CLASS_PERM;
}

/* ---- to queue */

static struct slice
cut(const char *text, size_t *room, size_t floor)
{
	struct slice s = slice_str(text);
	size_t n = *room > floor ? *room : floor;

	s = slice_head(s, n);
	*room -= s.n < *room ? s.n : *room;
	return s;
}

void
dlv_outcome_put(struct buf *b, const struct dlv_outcome *o, uint32_t idx, unsigned count)
{
	size_t room = DLV_RESULTS_MAX / (count > 0 ? count : 1) - FIXED_BYTES;
	struct ipc_relay_result m = { .idx = idx, .error = o->error,
		.dsn_taken = o->dsn_taken, .is_broken = o->is_broken, .dsn = slice_str(o->dsn) };

	m.host = cut(o->host, &room, TEXT_FLOOR);
	m.text = cut(o->text, &room, TEXT_FLOOR);
	m.reply = cut(o->reply, &room, 0);
	ipc_relay_result_put(b, &m);
}

/* ---- to the log */

/* "10:07:11Z" */
static void
put_time(struct buf *b, uint64_t real_ms)
{
	struct clock_date d;

	clock_to_date((int64_t)(real_ms / 1000), &d);
	buf_printf(b, "%02d:%02d:%02dZ", d.hour, d.minute, d.second);
}

void
dlv_outcome_log(const struct dlv_outcome *o, const struct dlv_about *about,
    const struct dlv_delays *delays, uint64_t retry_ms)
{
	enum log_event event = o->error == ERR_OK ? LOG_sent :
	    err_class(o->error) == ERR_CLASS_PERM ? LOG_bounced : LOG_deferred;
	struct dlv_line line;
	struct buf next;

	buf_init(&next, 64);
	dlv_line_begin(&line, about);
	dlv_line_put(&line, log_str("relay", o->host[0] != '\0' ? o->host : "none"));
	if (o->proto[0] != '\0') {
		dlv_line_put(&line, log_str("proto", o->proto));
		dlv_line_put(&line, log_str("tls", o->tls));
	}
	if (o->policy[0] != '\0')
		dlv_line_put(&line, log_str("policy", o->policy));
	dlv_line_put(&line, log_str("dsn", o->dsn));
	dlv_line_put_delays(&line, delays);
	dlv_line_put(&line, log_str("reason", o->error == ERR_OK && o->reply[0] != '\0' ?
	    o->reply : o->text));
	if (event == LOG_deferred && retry_ms > 0) {
		put_time(&next, retry_ms);
		dlv_line_put(&line, log_text("next", buf_slice(&next)));
	}
	dlv_line_end(&line, event);
	buf_fini(&next);
}
