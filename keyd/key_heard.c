/* SPDX-License-Identifier: ISC */
#include "keyd/key_heard.h"

#include <stdlib.h>
#include <sysexits.h>

#include "keyd/key_facts.h"
#include "keyd/key_tool.h"
#include "lib/base/must.h"

struct heard {
	struct keyd	*k;
	uint64_t	 id;		/* of the tool's request */
	unsigned	 waiting;	/* for so many */
	bool		 is_late;
	struct buf	 text;
};

static void
end(struct heard *h)
{
	if (h->is_late)
		key_tool_audit("told", SLICE_NONE, 0, err_text(ERR_TIMEOUT));
	if (h->is_late && h->text.n == 0)
		key_tool_reply(h->k, h->id, EX_TEMPFAIL,
		    "done, but queue or store has not yet taken notice", SLICE_NONE);
	else
		daemon_tool_reply(h->k->app, h->id, EX_OK, false, buf_slice(&h->text));
	buf_fini(&h->text);
	free(h);
}

static void
on_taken(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct heard *h = arg;

	(void)type;
	(void)m;
	(void)in;
	h->is_late |= e == ERR_TIMEOUT;
	if (--h->waiting == 0)
		end(h);
}

void
key_heard_reply(struct keyd *k, uint64_t id, struct slice text)
{
	const struct ipc_facts_heard m = { 0 };
	struct heard *h = must_alloc(1, sizeof(*h));
	uint64_t deadline_ms = loop_now(k->loop) + KEY_HEARD_MS;
	struct ipc_peer *p;

	h->k = k;
	h->id = id;
	h->waiting = 1;		/* this call */
	buf_init(&h->text, text.n + 1);
	h->text.secret = true;	/* it may be a password */
	buf_put_slice(&h->text, text);
	for (unsigned i = 0; (p = key_facts_listener(k, i)) != NULL; i++)
		if (ipc_call(p, IPC_MSG_facts_heard, &m, NULL, 0, deadline_ms, on_taken, h,
		    NULL) == ERR_OK)
			h->waiting++;
	on_taken(h, ERR_OK, IPC_MSG_none, NULL, NULL);
}
