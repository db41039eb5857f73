/* SPDX-License-Identifier: ISC */
#include "imapd/imap_judge.h"

#include "imapd/imap_casemap.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_seqset.h"
#include "lib/ipc/store_proto.h"
#include "lib/mail/hdr.h"

#define DAY	86400		/* seconds */

static enum imap_verdict
yes_if(bool b)
{
	return b ? IMAP_YES : IMAP_NO;
}

static int64_t
day_of(int64_t s)
{
	return s >= 0 ? s / DAY : -((-s + DAY - 1) / DAY);
}

static bool
has_keyword(const struct imap_search_facts *f, struct slice name)
{
	int at = imap_flags_keyword(f->keywords, name);
	size_t beyond = (size_t)(at - STORE_KEYWORD_COUNT);

	if (at < STORE_KEYWORD_COUNT)
		return at >= 0 && (f->flags >> (STORE_KEYWORD_SHIFT + at) & 1);
	return beyond / 8 < f->more.n && ((unsigned char)f->more.p[beyond / 8] >> beyond % 8 & 1);
}

static bool
is_in(struct slice text, struct slice needle)
{
	return needle.n == 0 || slice_search(text, needle) < text.n;
}

static enum imap_verdict
judge_fields(const struct imap_search_node *n, const struct imap_search_facts *f)
{
	struct slice fields;
	struct hdr_iter it;
	struct hdr_field field;
	struct buf mapped;
	bool found = false;

	if (f->header == NULL || !f->header(f->arg, n->name, &fields))
		return IMAP_MAYBE;
	buf_init(&mapped, IMAP_CASEMAP_GROWTH * IMAP_MATCH_HEADER);
	hdr_iter_init(&it, fields);
	while (!found && hdr_next(&it, &field)) {
		if (!slice_ieq(field.name, n->name))
			continue;
		buf_reset(&mapped);
		imap_match_map_field(&mapped, f->charsets, field.value);
		found = is_in(buf_slice(&mapped), n->text);
	}
	buf_fini(&mapped);
	return yes_if(found);
}

/* RFC 3501 s6.4.4: the empty string matches any such field. */
static enum imap_verdict
judge_header(const struct imap_search_node *n, const struct imap_search_facts *f)
{
	const struct imap_entry *e = f->entry;
	enum imap_text which;

	if (e == NULL || !imap_entry_find(n->name, n->is_raw, &which))
		return judge_fields(n, f);
	if (!(e->present >> which & 1))
		return IMAP_NO;
	if (is_in(e->text[which], n->text))
		return IMAP_YES;
	return e->cut >> which & 1 ? judge_fields(n, f) : IMAP_NO;
}

/* RFC 3501 s6.4.4: the date as written, whatever its zone. */
static enum imap_verdict
judge_sent(const struct imap_search_node *n, const struct imap_search_facts *f)
{
	const struct imap_entry *e = f->entry;
	int64_t day;

	if (e == NULL)
		return IMAP_MAYBE;
	if (!e->has_sent)
		return IMAP_NO;
	day = day_of(e->sent_s + e->sent_zone * 60);
	return yes_if(n->kind == IMAP_SEARCH_SENTBEFORE ? day < n->day :
	    n->kind == IMAP_SEARCH_SENTON ? day == n->day : day >= n->day);
}

static enum imap_verdict
judge_key(const struct imap_search_node *n, const struct imap_search_facts *f)
{
	bool seen = f->flags & STORE_SEEN;

	switch (n->kind) {
	case IMAP_SEARCH_AND:
	case IMAP_SEARCH_OR:
	case IMAP_SEARCH_NOT:
		return IMAP_MAYBE;	/* not a key: judged by its operands */
	case IMAP_SEARCH_ALL:
		return IMAP_YES;
	case IMAP_SEARCH_FLAG:
		return yes_if(f->flags & n->number);
	case IMAP_SEARCH_UNFLAG:
		return yes_if(!(f->flags & n->number));
	case IMAP_SEARCH_KEYWORD:
		return yes_if(has_keyword(f, n->name));
	case IMAP_SEARCH_UNKEYWORD:
		return yes_if(!has_keyword(f, n->name));
	case IMAP_SEARCH_RECENT:
		return yes_if(f->recent);
	case IMAP_SEARCH_OLD:
		return yes_if(!f->recent);
	case IMAP_SEARCH_NEW:
		return yes_if(f->recent && !seen);
	case IMAP_SEARCH_BEFORE:
		return yes_if(day_of(f->internal_s) < n->day);
	case IMAP_SEARCH_ON:
		return yes_if(day_of(f->internal_s) == n->day);
	case IMAP_SEARCH_SINCE:
		return yes_if(day_of(f->internal_s) >= n->day);
	/* RFC 8514 s4.2 */
	case IMAP_SEARCH_SAVEDBEFORE:
		return yes_if(day_of(f->saved_s) < n->day);
	case IMAP_SEARCH_SAVEDON:
		return yes_if(day_of(f->saved_s) == n->day);
	case IMAP_SEARCH_SAVEDSINCE:
		return yes_if(day_of(f->saved_s) >= n->day);
	/* RFC 5032 s3 */
	case IMAP_SEARCH_YOUNGER:
		return yes_if(f->internal_s >= f->now_s - n->number);
	case IMAP_SEARCH_OLDER:
		return yes_if(f->internal_s <= f->now_s - n->number);
	case IMAP_SEARCH_EMAILID:
		return yes_if(n->id != 0 && f->content == n->id);
	case IMAP_SEARCH_THREADID:
		return yes_if(n->id != 0 && f->thread == n->id);
	case IMAP_SEARCH_MODSEQ:
		return yes_if(f->modseq >= n->id);
	case IMAP_SEARCH_LARGER:
		return yes_if(f->size > n->number);
	case IMAP_SEARCH_SMALLER:
		return yes_if(f->size < n->number);
	case IMAP_SEARCH_SEQ:
		return yes_if(imap_seqset_has(n->set, f->seq, f->top_seq));
	case IMAP_SEARCH_UID:
		return yes_if(imap_seqset_has(n->set, f->uid, f->top_uid));
	case IMAP_SEARCH_SENTBEFORE:
	case IMAP_SEARCH_SENTON:
	case IMAP_SEARCH_SENTSINCE:
		return judge_sent(n, f);
	case IMAP_SEARCH_HEADER:
		return judge_header(n, f);
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
		return f->match == NULL ? IMAP_MAYBE :
		    yes_if(f->match->needles[n->number].found);
	}
	return IMAP_NO;
}

static uint8_t
combine(enum imap_search_kind op, uint8_t so_far, uint8_t v)
{
	if (op == IMAP_SEARCH_NOT)
		return v == IMAP_MAYBE ? IMAP_MAYBE : v == IMAP_YES ? IMAP_NO : IMAP_YES;
	if (op == IMAP_SEARCH_AND)
		return so_far == IMAP_NO || v == IMAP_NO ? IMAP_NO :
		    so_far == IMAP_MAYBE || v == IMAP_MAYBE ? IMAP_MAYBE : IMAP_YES;
	return so_far == IMAP_YES || v == IMAP_YES ? IMAP_YES :
	    so_far == IMAP_MAYBE || v == IMAP_MAYBE ? IMAP_MAYBE : IMAP_NO;
}

/* From the last to the first: operands stand behind their operator. */
enum imap_verdict
imap_search_judge(const struct imap_search *s, const struct imap_search_facts *f)
{
	for (uint32_t i = 0; i < s->count; i++)
		s->values[i] = s->v[i].kind == IMAP_SEARCH_OR ? IMAP_NO : IMAP_YES;
	for (uint32_t i = s->count; i-- > 0; ) {
		const struct imap_search_node *n = &s->v[i];
		uint8_t *up = &s->values[n->parent];
		enum imap_search_kind op = s->v[n->parent].kind;

		if (n->kind > IMAP_SEARCH_NOT)
			s->values[i] = (uint8_t)judge_key(n, f);
		if (i > 0)
			*up = combine(op, *up, s->values[i]);
	}
	return (enum imap_verdict)s->values[0];
}
