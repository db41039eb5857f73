/* SPDX-License-Identifier: ISC */
#include "queue/queue_log.h"

void
queue_log_rcpt(const struct queue_envelope *env, const struct queue_rcpt *r,
    const struct queue_tale *t)
{
	const struct log_kv last[] = {
		log_addr("orig_to", queue_envelope_orig_to(r)), log_text("relay", t->relay),
		log_text("dsn", t->dsn), log_text("reason", t->reason),
		log_text("next", t->next)
	};
	struct log_kv kv[lengthof(last) + 4];
	size_t n = 0;

	if (env->session != 0)
		kv[n++] = log_session(env->session);
	kv[n++] = log_id("m", env->id);
	kv[n++] = log_addr("to", r->address);
	for (size_t i = 0; i < lengthof(last); i++)
		if (last[i].text.n > 0)
			kv[n++] = last[i];
	kv[n] = (struct log_kv){ LOG_KIND_END, NULL, SLICE_NONE, 0 };
	log_write(t->event, kv);
}
