/* SPDX-License-Identifier: ISC */
/*
 * The table at the top, the file's content and who waits for it in the
 * middle, reports at the bottom.  The content: u32 count, then of each entry
 * u32 day, u64 when its report was made (0: not yet), u64 when it is tried
 * again, u32 bits of the addresses that have it, u8 tries, id, domain, rua, rows.
 */
#include "queue/queue_tlsrpt.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/report/gzip.h"

#define FORMAT		1u
#define DAY_S		86400u
#define DAYS_BACK	2u		/* what is older is not taken any more */
#define LOOK_MS		60000u		/* clocks move */
#define NAME_MAX	255u
#define RUA_BYTES_MAX	2048u
/* Of an entry beside its tally's bytes: texts, and failures counted by type alone. */
#define ENTRY_BYTES	(NAME_MAX + RUA_BYTES_MAX + 4096u)
#define CONTENT_MAX	(4u + QUEUE_TLSRPT_BYTES_MAX + TLS_TALLY_PUT_MAX + \
			    QUEUE_TLSRPT_DOMAINS_MAX * ENTRY_BYTES)

struct queue_tlsrpt_entry {
	struct queue_tlsrpt	*owner;
	struct list		 link;
	struct map_node		 node;
	uint32_t		 day;
	uint64_t		 made_s;	/* real time; 0: it still counts */
	uint64_t		 next_s;
	uint32_t		 done;		/* bits: addresses that have it, or never will */
	uint32_t		 under_way;
	uint8_t			 tries;
	bool			 was_put;	/* into the content that is written */
	bool			 was_told;	/* that it is there */
	char			 id[ENC_ID_BYTES + 1];
	char			 domain[NAME_MAX + 1];
	struct buf		 rua;
	struct tls_tally	 tally;
};

/* Somebody waits for a write. */
struct ack {
	struct list	 link;
	void		*whose;
	uint64_t	 request;
};

struct queue_tlsrpt {
	struct loop			*loop;
	const struct queue_tlsrpt_ops	*ops;
	void				*arg;
	struct queue_tlsrpt_names	 names;
	struct list			 entries;
	struct map			 by_domain;
	unsigned			 count;
	size_t				 bytes;		/* of the tallies */
	struct list			 acks;		/* of the next write */
	struct list			 acks_written;	/* of the one under way */
	struct timer			 timer;
	struct queue_keep		 keep;
};

static uint64_t
now_s(const struct queue_tlsrpt *t)
{
	return loop_real_ms(t->loop) / 1000;
}

/* ---- table ---- */

static struct queue_tlsrpt_entry *
find(const struct queue_tlsrpt *t, struct slice domain, uint32_t day)
{
	for (struct map_node *n = map_first(&t->by_domain, hash_slice(domain)); n != NULL;
	    n = map_next(n)) {
		struct queue_tlsrpt_entry *e = obj_of(n, struct queue_tlsrpt_entry, node);

		if (e->day == day && e->made_s == 0 && slice_eq_str(domain, e->domain))
			return e;
	}
	return NULL;
}

static void
drop(struct queue_tlsrpt_entry *e)
{
	struct queue_tlsrpt *t = e->owner;

	must(e->under_way == 0);
	map_remove(&t->by_domain, &e->node);
	list_remove(&e->link);
	t->count--;
	t->bytes -= e->tally.bytes;
	tls_tally_fini(&e->tally);
	buf_fini(&e->rua);
	free(e);
}

/* NULL: there are too many. */
static struct queue_tlsrpt_entry *
make(struct queue_tlsrpt *t, struct slice domain, uint32_t day)
{
	struct queue_tlsrpt_entry *e;

	if (t->count >= QUEUE_TLSRPT_DOMAINS_MAX)
		return NULL;
	e = must_alloc(1, sizeof(*e));
	e->owner = t;
	e->day = day;
	(void)slice_to_cstr(domain, e->domain, sizeof(e->domain));
	buf_init(&e->rua, RUA_BYTES_MAX);
	tls_tally_init(&e->tally);
	list_init(&e->link);
	list_push(&t->entries, &e->link);
	map_insert(&t->by_domain, &e->node, hash_slice(domain));
	t->count++;
	return e;
}

static enum err
merge(struct queue_tlsrpt_entry *e, struct slice rua, struct slice rows)
{
	struct queue_tlsrpt *t = e->owner;
	size_t before = e->tally.bytes;
	enum err err = tls_tally_merge(&e->tally, rows);

	t->bytes += e->tally.bytes - before;
	/* As the record says now. */
	buf_reset(&e->rua);
	buf_put_slice(&e->rua, rua);
	return err;
}

/* A name of hosts: it stands in a header, as it is. */
static bool
is_domain(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '.' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= NAME_MAX;
}

/* Lines of "mailto:" or "https:", without anything that ends a header. */
static bool
is_rua(struct slice s)
{
	unsigned lines = 0;

	if (s.n == 0 || s.n > RUA_BYTES_MAX || s.p[s.n - 1] != '\n')
		return false;
	while (s.n > 0) {
		struct slice line;

		s = slice_cut(s, '\n', &line);
		if (++lines > QUEUE_TLSRPT_RUA_MAX ||
		    (!slice_starts(line, "mailto:") && !slice_istarts(line, "https:")))
			return false;
		for (size_t i = 0; i < line.n; i++)
			if (!ascii_is_print(line.p[i]) || line.p[i] == ' ' ||
			    line.p[i] == '<' || line.p[i] == '>')
				return false;
	}
	return true;
}

unsigned
queue_tlsrpt_count(const struct queue_tlsrpt *t)
{
	return t->count;
}

/* ---- those who wait ---- */

static void
answer(struct queue_tlsrpt *t, struct list *acks, bool is_kept)
{
	struct list *n;

	while ((n = list_first(acks)) != NULL) {
		struct ack a = *obj_of(n, struct ack, link);

		list_remove(n);
		free(obj_of(n, struct ack, link));
		t->ops->kept(t->arg, a.whose, a.request, is_kept);
	}
}

static void
drop_acks(struct list *acks, const void *whose)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, acks) {
		struct ack *a = obj_of(n, struct ack, link);

		if (whose == NULL || a->whose == whose) {
			list_remove(n);
			free(a);
		}
	}
}

void
queue_tlsrpt_left(struct queue_tlsrpt *t, const void *whose)
{
	drop_acks(&t->acks, whose);
	drop_acks(&t->acks_written, whose);
}

/* ---- file ---- */

static void
put_content(void *arg, struct buf *b)
{
	struct queue_tlsrpt *t = arg;
	struct buf rows;
	struct list *n;

	buf_init(&rows, TLS_TALLY_PUT_MAX);
	ipc_put_u32(b, t->count);
	for (n = list_first(&t->entries); n != NULL; n = list_next(&t->entries, n)) {
		struct queue_tlsrpt_entry *e = obj_of(n, struct queue_tlsrpt_entry, link);

		e->was_put = true;
		buf_reset(&rows);
		tls_tally_put(&rows, &e->tally);
		ipc_put_u32(b, e->day);
		ipc_put_u64(b, e->made_s);
		ipc_put_u64(b, e->next_s);
		ipc_put_u32(b, e->done);
		ipc_put_u8(b, e->tries);
		ipc_put_var(b, slice_str(e->id), ENC_ID_BYTES);
		ipc_put_var(b, slice_str(e->domain), NAME_MAX);
		ipc_put_var(b, buf_slice(&e->rua), RUA_BYTES_MAX);
		ipc_put_var(b, buf_slice(&rows), TLS_TALLY_PUT_MAX);
	}
	buf_fini(&rows);
	while ((n = list_first(&t->acks)) != NULL) {
		list_remove(n);
		list_push(&t->acks_written, n);
	}
}

/* Once for each: what is logged here will be reported. */
static void
tell_new(struct queue_tlsrpt *t)
{
	for (struct list *n = list_first(&t->entries); n != NULL;
	    n = list_next(&t->entries, n)) {
		struct queue_tlsrpt_entry *e = obj_of(n, struct queue_tlsrpt_entry, link);

		/* What came while this was written is in the next. */
		if (!e->was_put)
			continue;
		if (!e->was_told && e->made_s == 0)
			log_event(LOG_tlsrpt, log_str("domain", e->domain), log_num("day", e->day),
			    log_str("result", "counted"));
		e->was_told = true;
	}
}

static void
on_written(void *arg, enum err e)
{
	struct queue_tlsrpt *t = arg;

	if (e == ERR_OK)
		tell_new(t);
	answer(t, &t->acks_written, e == ERR_OK);
}

static bool
is_id(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]))
			return false;
	return s.n == 0 || s.n == ENC_ID_BYTES;
}

/* The next entry of the file into one of ours. */
static enum err
get_entry(struct queue_tlsrpt *t, struct ipc_reader *r)
{
	struct queue_tlsrpt_entry got = { .day = ipc_get_u32(r) }, *e;
	struct slice id, domain, rua, rows;

	got.made_s = ipc_get_u64(r);
	got.next_s = ipc_get_u64(r);
	got.done = ipc_get_u32(r);
	got.tries = ipc_get_u8(r);
	id = ipc_get_var(r, ENC_ID_BYTES);
	domain = ipc_get_var(r, NAME_MAX);
	rua = ipc_get_var(r, RUA_BYTES_MAX);
	rows = ipc_get_var(r, TLS_TALLY_PUT_MAX);
	if (r->bad || !is_id(id) || !is_domain(domain) || !is_rua(rua) ||
	    (got.made_s != 0) != (id.n != 0))
		return ERR_CORRUPT;
	/* What came since the start, while the key was not there. */
	e = got.made_s == 0 ? find(t, domain, got.day) : NULL;
	if (e == NULL)
		e = make(t, domain, got.day);
	if (e == NULL)
		return ERR_OK;
	e->made_s = got.made_s;
	e->next_s = got.next_s;
	e->done = got.done;
	e->tries = got.tries;
	(void)slice_to_cstr(id, e->id, sizeof(e->id));
	return merge(e, rua, rows) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

static void arm(struct queue_tlsrpt *);

static enum err
get_content(void *arg, struct slice content)
{
	struct queue_tlsrpt *t = arg;
	struct ipc_reader r = ipc_reader_of(content);
	uint32_t count = ipc_get_u32(&r);
	enum err e = r.bad || count > QUEUE_TLSRPT_DOMAINS_MAX ? ERR_CORRUPT : ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < count; i++)
		e = get_entry(t, &r);
	if (e == ERR_OK && r.p != r.end)
		e = ERR_CORRUPT;
	arm(t);
	return e;
}

static void
clear(void *arg)
{
	struct queue_tlsrpt *t = arg;
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &t->entries) {
		struct queue_tlsrpt_entry *e = obj_of(n, struct queue_tlsrpt_entry, link);

		if (e->under_way == 0)
			drop(e);
	}
}

static const struct queue_keep_kind kind = {
	.file = QUEUE_TLSRPT_FILE, .what = "reports", .magic = "GODWITTR", .format = FORMAT,
	.id = QUEUE_TLSRPT_SEAL_ID, .content_max = CONTENT_MAX, .delay_ms = QUEUE_TLSRPT_SAVE_MS,
	.put = put_content, .get = get_content, .clear = clear, .written = on_written
};

/* ---- what relay hands over ---- */

static void
note_lost(const struct ipc_tlsrpt_put *m, const char *why)
{
	log_event(LOG_tlsrpt, log_text("domain", m->domain), log_num("day", m->day),
	    log_str("result", "dropped"), log_str("reason", why));
}

/* A day that is too old was reported, or will not be. */
static void
take(struct queue_tlsrpt *t, const struct ipc_tlsrpt_put *m)
{
	uint32_t today = (uint32_t)(now_s(t) / DAY_S), day = m->day > today ? today : m->day;
	struct queue_tlsrpt_entry *e;

	if (day + DAYS_BACK < today) {
		note_lost(m, "too late");
		return;
	}
	e = find(t, m->domain, day);
	if (t->bytes <= QUEUE_TLSRPT_BYTES_MAX && e == NULL)
		e = make(t, m->domain, day);
	if (t->bytes > QUEUE_TLSRPT_BYTES_MAX || e == NULL)
		note_lost(m, "too many");
	else if (merge(e, m->rua, m->policies) != ERR_OK)
		note_lost(m, "not in order");
	else
		arm(t);
}

static bool
is_sound(const struct ipc_tlsrpt_put *m)
{
	struct tls_tally probe;
	enum err e;

	if (!is_domain(m->domain) || !is_rua(m->rua))
		return false;
	tls_tally_init(&probe);
	e = tls_tally_merge(&probe, m->policies);
	tls_tally_fini(&probe);
	return e == ERR_OK;
}

enum err
queue_tlsrpt_put(struct queue_tlsrpt *t, const struct ipc_tlsrpt_put *m, void *whose,
    uint64_t request)
{
	struct ack *a;

	if (!is_sound(m))
		return ERR_VIOLATION;
	take(t, m);
	a = must_alloc(1, sizeof(*a));
	a->whose = whose;
	a->request = request;
	list_init(&a->link);
	list_push(&t->acks, &a->link);
	queue_keep_changed(&t->keep);
	return ERR_OK;
}

/* ---- reports ---- */

uint64_t
queue_tlsrpt_due_s(struct slice domain, uint32_t day)
{
	static const unsigned char key[16];	/* the same after a restart */

	return (day + 1ull) * DAY_S + QUEUE_TLSRPT_WAIT_S +
	    hash_sip(key, domain.p, domain.n) % QUEUE_TLSRPT_SPREAD_S;
}

static uint64_t
due_s(const struct queue_tlsrpt_entry *e)
{
	return e->made_s == 0 ? queue_tlsrpt_due_s(slice_str(e->domain), e->day) : e->next_s;
}

static void
note_result(const struct queue_tlsrpt_entry *e, struct slice to, const char *result,
    const char *why)
{
	log_event(LOG_tlsrpt, log_str("domain", e->domain), log_num("day", e->day),
	    log_text("to", to), log_str("result", result), log_str("reason", why));
}

static unsigned
address_count(const struct queue_tlsrpt_entry *e)
{
	struct slice rest = buf_slice(&e->rua), line;
	unsigned n = 0;

	for (; rest.n > 0; n++)
		rest = slice_cut(rest, '\n', &line);
	return n;
}

static struct slice
address(const struct queue_tlsrpt_entry *e, unsigned place)
{
	struct slice rest = buf_slice(&e->rua), line = SLICE_NONE;

	for (unsigned i = 0; rest.n > 0 && i <= place; i++)
		rest = slice_cut(rest, '\n', &line);
	return line;
}

static void
send(struct queue_tlsrpt_entry *e, unsigned place, const struct tls_report *r,
    struct slice gzip)
{
	struct queue_tlsrpt *t = e->owner;
	struct slice to = address(e, place);

	e->under_way |= 1u << place;
	if (slice_starts(to, "mailto:"))
		t->ops->mail(t->arg, slice_from(to, 7), r, gzip, e, place);
	else
		t->ops->post(t->arg, to, gzip, e, place);
}

static enum err
compress(struct buf *out, const struct tls_report *r, const struct tls_tally *tally)
{
	struct buf json;
	enum err e;

	buf_init(&json, TLS_REPORT_JSON_MAX);
	tls_report_put_json(&json, r, tally);
	e = buf_err(&json) == ERR_OK ? gzip_put(out, buf_slice(&json)) : ERR_TOOBIG;
	buf_fini(&json);
	return e == ERR_OK && out->n > TLS_REPORT_GZIP_MAX ? ERR_TOOBIG : e;
}

static void
send_all(struct queue_tlsrpt_entry *e)
{
	struct queue_tlsrpt *t = e->owner;
	struct tls_report r = { .domain = slice_str(e->domain), .hostname = t->names.hostname,
	    .organization = t->names.organization, .contact = t->names.contact, .id = e->id,
	    .day = e->day, .made_s = e->made_s };
	unsigned n = address_count(e);
	struct buf gzip;
	enum err err;

	buf_init(&gzip, 2 * TLS_REPORT_GZIP_MAX);
	err = compress(&gzip, &r, &e->tally);
	/* One more, so that the entry stays until all were begun. */
	e->under_way |= 1u << n;
	for (unsigned i = 0; err == ERR_OK && i < n; i++)
		if ((e->done & 1u << i) == 0 && (e->under_way & 1u << i) == 0)
			send(e, i, &r, buf_slice(&gzip));
	buf_fini(&gzip);
	if (err != ERR_OK) {
		note_result(e, SLICE_NONE, "dropped", err_text(err));
		e->done = (1u << n) - 1;
	}
	e->under_way &= ~(1u << n);
}

static bool
is_over(const struct queue_tlsrpt_entry *e)
{
	return e->done == (1u << address_count(e)) - 1;
}

/* It is due. */
static void
try_entry(struct queue_tlsrpt_entry *e, uint64_t now)
{
	struct queue_tlsrpt *t = e->owner;

	if (e->under_way != 0) {
		e->next_s = now + QUEUE_TLSRPT_RETRY_S;
		return;
	}
	if (e->made_s == 0) {
		e->made_s = now;
		enc_id_str(e->id, cry_random_u64());
	} else if (now >= e->made_s + QUEUE_TLSRPT_GIVE_UP_S) {
		note_result(e, SLICE_NONE, "dropped", "it could not be handed over for a day");
		drop(e);
		queue_keep_changed(&t->keep);
		return;
	}
	e->next_s = now + ((uint64_t)QUEUE_TLSRPT_RETRY_S << (e->tries < 6 ? e->tries : 6));
	e->tries++;
	send_all(e);
	if (e->under_way == 0 && is_over(e))
		drop(e);
	queue_keep_changed(&t->keep);
}

void
queue_tlsrpt_sent(struct queue_tlsrpt_entry *e, unsigned place, enum err err, const char *why)
{
	struct queue_tlsrpt *t = e->owner;
	bool is_final = err == ERR_OK || err_class(err) == ERR_CLASS_PERM;

	e->under_way &= ~(1u << place);
	note_result(e, address(e, place), err == ERR_OK ? "sent" : is_final ? "refused" :
	    "deferred", why);
	if (is_final)
		e->done |= 1u << place;
	if (e->under_way == 0 && is_over(e))
		drop(e);
	queue_keep_changed(&t->keep);
}

static void
on_timer(void *arg)
{
	struct queue_tlsrpt *t = arg;
	uint64_t now = now_s(t);
	struct list *n, *tmp;

	/* What is sent may end inside, but no other entry goes with it. */
	LIST_EACH(n, tmp, &t->entries) {
		struct queue_tlsrpt_entry *e = obj_of(n, struct queue_tlsrpt_entry, link);

		if (due_s(e) <= now && t->ops->is_ready(t->arg))
			try_entry(e, now);
	}
	arm(t);
}

static void
arm(struct queue_tlsrpt *t)
{
	uint64_t now = now_s(t), first = UINT64_MAX, ms;

	for (struct list *n = list_first(&t->entries); n != NULL;
	    n = list_next(&t->entries, n)) {
		uint64_t due = due_s(obj_of(n, struct queue_tlsrpt_entry, link));

		first = due < first ? due : first;
	}
	if (first == UINT64_MAX) {
		timer_stop(&t->timer);
		return;
	}
	/* What is due and could not be tried waits as well. */
	ms = first > now && first - now < LOOK_MS / 1000 ? (first - now) * 1000 : LOOK_MS;
	timer_set(&t->timer, loop_now(t->loop) + ms);
}

/* ---- life ---- */

struct queue_tlsrpt *
queue_tlsrpt_new(struct loop *loop, int dir, const struct queue_keys *keys,
    const struct queue_tlsrpt_ops *ops, void *arg)
{
	struct queue_tlsrpt *t = must_alloc(1, sizeof(*t));

	t->loop = loop;
	t->ops = ops;
	t->arg = arg;
	t->names = (struct queue_tlsrpt_names){ "localhost", "localhost",
	    "postmaster@localhost" };
	list_init(&t->entries);
	list_init(&t->acks);
	list_init(&t->acks_written);
	map_init(&t->by_domain);
	timer_init(&t->timer, loop, on_timer, t);
	queue_keep_init(&t->keep, &kind, t, loop, dir, keys);
	return t;
}

void
queue_tlsrpt_free(struct queue_tlsrpt **tp)
{
	struct queue_tlsrpt *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	queue_keep_fini(&t->keep);
	drop_acks(&t->acks, NULL);
	drop_acks(&t->acks_written, NULL);
	clear(t);
	must(t->count == 0);
	timer_stop(&t->timer);
	map_fini(&t->by_domain);
	free(t);
}

void
queue_tlsrpt_set(struct queue_tlsrpt *t, const struct queue_tlsrpt_names *names)
{
	t->names = *names;
}

struct queue_keep *
queue_tlsrpt_keep(struct queue_tlsrpt *t)
{
	return &t->keep;
}
