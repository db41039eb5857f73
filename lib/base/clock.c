/* SPDX-License-Identifier: ISC */
#include "lib/base/clock.h"

#include <stdatomic.h>
#include <time.h>

/* Read by every thread; moved only by a test build's control request. */
static _Atomic int64_t advance_ms;

static uint64_t
read_us(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000 +
	    (uint64_t)(atomic_load_explicit(&advance_ms, memory_order_relaxed) * 1000);
}

uint64_t
clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t
clock_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t
clock_real_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

void
clock_advance(int64_t ms)
{
	atomic_fetch_add(&advance_ms, ms);
}

/* Days since 1970-01-01 of a civil date; years count from March. */
static int64_t
days_from_civil(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int64_t
clock_from_date(const struct clock_date *d)
{
	return days_from_civil(d->year, d->month, d->day) * 86400 +
	    d->hour * 3600 + d->minute * 60 + d->second;
}

void
clock_to_date(int64_t s, struct clock_date *out)
{
	int64_t days = s / 86400, rest = s % 86400, era, doe, yoe, doy, mp;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	out->hour = (int)(rest / 3600);
	out->minute = (int)(rest / 60 % 60);
	out->second = (int)(rest % 60);
	out->weekday = (int)((days % 7 + 11) % 7);
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	out->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	out->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	out->year = (int)(yoe + era * 400 + (out->month <= 2));
}

static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char weekdays[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri",
	"Sat" };

void
clock_put_rfc3339(struct buf *b, uint64_t real_ms)
{
	struct clock_date d;

	clock_to_date((int64_t)(real_ms / 1000), &d);
	buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", d.year, d.month,
	    d.day, d.hour, d.minute, d.second, (int)(real_ms % 1000));
}

void
clock_put_rfc5322(struct buf *b, uint64_t real_s)
{
	struct clock_date d;

	clock_to_date((int64_t)real_s, &d);
	buf_printf(b, "%s, %d %s %04d %02d:%02d:%02d +0000",
	    weekdays[d.weekday], d.day, months[d.month - 1], d.year, d.hour,
	    d.minute, d.second);
}

void
clock_put_imap(struct buf *b, uint64_t real_s)
{
	struct clock_date d;

	clock_to_date((int64_t)real_s, &d);
	buf_printf(b, "\"%2d-%s-%04d %02d:%02d:%02d +0000\"", d.day,
	    months[d.month - 1], d.year, d.hour, d.minute, d.second);
}

void
clock_put_span(struct buf *b, uint64_t s)
{
	if (s >= 86400)
		buf_printf(b, "%dd %dh", (int)(s / 86400), (int)(s / 3600 % 24));
	else if (s >= 3600)
		buf_printf(b, "%dh %dm", (int)(s / 3600), (int)(s / 60 % 60));
	else if (s >= 60)
		buf_printf(b, "%dm %ds", (int)(s / 60), (int)(s % 60));
	else
		buf_printf(b, "%ds", (int)s);
}
