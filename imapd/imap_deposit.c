/* SPDX-License-Identifier: ISC */
#include "imapd/imap_deposit.h"

#include <string.h>

#define END_BYTES	1024u		/* that the end may add */

void
imap_deposit_init(struct imap_deposit *d, struct imap_cmd *c)
{
	const struct imap_session *s = c->s;

	memset(d, 0, sizeof(*d));
	d->c = c;
	d->fd = -1;
	d->owner.account = s->account;
	d->owner.generation = s->key_generation;
	memcpy(d->owner.public_key, s->public_key, sizeof(d->owner.public_key));
}

static uint32_t
handle_of(const struct imap_deposit *d)
{
	return d->handle != 0 ? d->handle : d->c->s->handle;
}

static void
drop_message(struct imap_deposit *d)
{
	struct imap_session *s = d->c->s;

	if (d->fd >= 0)
		s->host->file_close(s->host_arg, d->fd);
	d->fd = -1;
	imap_kit_give(s->shared, &d->kit);
}

void
imap_deposit_fini(struct imap_deposit *d)
{
	struct imap_session *s = d->c->s;
	struct ipc_store_append_cancel m = { .handle = handle_of(d) };

	drop_message(d);
	/* A store that is gone forgot them, and so it is when this cannot be sent. */
	if (d->kept > 0 && d->handle_serial == s->handle_serial && m.handle != 0 &&
	    s->host->send(s->host_arg, IPC_STORE, IPC_MSG_store_append_cancel, &m) != ERR_OK)
		d->kept = 0;
}

void
imap_deposit_next(struct imap_deposit *d)
{
	drop_message(d);
	d->kit = imap_kit_take(d->c->s->shared);
	d->error = ERR_OK;
}

static void
on_granted(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_deposit *d = arg;

	d->waiting = false;
	if (r->error != ERR_OK)
		d->error = r->error;
	else if (r->type == IPC_MSG_store_epoch_ok)
		d->error = sealer_grant(s->shared->sealer, &d->owner, r->m,
		    s->host->now_ms(s->host_arg));
	else
		d->error = r->type == IPC_MSG_store_fail ?
		    ((const struct ipc_store_fail *)r->m)->error : ERR_GONE;
}

enum err
imap_deposit_begin(struct imap_deposit *d, uint64_t bytes)
{
	struct imap_session *s = d->c->s;
	struct ipc_store_epoch m = { .handle = handle_of(d), .account = d->owner.account };
	enum err e;

	if (d->waiting)
		return ERR_AGAIN;
	if (d->error != ERR_OK)
		return d->error;
	e = sealer_begin(s->shared->sealer, &d->kit->message, &d->owner, bytes,
	    s->host->now_ms(s->host_arg));
	if (e == ERR_AGAIN) {
		d->waiting = imap_session_call(s, IPC_STORE, IPC_MSG_store_epoch, &m, NULL, 0,
		    on_granted, d) == ERR_OK;
		return d->waiting ? ERR_AGAIN : ERR_GONE;
	}
	if (d->kept == 0)
		d->handle_serial = s->handle_serial;
	return e;
}

static enum err
flush(struct imap_deposit *d)
{
	const struct imap_session *s = d->c->s;
	enum err e = s->host->file_write(s->host_arg, d->fd, buf_slice(&d->kit->sealed));

	buf_reset(&d->kit->sealed);
	return e == ERR_OK ? ERR_OK : ERR_FULL;
}

enum err
imap_deposit_put(struct imap_deposit *d, struct slice data)
{
	enum err e = ERR_OK;

	mime_feed(&d->kit->mime, data);
	while (data.n > 0 && e == ERR_OK) {
		struct slice piece = slice_head(data, 65536);

		e = sealer_put(&d->kit->message, piece, &d->kit->sealed);
		data = slice_from(data, piece.n);
		if (e == ERR_OK && d->fd >= 0)
			e = flush(d);
	}
	return e;
}

/* The sealer's rest, summary and wrap. */
enum err
imap_deposit_end(struct imap_deposit *d)
{
	struct imap_shared *sh = d->c->s->shared;

	mime_end(&d->kit->mime);
	return sealer_end(sh->sealer, &d->kit->message, &d->kit->mime, SLICE_NONE, sh->charsets,
	    &d->kit->sealed, &d->append);
}

bool
imap_deposit_needs_file(const struct imap_deposit *d)
{
	return d->fd < 0 && d->kit->sealed.n + END_BYTES > SEALER_INLINE_MAX;
}

enum err
imap_deposit_take_file(struct imap_deposit *d, int fd)
{
	d->fd = fd;
	return flush(d);
}

enum err
imap_deposit_send(struct imap_deposit *d, imap_reply_fn *fn, void *arg)
{
	struct imap_session *s = d->c->s;
	struct ipc_store_append *m = &d->append;
	enum err e;

	/* Epoch, content id and file are of a store that is gone. */
	if (d->handle_serial != s->handle_serial)
		return ERR_GONE;
	if (d->fd >= 0 && flush(d) != ERR_OK)
		return ERR_FULL;
	m->handle = handle_of(d);
	m->body = d->fd >= 0 ? SLICE_NONE : buf_slice(&d->kit->sealed);
	/* Whatever the answer: it may come too late. */
	d->kept += m->more;
	e = imap_session_call(s, IPC_STORE, IPC_MSG_store_append, m,
	    d->fd >= 0 ? &d->fd : NULL, d->fd >= 0 ? 1 : 0, fn, arg);
	/* It is on its way; what the kit held of it is not looked at again. */
	imap_kit_give(s->shared, &d->kit);
	return e == ERR_OK ? ERR_OK : ERR_GONE;
}

const struct ipc_store_appended *
imap_deposit_result(struct imap_deposit *d, const struct imap_reply *r)
{
	if (r->error == ERR_OK && r->type == IPC_MSG_store_appended) {
		if (d->append.more)
			return r->m;
		/* One that is kept may yet be dropped, and its epoch with it. */
		d->kept = 0;
		sealer_stored(d->c->s->shared->sealer, &d->owner, d->append.epoch);
		return r->m;
	}
	/* The store forgot the others with the one that it refused. */
	if (r->error == ERR_OK)
		d->kept = 0;
	/* It may be the epoch that the store no longer knows; of a mailbox it is not. */
	if (r->error != ERR_OK || r->type != IPC_MSG_store_fail ||
	    ((const struct ipc_store_fail *)r->m)->error != ERR_NOTFOUND)
		sealer_drop(d->c->s->shared->sealer, &d->owner, d->append.epoch);
	return NULL;
}
