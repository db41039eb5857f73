/* SPDX-License-Identifier: ISC */
#include "queue/queue_list.h"

#include <stdlib.h>
#include <sysexits.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_load.h"
#include "queue/queue_spool.h"

struct page {
	struct queue		*q;
	queue_list_fn		*fn;
	void			*arg;
	uint64_t		 id;
	char			 form;		/* 'p', 'j' or 's' */
	bool			 more;
	uint64_t		 bytes;		/* of the messages listed so far */
	uint64_t		 count;
	uint64_t		 cursor;
	unsigned		 n;
	struct slice		 site;		/* of args: only what waits for it */
	uint64_t		 only;		/* this message; 0: all */
	bool			 active[QUEUE_PAGE_ITEMS];
	bool			 held[QUEUE_PAGE_ITEMS];
	bool			 doomed[QUEUE_PAGE_ITEMS];
	bool			 ready[QUEUE_PAGE_ITEMS];
	uint64_t		 size[QUEUE_PAGE_ITEMS];
	struct queue_load	 loads[QUEUE_PAGE_ITEMS];
};

/* ---- one message ---- */

static const char *const weekdays[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
	"Aug", "Sep", "Oct", "Nov", "Dec" };

static struct slice
reason_of(const struct queue_rcpt *r)
{
	if (r->reason.n > 0)
		return queue_envelope_reason(r);
	return r->class == QUEUE_REMOTE ? SLICE_LIT(QUEUE_KEPT_REASON) : SLICE_NONE;
}

/* A recipient under the last reason given, which is said once. */
static void
put_rcpt_text(struct buf *b, const struct queue_rcpt *r, struct slice *last)
{
	struct slice reason = reason_of(r);

	if (!slice_eq(reason, *last)) {
		if (reason.n > 0) {
			buf_put_str(b, "    (");
			buf_put_slice(b, reason);
			buf_put_str(b, ")\n");
		}
		*last = reason;
	}
	buf_printf(b, "%45s", "");
	buf_put_slice(b, r->address);
	buf_put_char(b, '\n');
}

static char
mark_of(const struct queue_list_row *row)
{
	return row->is_active ? '*' : row->is_held ? '!' : ' ';
}

void
queue_list_put_text(struct buf *b, const struct queue_list_row *row, size_t max)
{
	size_t start = b->n;
	struct slice last = SLICE_NONE;
	char id[ENC_ID_BYTES + 1];
	struct clock_date d;
	uint32_t i, left;

	enc_id_str(id, row->id);
	clock_to_date((int64_t)(queue_table_id_ms(row->id) / 1000), &d);
	buf_printf(b, "%s%c %8llu %s %s %2d %02d:%02d:%02d  ", id, mark_of(row),
	    (unsigned long long)row->size, weekdays[d.weekday % 7], months[(d.month - 1) % 12],
	    d.day, d.hour, d.minute, d.second);
	if (row->is_damaged) {
		buf_put_str(b, "(the record cannot be read)\n");
		return;
	}
	if (row->env->sender.n > 0)
		buf_put_slice(b, row->env->sender);
	else
		buf_put_str(b, "MAILER-DAEMON");
	if (row->env->kind != QUEUE_KIND_MAIL) {
		buf_put_str(b, "  (");
		buf_put_slice(b, queue_envelope_kind(row->env));
		buf_put_char(b, ')');
	}
	buf_put_char(b, '\n');
	left = queue_envelope_pending(row->env);
	for (i = 0; i < row->env->rcpt_count; i++) {
		if (row->env->rcpts[i].status != QUEUE_RCPT_PENDING)
			continue;
		if (b->n - start > max) {
			buf_printf(b, "%45s(%u more recipients)\n", "", left);
			return;
		}
		put_rcpt_text(b, &row->env->rcpts[i], &last);
		left--;
	}
}

static void
put_json_string(struct buf *b, struct slice s)
{
	bool utf8 = utf8_ok(s);
	unsigned char c;
	size_t i;

	buf_put_char(b, '"');
	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			buf_printf(b, "\\u%04x", c);
		else
			buf_put_char(b, (char)c);
	}
	buf_put_char(b, '"');
}

void
queue_list_put_json(struct buf *b, const struct queue_list_row *row, size_t max)
{
	const char *name = row->is_active ? "active" : row->is_held ? "hold" : "deferred";
	size_t start = b->n;
	char id[ENC_ID_BYTES + 1];
	struct slice reason;
	bool first = true;
	uint32_t i;

	enc_id_str(id, row->id);
	buf_printf(b, "{\"queue_name\": \"%s\", \"queue_id\": \"%s\", \"arrival_time\": %llu, "
	    "\"message_size\": %llu, \"forced_expire\": %s, \"sender\": ",
	    row->is_damaged ? "corrupt" : name, id,
	    (unsigned long long)(queue_table_id_ms(row->id) / 1000),
	    (unsigned long long)row->size, row->is_doomed ? "true" : "false");
	put_json_string(b, row->is_damaged ? SLICE_NONE : row->env->sender);
	if (!row->is_damaged && row->env->kind != QUEUE_KIND_MAIL) {
		buf_put_str(b, ", \"kind\": ");
		put_json_string(b, queue_envelope_kind(row->env));
	}
	buf_put_str(b, ", \"recipients\": [");
	for (i = 0; !row->is_damaged && i < row->env->rcpt_count && b->n - start <= max; i++) {
		if (row->env->rcpts[i].status != QUEUE_RCPT_PENDING)
			continue;
		buf_put_str(b, first ? "{\"address\": " : ", {\"address\": ");
		put_json_string(b, row->env->rcpts[i].address);
		reason = reason_of(&row->env->rcpts[i]);
		if (reason.n > 0) {
			buf_put_str(b, ", \"delay_reason\": ");
			put_json_string(b, reason);
		}
		buf_put_char(b, '}');
		first = false;
	}
	buf_put_str(b, "]}\n");
}

void
queue_list_put_brief(struct buf *b, const struct queue_list_row *row)
{
	struct slice domain = SLICE_NONE;

	if (!row->is_damaged)
		domain = queue_route_domain(row->env->sender);
	if (domain.n == 0)
		domain = SLICE_LIT("MAILER-DAEMON");
	buf_printf(b, "%s %llu %.*s\n", row->is_active ? "active" : row->is_held ? "hold" :
	    row->is_ready ? "incoming" : "deferred", (unsigned long long)row->age_s,
	    SLICE_FMT(domain));
}

/* ---- pages ---- */

static uint64_t
age_of(const struct queue *q, uint64_t id)
{
	uint64_t now = loop_real_ms(q->loop), arrival = queue_table_id_ms(id);

	return now > arrival ? now - arrival : 0;
}

static void
put_row(struct buf *b, const struct page *p, unsigned i)
{
	const struct queue_list_row row = {
		.env = &p->loads[i].env, .id = p->loads[i].id, .size = p->size[i],
		.is_active = p->active[i], .is_held = p->held[i], .is_doomed = p->doomed[i],
		.is_ready = p->ready[i],
		.is_damaged = p->loads[i].error != ERR_OK,
		.age_s = age_of(p->q, p->loads[i].id) / 1000
	};
	size_t max = QUEUE_PAGE_BYTES / QUEUE_PAGE_ITEMS;

	if (p->form == 'j')
		queue_list_put_json(b, &row, max);
	else if (p->form == 's')
		queue_list_put_brief(b, &row);
	else
		queue_list_put_text(b, &row, max);
}

static void
put_end(struct buf *b, const struct page *p)
{
	char id[ENC_ID_BYTES + 1];

	if (p->more) {
		enc_id_str(id, p->cursor);
		buf_printf(b, "%s %llu %llu\n", id, (unsigned long long)p->bytes,
		    (unsigned long long)p->count);
	} else if (p->form == 'p' && p->count == 0)
		buf_put_str(b, "Mail queue is empty\n");
	else if (p->form == 'p')
		buf_printf(b, "-- %llu Kbytes in %llu Request%s.\n",
		    (unsigned long long)(p->bytes / 1024), (unsigned long long)p->count,
		    p->count == 1 ? "" : "s");
}

static void
finish_page(void *arg)
{
	struct page *p = arg;
	bool first = p->count == 0;
	struct buf b;
	unsigned i;

	p->q->works--;
	buf_init(&b, 60000);
	for (i = 0; i < p->n; i++) {
		/* Gone since the page was begun: it is complete. */
		if (p->loads[i].error != ERR_NOTFOUND) {
			if (first && p->form == 'p')
				buf_put_str(&b, "-Queue ID----- --Size-- ----Arrival Time---- "
				    "-Sender/Recipient-------\n");
			first = false;
			p->count++;
			p->bytes += p->size[i];
			put_row(&b, p, i);
		}
		queue_load_fini(&p->loads[i]);
	}
	put_end(&b, p);
	p->fn(p->arg, p->id, EX_OK, p->more, buf_slice(&b));
	buf_fini(&b);
	free(p);
}

static void
load_page(void *arg)
{
	struct page *p = arg;
	unsigned i;

	for (i = 0; i < p->n; i++)
		queue_load_run(&p->loads[i]);
}

static bool
is_asked_for(const struct page *p, const struct queue_item *it)
{
	const struct queue_bundle *b;
	const struct list *l;

	if (it->state != QUEUE_S5_STORED && it->state != QUEUE_S6_TRIED)
		return false;
	if (p->only != 0)
		return it->id == p->only;
	for (l = it->parts.next; p->site.n > 0 && l != &it->parts; l = l->next) {
		b = obj_of(l, struct queue_bundle, in_item);
		if (slice_ieq(queue_site_name(b->parcel.site), p->site))
			return true;
	}
	return p->site.n == 0;
}

static bool
is_ready(const struct queue_item *it)
{
	const struct list *l;

	for (l = it->parts.next; l != &it->parts; l = l->next)
		if (obj_of(l, struct queue_bundle, in_item)->parcel.state == QUEUE_PARCEL_READY)
			return true;
	return false;
}

static void
gather(struct page *p)
{
	struct queue *q = p->q;
	struct queue_item *it = queue_table_after(&q->table, p->cursor);
	const struct queue_spool_key *k;
	struct list *l;

	for (; it != NULL; it = l != NULL ? obj_of(l, struct queue_item, order) : NULL) {
		l = list_next(&q->table.order, &it->order);
		if (!is_asked_for(p, it))
			continue;
		if (p->n == QUEUE_PAGE_ITEMS) {
			p->more = true;
			return;
		}
		p->loads[p->n] = (struct queue_load){ .id = it->id, .spot = it->spot,
		    .result = it->result, .dir = q->dir, .fd = -1 };
		if ((k = queue_seal_find_key(&q->keys, it->key_id)) != NULL)
			p->loads[p->n].spool_key = *k;
		p->active[p->n] = it->msg != NULL;
		p->held[p->n] = it->flags & QUEUE_HELD;
		p->doomed[p->n] = it->flags & QUEUE_DOOMED;
		p->ready[p->n] = is_ready(it);
		p->size[p->n++] = it->size;
		p->cursor = it->id;
	}
}

static enum err
parse_cursor(struct page *p, struct slice s)
{
	struct slice id, bytes, count;
	enum err e;

	if (s.n == 0)
		return ERR_OK;
	s = slice_cut(slice_trim(s), ' ', &id);
	count = slice_cut(s, ' ', &bytes);
	if ((e = enc_get_id(id, &p->cursor)) != ERR_OK ||
	    (e = num_parse_u64(bytes, UINT64_MAX, &p->bytes)) != ERR_OK)
		return e;
	return num_parse_u64(count, UINT64_MAX, &p->count);
}

/* The site is borrowed until the page is gathered. */
static bool
take_filter(struct page *p, struct slice filter)
{
	if (slice_starts(filter, "i:"))
		return enc_get_id(slice_from(filter, 2), &p->only) == ERR_OK;
	p->site = slice_from(filter, 2);
	return p->site.n > 0;
}

void
queue_list_page(struct queue *q, struct slice args, uint64_t id, queue_list_fn *fn, void *arg)
{
	struct page *p = must_alloc(1, sizeof(*p));
	struct slice form, filter, cursor;
	bool is_bad = false;

	args = slice_cut(args, '\0', &form);
	args = slice_cut(args, '\0', &cursor);
	if (slice_starts(cursor, "s:") || slice_starts(cursor, "i:")) {
		filter = cursor;
		(void)slice_cut(args, '\0', &cursor);
		is_bad = !take_filter(p, filter);
	}
	p->q = q;
	p->fn = fn;
	p->arg = arg;
	p->id = id;
	p->form = form.n == 1 ? form.p[0] : '\0';
	if (is_bad || (p->form != 'p' && p->form != 'j' && p->form != 's') || parse_cursor(p, cursor) != ERR_OK) {
		free(p);
		fn(arg, id, EX_USAGE, false, SLICE_LIT("bad arguments"));
		return;
	}
	gather(p);
	q->works++;
	if (loop_work(q->loop, load_page, finish_page, p) != ERR_OK) {
		p->n = 0;
		finish_page(p);
	}
}

void
queue_list_status(const struct queue *q, struct buf *note)
{
	uint64_t stored = q->table.count, held = 0;
	const struct queue_item *it;
	struct map_node *n;
	size_t slot = 0;
	struct list *l;

	/* What is in hand and in the spool counts once, as active. */
	for (n = map_walk(&q->msgs, &slot, NULL); n != NULL; n = map_walk(&q->msgs, &slot, n))
		stored -= obj_of(n, struct queue_msg, by_id)->item != NULL;
	for (l = q->table.order.next; l != &q->table.order; l = l->next) {
		it = obj_of(l, struct queue_item, order);
		held += it->msg == NULL && (it->flags & QUEUE_HELD);
	}
	buf_printf(note, "active %llu  deferred %llu  hold %llu",
	    (unsigned long long)q->msgs.count, (unsigned long long)(stored - held),
	    (unsigned long long)held);
}
