/* SPDX-License-Identifier: ISC */
#include "lib/mail/hdr_date.h"

#include "lib/base/clock.h"
#include "lib/mail/hdr.h"

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun",
	"jul", "aug", "sep", "oct", "nov", "dec" };

/* RFC 5322 s4.3: the named zones; military letters mean "unknown". */
static const struct {
	const char	*name;
	int		 minutes;
} zones[] = {
	{ "UT", 0 }, { "GMT", 0 }, { "UTC", 0 }, { "Z", 0 },
	{ "EDT", -4 * 60 }, { "EST", -5 * 60 }, { "CDT", -5 * 60 },
	{ "CST", -6 * 60 }, { "MDT", -6 * 60 }, { "MST", -7 * 60 },
	{ "PDT", -7 * 60 }, { "PST", -8 * 60 },
	{ "CET", 60 }, { "CEST", 120 }, { "BST", 60 }, { "JST", 540 }
};

/* Digits at the front, at most max of them; their count, 0 when none. */
static size_t
get_digits(struct slice *s, size_t max, int *value)
{
	size_t n = 0;

	*value = 0;
	while (n < max && n < s->n && ascii_is_digit(s->p[n])) {
		*value = *value * 10 + (s->p[n] - '0');
		n++;
	}
	*s = slice_from(*s, n);
	return n;
}

static struct slice
get_letters(struct slice *s)
{
	size_t n = 0;
	struct slice word;

	while (n < s->n && ascii_is_alpha(s->p[n]))
		n++;
	word = slice_head(*s, n);
	*s = slice_from(*s, n);
	return word;
}

static void
skip_char(struct slice *s, char c)
{
	hdr_skip_cfws(s);
	if (s->n > 0 && s->p[0] == c) {
		*s = slice_from(*s, 1);
		hdr_skip_cfws(s);
	}
}

static int
find_month(struct slice word)
{
	if (word.n < 3)
		return 0;
	for (size_t i = 0; i < lengthof(months); i++)
		if (slice_ieq_str(slice_head(word, 3), months[i]))
			return (int)i + 1;
	return 0;
}

static bool
get_day(struct slice *s, struct clock_date *d)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	size_t digits;
	bool leap;

	if (get_digits(s, 2, &d->day) == 0)
		return false;
	skip_char(s, '-');
	d->month = find_month(get_letters(s));
	if (d->month == 0)
		return false;
	skip_char(s, '-');
	digits = get_digits(s, 4, &d->year);
	if (digits < 2)
		return false;
	/* RFC 5322 s4.3 */
	if (digits == 2)
		d->year += d->year < 50 ? 2000 : 1900;
	else if (digits == 3)
		d->year += 1900;
	if (d->year < 1900 || d->day < 1)
		return false;
	leap = d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);
	return d->day <= days[d->month - 1] + (d->month == 2 && leap ? 1 : 0);
}

static bool
get_time(struct slice *s, struct clock_date *d)
{
	hdr_skip_cfws(s);
	if (get_digits(s, 2, &d->hour) == 0)
		return false;
	hdr_skip_cfws(s);
	if (s->n == 0 || s->p[0] != ':')
		return false;
	skip_char(s, ':');
	if (get_digits(s, 2, &d->minute) == 0)
		return false;
	hdr_skip_cfws(s);
	if (s->n > 0 && s->p[0] == ':') {
		skip_char(s, ':');
		if (get_digits(s, 2, &d->second) == 0)
			return false;
	}
	return d->hour <= 23 && d->minute <= 59 && d->second <= 60;
}

static int
get_zone(struct slice *s)
{
	struct slice word;
	int v;
	int sign;

	hdr_skip_cfws(s);
	if (s->n == 0)
		return 0;
	if (s->p[0] == '+' || s->p[0] == '-') {
		sign = s->p[0] == '-' ? -1 : 1;
		*s = slice_from(*s, 1);
		if (get_digits(s, 4, &v) != 4 || v % 100 > 59 || v / 100 > 23)
			return 0;
		return sign * (v / 100 * 60 + v % 100);
	}
	word = get_letters(s);
	for (size_t i = 0; i < lengthof(zones); i++)
		if (slice_ieq_str(word, zones[i].name))
			return zones[i].minutes;
	return 0;
}

enum err
hdr_date_parse(struct slice value, struct hdr_date *out)
{
	struct clock_date d = { 0 };
	struct slice s = value;

	hdr_skip_cfws(&s);
	if (s.n > 0 && ascii_is_alpha(s.p[0])) {
		(void)get_letters(&s);
		skip_char(&s, '.');
		skip_char(&s, ',');
	}
	if (!get_day(&s, &d) || !get_time(&s, &d))
		return ERR_SYNTAX;
	out->zone_minutes = get_zone(&s);
	out->unix_s = clock_from_date(&d) - (int64_t)out->zone_minutes * 60;
	return ERR_OK;
}
