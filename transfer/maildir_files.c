/* SPDX-License-Identifier: ISC */
#include "transfer/maildir_files.h"

#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/imap/mail_flags.h"

#define ARENA_MAX	(1u << 30)

struct uid {
	struct map_node	 node;
	struct slice	 base;
	uint32_t	 uid;
};

void
maildir_name_split(struct slice file, struct slice *base, struct slice *letters)
{
	/* Where ":" cannot be in a name, some write ";" or "!". */
	static const char *const marks[] = { ":2,", ";2,", "!2," };

	for (size_t i = 0; i < lengthof(marks); i++) {
		size_t at = slice_search(file, slice_str(marks[i]));

		if (at == file.n)
			continue;
		*base = slice_head(file, at);
		*letters = slice_from(file, at + 3);
		return;
	}
	*base = slice_head(file, slice_find(file, ':'));
	*letters = SLICE_NONE;
}

/* ---- keywords ---- */

static bool
next_line(struct slice *text, struct slice *line)
{
	if (text->n == 0)
		return false;
	*text = slice_cut(*text, '\n', line);
	*line = slice_trim(*line);
	return true;
}

/* "0 $Forwarded" */
void
maildir_keywords_parse(struct maildir_keywords *k, struct slice text)
{
	struct slice line, number;
	uint32_t n;

	*k = (struct maildir_keywords){ .name = { SLICE_NONE } };
	while (next_line(&text, &line)) {
		line = slice_cut(line, ' ', &number);
		if (num_parse_u32(number, MAILDIR_LETTERS - 1, &n) == ERR_OK)
			k->name[n] = line;
	}
}

void
maildir_keywords_put(const struct maildir_keywords *k, struct slice letters, struct buf *b)
{
	unsigned bits = 0;

	for (size_t i = 0; i < letters.n; i++)
		if (letters.p[i] >= 'a' && letters.p[i] <= 'z')
			mail_flags_word(&bits, b, k->name[letters.p[i] - 'a']);
}

/* ---- UIDs ---- */

void
maildir_uids_init(struct maildir_uids *u)
{
	*u = (struct maildir_uids){ .uidvalidity = 0 };
	map_init(&u->by_base);
	arena_init(&u->arena, ARENA_MAX);
}

void
maildir_uids_fini(struct maildir_uids *u)
{
	map_fini(&u->by_base);
	arena_fini(&u->arena);
}

/* "3 V1275660208 N25022 G3085..." or "1 1275660208 25022" */
static bool
parse_first(struct maildir_uids *u, struct slice line)
{
	struct slice word;
	bool is_3;

	line = slice_cut(line, ' ', &word);
	is_3 = slice_eq_str(word, "3");
	if (!is_3 && !slice_eq_str(word, "1"))
		return false;
	for (unsigned i = 0; line.n > 0; i++) {
		line = slice_cut(line, ' ', &word);
		if ((is_3 && slice_starts(word, "V")) || (!is_3 && i == 0)) {
			if (num_parse_u32(slice_from(word, is_3), UINT32_MAX - 1,
			    &u->uidvalidity) != ERR_OK)
				return false;
		} else if ((is_3 && slice_starts(word, "N")) || (!is_3 && i == 1)) {
			if (num_parse_u32(slice_from(word, is_3), UINT32_MAX - 1,
			    &u->uidnext) != ERR_OK)
				return false;
		}
	}
	return u->uidvalidity != 0;
}

/* "25006 W123 :1276528487.M364837P9451.kurkku" or "25006 1276528487...." */
static void
parse_uid(struct maildir_uids *u, struct slice line)
{
	struct slice number, name = line, letters;
	struct uid *x;
	uint32_t uid;

	name = slice_cut(line, ' ', &number);
	if (num_parse_u32(number, UINT32_MAX - 2, &uid) != ERR_OK || uid == 0)
		return;
	while (name.n > 0 && name.p[0] != ':' && slice_find(name, ' ') < name.n)
		name = slice_cut(name, ' ', &number);
	if (slice_starts(name, ":"))
		name = slice_from(name, 1);
	if (name.n == 0 || (x = arena_alloc(&u->arena, 1, sizeof(*x))) == NULL)
		return;
	maildir_name_split(name, &x->base, &letters);
	x->uid = uid;
	if (uid >= u->uidnext)
		u->uidnext = uid + 1;
	map_insert(&u->by_base, &x->node, hash_slice(x->base));
}

void
maildir_uids_parse(struct maildir_uids *u, struct slice text)
{
	struct slice line;

	if (!next_line(&text, &line) || !parse_first(u, line)) {
		u->uidvalidity = 0;
		return;
	}
	while (next_line(&text, &line))
		parse_uid(u, line);
}

uint32_t
maildir_uids_find(const struct maildir_uids *u, struct slice base)
{
	const struct map_node *n;

	for (n = map_first(&u->by_base, hash_slice(base)); n != NULL; n = map_next(n))
		if (slice_eq(obj_of(n, const struct uid, node)->base, base))
			return obj_of(n, const struct uid, node)->uid;
	return 0;
}
