/* SPDX-License-Identifier: ISC */
#include "lib/smtp/smtp_caps.h"

#include "lib/base/num.h"
#include "lib/smtp/sasl_client.h"

static const struct cap {
	const char	*keyword;
	enum smtp_cap	 bit;
} caps[] = {
#define C(name, bit, keyword)	{ keyword, SMTP_CAP_##name },
	SMTP_CAPS(C)
#undef C
};

/* The next of words between spaces; false at the end. */
static bool
next_word(struct slice *s, struct slice *word)
{
	*s = slice_trim(*s);
	if (s->n == 0)
		return false;
	*s = slice_cut(*s, ' ', word);
	return true;
}

static void
take_size(struct smtp_caps *c, struct slice args)
{
	struct slice word;

	/* RFC 1870 s3: 0, or no number, is no fixed limit. */
	if (!next_word(&args, &word) || num_parse_u64(word, UINT64_MAX, &c->size_max) != ERR_OK)
		c->size_max = 0;
}

/* RFC 4954 s3: a list of mechanisms. */
static void
take_auth(struct smtp_caps *c, struct slice args)
{
	struct slice word;

	while (next_word(&args, &word))
		c->mechanisms |= sasl_client_mechanism(word);
}

static void
take_limit(struct slice value, uint32_t *limit)
{
	uint32_t n;

	/* RFC 9422 s3: a number of at most 6 digits that does not begin with 0. */
	if (num_parse_u32(value, 999999, &n) == ERR_OK && n > 0)
		*limit = n;
}

static void
take_limits(struct smtp_caps *c, struct slice args)
{
	struct slice word, name, value;

	while (next_word(&args, &word)) {
		value = slice_cut(word, '=', &name);
		if (slice_ieq_str(name, "MAILMAX"))
			take_limit(value, &c->mail_max);
		else if (slice_ieq_str(name, "RCPTMAX"))
			take_limit(value, &c->rcpt_max);
	}
}

/* "CMTP 1 2" */
static void
take_cmtp(struct smtp_caps *c, struct slice args)
{
	unsigned set = 0;
	struct slice word;

	while (next_word(&args, &word)) {
		if (slice_eq_str(word, "1"))
			set |= SMTP_CAP_CMTP1;
		else if (slice_eq_str(word, "2"))
			set |= SMTP_CAP_CMTP2;
	}
	c->set &= ~(unsigned)(SMTP_CAP_CMTP1 | SMTP_CAP_CMTP2) | set;
}

void
smtp_caps_take_line(struct smtp_caps *c, struct slice line)
{
	struct slice args, word;

	args = slice_cut(slice_trim(line), ' ', &word);
	/* Older than RFC 2554: "AUTH=LOGIN" says the same. */
	if (slice_istarts(word, "AUTH=")) {
		args = slice_from(slice_trim(line), 5);
		word = slice_head(word, 4);
	}
	for (size_t i = 0; i < lengthof(caps); i++)
		if (slice_ieq_str(word, caps[i].keyword))
			c->set |= caps[i].bit;
	if (slice_ieq_str(word, "SIZE"))
		take_size(c, args);
	else if (slice_ieq_str(word, "AUTH"))
		take_auth(c, args);
	else if (slice_ieq_str(word, "LIMITS"))
		take_limits(c, args);
	else if (slice_ieq_str(word, "CMTP"))
		take_cmtp(c, args);
}
