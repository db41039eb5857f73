/* SPDX-License-Identifier: ISC */
#include "imapd/imap_opening.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_object.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

struct imap_opening *
imap_opening_new(struct imap_shared *shared)
{
	struct imap_opening *o = must_alloc(1, sizeof(*o));

	o->shared = shared;
	return o;
}

bool
imap_opening_fits(const struct imap_opening *o, uint64_t bytes)
{
	return o->count == 0 ||
	    (o->count < IMAP_OPENING_MAX && o->bytes + bytes <= IMAP_OPENING_BYTES);
}

void
imap_opening_add(struct imap_opening *o, uint64_t number, uint64_t bytes,
    const unsigned char *key, struct slice commitment, struct buf *sealed)
{
	struct imap_opening_item *i = &o->items[o->count++];

	must(o->count <= IMAP_OPENING_MAX && commitment.n == sizeof(i->commitment));
	i->number = number;
	memcpy(i->key, key, sizeof(i->key));
	memcpy(i->commitment, commitment.p, sizeof(i->commitment));
	i->sealed = *sealed;
	buf_init(sealed, i->sealed.max);
	o->bytes += bytes;
}

/* In a thread: nothing here is anybody else's. */
static void
open_item(struct seal_reader *r, struct imap_opening_item *i)
{
	struct slice object = buf_slice(&i->sealed);
	struct seal_head head;

	buf_init(&i->text, 0);
	if (seal_head_parse(&head, object) != ERR_OK ||
	    head.plain_bytes > IMAP_OPENING_TEXT_MAX)
		return;
	/* Memory for just that, which is wiped in the end. */
	buf_init(&i->text, (size_t)head.plain_bytes);
	i->text.secret = true;
	i->is_open = seal_open(r, i->key, object, i->commitment, IMAP_OPENING_TEXT_MAX,
	    &i->text) == ERR_OK;
}

static void
work(void *arg)
{
	struct imap_opening *o = arg;

	for (unsigned i = 0; i < o->count; i++)
		open_item(o->reader, &o->items[i]);
}

static void
on_worked(void *arg)
{
	struct imap_opening *o = arg;

	imap_object_give_reader(o->shared, &o->reader);
	if (o->arg != NULL)
		o->done(o, o->arg);
	else
		imap_opening_free(&o);
}

enum err
imap_opening_start(struct imap_opening *o, struct imap_session *s, imap_opening_fn *done,
    void *arg)
{
	enum err e;

	o->done = done;
	o->arg = arg;
	o->reader = imap_object_take_reader(o->shared);
	e = s->host->work(s->host_arg, work, on_worked, o);
	if (e != ERR_OK)
		imap_object_give_reader(o->shared, &o->reader);
	return e;
}

void
imap_opening_leave(struct imap_opening **po)
{
	if (*po != NULL)
		(*po)->arg = NULL;
	*po = NULL;
}

void
imap_opening_free(struct imap_opening **po)
{
	struct imap_opening *o = *po;

	*po = NULL;
	if (o == NULL)
		return;
	for (unsigned i = 0; i < o->count; i++) {
		secret_wipe(o->items[i].key, sizeof(o->items[i].key));
		buf_fini(&o->items[i].sealed);
		buf_fini(&o->items[i].text);
	}
	free(o);
}
