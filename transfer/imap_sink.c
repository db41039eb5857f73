/* SPDX-License-Identifier: ISC */
#include "transfer/imap_sink.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "transfer/account_source.h"
#include "transfer/mail_name.h"

#define NAME_MAX_BYTES	1024
#define LINE_MAX	(1u << 20)

/* Messages here with one key. */
struct held {
	struct map_node	 node;
	uint64_t	 count;
};

struct imap_sink {
	struct mail_sink	 base;
	struct imap_client	*c;
	const struct imap_sink_options *options;
	uint64_t		 message_max;
	struct buf		 name;		/* of the folder, here */
	bool			 is_new;	/* not there yet (dry) */
	bool			 keeps;		/* UIDs */
	uint32_t		 exists, uidnext, uidvalidity;
	uint32_t		 last_uidnext;	/* the source's */
	struct map		 held;
	struct arena		 arena;
	/* the message */
	const struct mail_message *m;
	uint64_t		 left;
	uint64_t		 nuls;
};

static struct imap_sink *
sink_of(struct mail_sink *s)
{
	return obj_of(s, struct imap_sink, base);
}

static enum err
fault(struct imap_sink *s, enum err e, const char *what)
{
	return account_source_fault(s->base.report, s->c, e, what);
}

/* ---- the folder ---- */

static void
put_name(struct imap_sink *s, struct slice name)
{
	buf_reset(&s->name);
	if (s->options->into.n > 0) {
		buf_put_slice(&s->name, s->options->into);
		buf_put_char(&s->name, '/');
	}
	buf_put_slice(&s->name, name);
}

static enum err
on_status(void *arg, const struct imap_answer *a)
{
	struct imap_sink *s = arg;
	size_t open = slice_rfind(a->rest, '(');
	struct slice items = slice_from(a->rest, open);

	if (!slice_ieq_str(a->word, "STATUS"))
		return ERR_OK;
	(void)imap_answer_number(items, "MESSAGES", 0, &s->exists);
	(void)imap_answer_number(items, "UIDNEXT", 0, &s->uidnext);
	(void)imap_answer_number(items, "UIDVALIDITY", 0, &s->uidvalidity);
	return ERR_OK;
}

static enum err
look(struct imap_sink *s)
{
	s->exists = s->uidnext = s->uidvalidity = 0;
	buf_put_str(&s->c->say, "STATUS ");
	imap_client_put_mailbox(s->c, buf_slice(&s->name));
	buf_put_str(&s->c->say, " (MESSAGES UIDNEXT UIDVALIDITY)");
	return imap_client_run(s->c, on_status, s);
}

static enum err
command_on(struct imap_sink *s, const char *verb)
{
	buf_printf(&s->c->say, "%s ", verb);
	imap_client_put_mailbox(s->c, buf_slice(&s->name));
	return imap_client_run(s->c, NULL, NULL);
}

static enum err
make(struct imap_sink *s)
{
	enum err e;

	if (s->options->dry) {
		s->is_new = true;
		return ERR_OK;
	}
	if ((e = command_on(s, "CREATE")) != ERR_OK ||
	    (e = command_on(s, "SUBSCRIBE")) != ERR_OK)
		return fault(s, e, "CREATE");
	e = look(s);
	return e == ERR_OK ? ERR_OK : fault(s, e, "STATUS");
}

static enum err
open_folder(struct mail_sink *base, const struct mail_folder *f, bool *keys)
{
	struct imap_sink *s = sink_of(base);
	enum err e;

	put_name(s, f->name);
	s->is_new = s->keeps = false;
	if (mail_name_check(buf_slice(&s->name)) != ERR_OK)
		return mail_report_fault(base->report, ERR_LIMIT, "%.*s: the name is too long",
		    SLICE_FMT(f->name));
	e = look(s);
	if (e == ERR_STATE)
		e = make(s);
	else if (e != ERR_OK)
		return fault(s, e, "STATUS");
	*keys = s->exists > 0;
	return e;
}

/* ---- what is here ---- */

static enum err
on_fetch(void *arg, const struct imap_answer *a)
{
	struct imap_sink *s = arg;
	struct imap_fetched f;
	struct map_node *n;
	struct held *h;
	uint64_t key;
	struct buf b;
	enum err e;

	if (!a->has_number || !slice_ieq_str(a->word, "FETCH"))
		return ERR_OK;
	buf_init(&b, LINE_MAX);
	e = imap_answer_fetch(a->rest, &f, &b);
	key = e == ERR_OK ? mail_key(f.header, f.internal_s) : 0;
	buf_fini(&b);
	if (e != ERR_OK || !f.has_size)
		return e;
	if ((n = map_first(&s->held, key)) != NULL) {
		obj_of(n, struct held, node)->count++;
		return ERR_OK;
	}
	if ((h = arena_alloc(&s->arena, 1, sizeof(*h))) == NULL)
		return ERR_LIMIT;
	h->count = 1;
	map_insert(&s->held, &h->node, key);
	return ERR_OK;
}

static void
forget_held(struct imap_sink *s)
{
	map_fini(&s->held);
	arena_fini(&s->arena);
	map_init(&s->held);
	arena_init(&s->arena, 1u << 30);
}

static enum err
read_held(struct imap_sink *s)
{
	enum err e = command_on(s, "EXAMINE");

	if (e == ERR_OK) {
		buf_put_str(&s->c->say, "UID FETCH 1:* (INTERNALDATE RFC822.SIZE "
		    ACCOUNT_SOURCE_KEYS ")");
		e = imap_client_run(s->c, on_fetch, s);
	}
	if (e == ERR_OK) {
		buf_put_str(&s->c->say, "UNSELECT");
		e = imap_client_run(s->c, NULL, NULL);
	}
	return e == ERR_OK ? ERR_OK : fault(s, e, "looking at what is there");
}

/* ERR_STATE: it cannot be. */
static enum err
set_uids(struct imap_sink *s, uint32_t uidvalidity, uint32_t uidnext)
{
	buf_put_str(&s->c->say, "XUIDS ");
	imap_client_put_mailbox(s->c, buf_slice(&s->name));
	buf_printf(&s->c->say, " %u %u", (unsigned)uidvalidity, (unsigned)uidnext);
	return imap_client_run(s->c, NULL, NULL);
}

static enum err
begin(struct mail_sink *base, const struct mail_folder *f)
{
	struct imap_sink *s = sink_of(base);
	bool fresh = s->is_new || s->uidnext <= 1;
	enum err e = ERR_OK;

	forget_held(s);
	s->last_uidnext = f->uidnext;
	if (f->uidvalidity != 0 && !s->options->new_uids) {
		s->keeps = fresh || s->uidvalidity == f->uidvalidity;
		if (!s->keeps)
			mail_report_warn(base->report, "%.*s: held other messages before, so these "
			    "get new UIDs", SLICE_FMT(buf_slice(&s->name)));
	}
	if (s->keeps && fresh && !s->options->dry) {
		s->uidnext = 1;
		s->uidvalidity = f->uidvalidity;
		if ((e = set_uids(s, f->uidvalidity, 1)) != ERR_OK)
			return fault(s, e, "XUIDS");
	}
	if (!s->keeps && s->exists > 0)
		e = read_held(s);
	return e;
}

static bool
has(struct mail_sink *base, const struct mail_message *m)
{
	struct imap_sink *s = sink_of(base);
	struct map_node *n;
	struct held *h;

	if (s->keeps)
		return m->uid < s->uidnext;
	if ((n = map_first(&s->held, m->key)) == NULL)
		return false;
	h = obj_of(n, struct held, node);
	if (h->count == 0)
		return false;
	h->count--;
	return true;
}

/* ---- a message ---- */

static enum err
on_size(void *arg, uint64_t bytes)
{
	struct imap_sink *s = arg;
	bool plus = imap_client_can(s->c, "LITERAL+");
	enum err e;

	/* It is longer than the list told. */
	if (s->message_max > 0 && bytes > s->message_max)
		return mail_report_fault(s->base.report, ERR_TOOBIG, "a message of %llu bytes is "
		    "over append_size_limit", (unsigned long long)bytes);
	s->left = bytes;
	buf_put_str(&s->c->say, "APPEND ");
	imap_client_put_mailbox(s->c, buf_slice(&s->name));
	buf_put_char(&s->c->say, ' ');
	mail_flags_put(&s->c->say, &s->m->flags);
	buf_put_char(&s->c->say, ' ');
	clock_put_imap(&s->c->say, s->m->internal_s > 0 ? (uint64_t)s->m->internal_s : 0);
	buf_printf(&s->c->say, " {%llu%s}", (unsigned long long)bytes, plus ? "+" : "");
	e = imap_client_say(s->c);
	if (e == ERR_OK && !plus)
		e = imap_client_wait_plus(s->c, &plus);
	return e == ERR_OK ? ERR_OK : fault(s, e, "APPEND");
}

static enum err
write_data(struct imap_sink *s, struct slice data)
{
	enum err e = link_write(s->c->link, data);

	if (e != ERR_OK)
		return mail_report_fault(s->base.report, e, "APPEND: the connection ended: %s",
		    link_reason(s->c->link));
	return ERR_OK;
}

/* RFC 3501 s9: CHAR8 excludes NUL; 0x80 stands for it. */
static enum err
on_piece(void *arg, struct slice data)
{
	struct imap_sink *s = arg;
	struct slice before;
	enum err e = ERR_OK;

	if (data.n > s->left)
		return mail_report_fault(s->base.report, ERR_CONFLICT,
		    "a message changed while it was read");
	s->left -= data.n;
	while (data.n > 0 && e == ERR_OK) {
		before = slice_head(data, slice_find(data, '\0'));
		if (before.n > 0)
			e = write_data(s, before);
		if (before.n < data.n && e == ERR_OK) {
			s->nuls++;
			e = write_data(s, SLICE_LIT("\x80"));
		}
		data = slice_from(data, before.n + 1);
	}
	return e;
}

static enum err
take(struct mail_sink *base, const struct mail_message *m, struct mail_taker *t)
{
	struct imap_sink *s = sink_of(base);
	enum err e;

	s->m = m;
	s->left = 0;
	s->nuls = 0;
	if (s->keeps && m->uid > s->uidnext) {
		if ((e = set_uids(s, s->uidvalidity, m->uid)) != ERR_OK)
			return fault(s, e, "XUIDS");
		s->uidnext = m->uid;
	}
	*t = (struct mail_taker){ s, on_size, on_piece };
	return ERR_OK;
}

static enum err
end(struct mail_sink *base)
{
	struct imap_sink *s = sink_of(base);
	uint32_t uid = 0;
	enum err e;

	if (s->left > 0)
		return mail_report_fault(base->report, ERR_CONFLICT,
		    "a message changed while it was read");
	if ((e = write_data(s, SLICE_LIT("\r\n"))) != ERR_OK)
		return e;
	if ((e = imap_client_wait(s->c, NULL, NULL)) != ERR_OK)
		return fault(s, e, "APPEND");
	if (s->nuls > 0)
		mail_report_warn(base->report, "%.*s: a message has NUL bytes, which IMAP cannot "
		    "say: they became 0x80", SLICE_FMT(buf_slice(&s->name)));
	if (!s->keeps)
		return ERR_OK;
	if (!imap_answer_number(buf_slice(&s->c->code), "APPENDUID", 1, &uid) ||
	    uid != s->m->uid)
		return mail_report_fault(base->report, ERR_CONFLICT,
		    "%.*s: other mail came in between, so UIDs cannot be kept: begin again, "
		    "with --new-uids", SLICE_FMT(buf_slice(&s->name)));
	s->uidnext = uid + 1;
	return ERR_OK;
}

static enum err
done(struct mail_sink *base)
{
	struct imap_sink *s = sink_of(base);
	enum err e;

	/* Each APPEND was durable when it was answered.  UIDs of what was deleted
	   there are not given again here. */
	if (!s->keeps || s->options->dry || s->last_uidnext <= s->uidnext)
		return ERR_OK;
	e = set_uids(s, s->uidvalidity, s->last_uidnext);
	return e == ERR_OK ? ERR_OK : fault(s, e, "XUIDS");
}

static uint64_t
message_max(struct mail_sink *base)
{
	return sink_of(base)->message_max;
}

static void
free_sink(struct mail_sink *base)
{
	struct imap_sink *s = sink_of(base);

	map_fini(&s->held);
	arena_fini(&s->arena);
	buf_fini(&s->name);
	free(s);
}

static const struct mail_sink_ops ops = {
	open_folder, begin, has, take, end, done, free_sink, message_max,
};

enum err
imap_sink_new(struct mail_report *r, struct imap_client *c, const struct imap_sink_options *o,
    struct mail_sink **out)
{
	struct imap_sink *s = must_alloc(1, sizeof(*s));
	struct slice limit;
	enum err e;

	s->base.ops = &ops;
	s->base.report = r;
	s->c = c;
	s->options = o;
	buf_init(&s->name, NAME_MAX_BYTES);
	map_init(&s->held);
	arena_init(&s->arena, 1u << 30);
	*out = &s->base;
	if (imap_answer_word_value(buf_slice(&c->caps), "APPENDLIMIT=", &limit) &&
	    num_parse_u64(limit, UINT64_MAX, &s->message_max) != ERR_OK)
		s->message_max = 0;
	/* Headers in UTF-8 are taken from clients that know of them (RFC 9755 s4). */
	if (!imap_client_can(c, "IMAP4rev2"))
		return ERR_OK;
	buf_put_str(&c->say, "ENABLE IMAP4rev2");
	if ((e = imap_client_run(c, NULL, NULL)) != ERR_OK)
		return fault(s, e, "ENABLE");
	c->is_utf8 = true;
	return ERR_OK;
}
