/* SPDX-License-Identifier: ISC */
#include "lib/mail/trace.h"

#include "lib/base/clock.h"
#include "lib/base/enc.h"

void
trace_put_received(struct buf *b, const struct trace *t)
{
	char id[ENC_ID_BYTES + 1];

	enc_id_str(id, t->msg);
	if (t->client.n > 0) {
		buf_printf(b, "Received: from %.*s (%.*s)\r\n", SLICE_FMT(t->helo),
		    SLICE_FMT(t->client));
		if (t->tls_version != NULL)
			buf_printf(b, "\t(using %s with cipher %s)\r\n", t->tls_version,
			    t->tls_cipher);
		buf_printf(b, "\tby %.*s with %s id %s", SLICE_FMT(t->hostname), t->protocol, id);
	} else {
		buf_printf(b, "Received: by %.*s (userid %u) id %s", SLICE_FMT(t->hostname),
		    t->uid, id);
	}
	if (t->rcpt.n > 0)
		buf_printf(b, "\r\n\tfor <%.*s>", SLICE_FMT(t->rcpt));
	buf_put_str(b, ";\r\n\t");
	clock_put_rfc5322(b, t->real_s);
	buf_put_str(b, "\r\n");
}
