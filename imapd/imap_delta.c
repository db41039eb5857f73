/* SPDX-License-Identifier: ISC */
#include "imapd/imap_delta.h"

static void
end_list(struct imap_delta *d)
{
	if (!d->has_set)
		return;
	imap_seqset_run_end(d->out, &d->run);
	buf_put_char(d->out, ')');
	d->has_set = false;
}

/* A place and the set that goes there. */
static void
begin_set(struct imap_delta *d, uint32_t place)
{
	if (d->has_set)
		imap_seqset_run_end(d->out, &d->run);
	buf_put_str(d->out, d->has_set ? " " : d->adds ? " ADDTO (" : " REMOVEFROM (");
	buf_put_num(d->out, place);
	buf_put_char(d->out, ' ');
	d->run = (struct imap_run){ 0 };
	d->has_set = true;
}

static void
put(struct imap_delta *d, bool adds, uint32_t place, uint32_t number)
{
	if (!d->began)
		buf_printf(d->out, "* ESEARCH (TAG \"%.*s\"%.*s)%s", SLICE_FMT(d->tag),
		    SLICE_FMT(d->where), d->uid ? " UID" : "");
	d->began = true;
	if (d->adds != adds)
		end_list(d);
	d->adds = adds;
	if (!d->has_set || place != d->next)
		begin_set(d, place);
	imap_seqset_run_add(d->out, &d->run, number);
	d->next = adds && place > 0 ? place + 1 : place;
}

void
imap_delta_remove(struct imap_delta *d, uint32_t place, uint32_t number)
{
	put(d, false, place, number);
}

void
imap_delta_add(struct imap_delta *d, uint32_t place, uint32_t number)
{
	put(d, true, place, number);
}

void
imap_delta_end(struct imap_delta *d)
{
	end_list(d);
	if (d->began)
		buf_put_str(d->out, "\r\n");
}
