/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_line.h"

#include "lib/base/must.h"

void
dlv_line_begin(struct dlv_line *l, const struct dlv_about *a)
{
	l->n = 0;
	buf_init(&l->delays, 128);
	if (a->session != 0)
		dlv_line_put(l, log_session(a->session));
	dlv_line_put(l, log_id("m", a->msg));
	dlv_line_put(l, log_addr("to", a->to));
	if (a->original.n > 0 && !slice_ieq(a->original, a->to))
		dlv_line_put(l, log_addr("orig_to", a->original));
}

void
dlv_line_put(struct dlv_line *l, struct log_kv kv)
{
	/* One stays for the end. */
	must(l->n + 1 < lengthof(l->kv));
	l->kv[l->n++] = kv;
}

/* Seconds with two decimals, three when that shows more. */
static void
put_seconds(struct buf *b, uint64_t ms)
{
	if (ms == 0)
		buf_put_str(b, "0");
	else if (ms < 10)
		buf_printf(b, "0.00%u", (unsigned)ms);
	else
		buf_printf(b, "%llu.%02u", (unsigned long long)(ms / 1000),
		    (unsigned)(ms % 1000 / 10));
}

void
dlv_delays_put(struct buf *b, const struct dlv_delays *d)
{
	put_seconds(b, d->before_ms);
	buf_put_char(b, '/');
	put_seconds(b, d->queue_ms);
	buf_put_char(b, '/');
	put_seconds(b, d->setup_ms);
	buf_put_char(b, '/');
	put_seconds(b, d->send_ms);
}

void
dlv_line_put_delays(struct dlv_line *l, const struct dlv_delays *d)
{
	dlv_delays_put(&l->delays, d);
	dlv_line_put(l, log_text("delays", buf_slice(&l->delays)));
}

void
dlv_line_end(struct dlv_line *l, enum log_event event)
{
	l->kv[l->n] = (struct log_kv){ LOG_KIND_END, NULL, SLICE_NONE, 0 };
	log_write(event, l->kv);
	buf_fini(&l->delays);
}
