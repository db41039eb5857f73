/* SPDX-License-Identifier: ISC */
#include "lib/report/tls_report.h"

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/report/json_writer.h"

#define DAY_S		86400u
#define LINE_BYTES	57u	/* 76 characters of base64: RFC 2045 s6.8 */

/* ---- JSON: RFC 8460 s4.4 ---- */

/* RFC 3339 s5.6, without a fraction. */
static void
put_time(struct json_writer *w, const char *key, uint64_t real_s)
{
	struct clock_date d;
	struct buf text;

	clock_to_date((int64_t)real_s, &d);
	buf_init(&text, 64);
	buf_printf(&text, "%04d-%02d-%02dT%02d:%02d:%02dZ", d.year, d.month, d.day, d.hour,
	    d.minute, d.second);
	json_writer_str(w, key, buf_slice(&text));
	buf_fini(&text);
}

static void
put_lines(struct json_writer *w, const char *key, struct slice text, const char *only)
{
	struct slice line;

	json_writer_open(w, key, '[');
	while (text.n > 0) {
		text = slice_cut(text, '\n', &line);
		if (only == NULL)
			json_writer_str(w, NULL, line);
		else if (slice_starts(line, only))
			json_writer_str(w, NULL, slice_trim(slice_from(line,
			    slice_str(only).n)));
	}
	json_writer_close(w);
}

static void
put_policy(struct json_writer *w, const struct tls_tally_policy *p)
{
	json_writer_open(w, "policy", '{');
	json_writer_str(w, "policy-type", slice_str(tls_tally_policy_name(p->type)));
	if (p->text.n > 0)
		put_lines(w, "policy-string", p->text, NULL);
	json_writer_str(w, "policy-domain", p->domain);
	if (p->type == TLS_POLICY_STS && p->text.n > 0)
		put_lines(w, "mx-host", p->text, "mx:");
	json_writer_close(w);
	json_writer_open(w, "summary", '{');
	json_writer_num(w, "total-successful-session-count", p->good);
	json_writer_num(w, "total-failure-session-count", p->bad);
	json_writer_close(w);
}

static void
put_unless_empty(struct json_writer *w, const char *key, struct slice s)
{
	if (s.n > 0)
		json_writer_str(w, key, s);
}

static void
put_details(struct json_writer *w, const struct tls_tally_policy *p)
{
	json_writer_open(w, "failure-details", '[');
	for (const struct list *n = list_first(&p->details); n != NULL;
	    n = list_next(&p->details, n)) {
		const struct tls_tally_detail *d = obj_of(n, struct tls_tally_detail, link);

		json_writer_open(w, NULL, '{');
		json_writer_str(w, "result-type", slice_str(tls_failure_text(d->failure)));
		put_unless_empty(w, "sending-mta-ip", d->from_ip);
		put_unless_empty(w, "receiving-mx-hostname", d->mx_host);
		put_unless_empty(w, "receiving-mx-helo", d->helo);
		put_unless_empty(w, "receiving-ip", d->to_ip);
		json_writer_num(w, "failed-session-count", d->count);
		put_unless_empty(w, "failure-reason-code", d->reason);
		json_writer_close(w);
	}
	json_writer_close(w);
}

static void
put_id(struct json_writer *w, const struct tls_report *r)
{
	struct buf id;

	buf_init(&id, 512);
	buf_printf(&id, "%s@%s", r->id, r->hostname);
	json_writer_str(w, "report-id", buf_slice(&id));
	buf_fini(&id);
}

void
tls_report_put_json(struct buf *out, const struct tls_report *r, const struct tls_tally *t)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_writer_open(&w, NULL, '{');
	json_writer_str(&w, "organization-name", slice_str(r->organization));
	json_writer_open(&w, "date-range", '{');
	put_time(&w, "start-datetime", r->day * DAY_S);
	put_time(&w, "end-datetime", r->day * DAY_S + DAY_S - 1);
	json_writer_close(&w);
	json_writer_str(&w, "contact-info", slice_str(r->contact));
	put_id(&w, r);
	json_writer_open(&w, "policies", '[');
	for (const struct list *n = list_first(&t->policies); n != NULL;
	    n = list_next(&t->policies, n)) {
		const struct tls_tally_policy *p = obj_of(n, struct tls_tally_policy, link);

		json_writer_open(&w, NULL, '{');
		put_policy(&w, p);
		if (!list_is_empty(&p->details))
			put_details(&w, p);
		json_writer_close(&w);
	}
	json_writer_close(&w);
	json_writer_close(&w);
}

/* ---- message: RFC 8460 s5.3 ---- */

static void
put_boundary(struct buf *out, const struct tls_report *r)
{
	buf_printf(out, "=_tlsrpt_%s", r->id);
}

static void
put_header(struct buf *out, const struct tls_report *r, struct slice to)
{
	buf_put_str(out, "Date: ");
	clock_put_rfc5322(out, r->made_s);
	buf_printf(out, "\r\nFrom: <%s>\r\nTo: <", r->contact);
	buf_put_slice(out, to);
	/* RFC 8460 s5.3: the form of the subject; each domain on its own line. */
	buf_put_str(out, ">\r\nSubject: Report Domain: ");
	buf_put_slice(out, r->domain);
	buf_printf(out, "\r\n Submitter: %s\r\n Report-ID: <%s@%s>\r\n", r->hostname, r->id,
	    r->hostname);
	buf_put_str(out, "TLS-Report-Domain: ");
	buf_put_slice(out, r->domain);
	/* RFC 8460 s3: no failure of TLS keeps it from getting there. */
	buf_printf(out, "\r\nTLS-Report-Submitter: %s\r\nTLS-Required: No\r\n"
	    "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n\tboundary=\"",
	    r->hostname, r->id, r->hostname);
	put_boundary(out, r);
	buf_put_str(out, "\"\r\n\r\nThis is a MIME-encapsulated message.\r\n");
}

static void
put_part(struct buf *out, const struct tls_report *r)
{
	buf_put_str(out, "\r\n--");
	put_boundary(out, r);
}

/* RFC 8460 s5.1: the sender is the domain of the contact. */
static void
put_file_name(struct buf *out, const struct tls_report *r)
{
	struct slice contact = slice_str(r->contact);

	buf_put_slice(out, slice_from(contact, slice_rfind(contact, '@') + 1));
	buf_put_char(out, '!');
	buf_put_slice(out, r->domain);
	buf_printf(out, "!%llu!%llu!%s.json.gz", (unsigned long long)(r->day * DAY_S),
	    (unsigned long long)(r->day * DAY_S + DAY_S - 1), r->id);
}

static void
put_base64_lines(struct buf *out, struct slice s)
{
	while (s.n > 0) {
		enc_put_base64(out, slice_head(s, LINE_BYTES));
		buf_put_str(out, "\r\n");
		s = slice_from(s, LINE_BYTES);
	}
}

void
tls_report_put_mail(struct buf *out, const struct tls_report *r, struct slice to,
    struct slice gzip)
{
	put_header(out, r, to);
	put_part(out, r);
	buf_printf(out, "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "This is an aggregate TLS report from %s.\r\n", r->hostname);
	put_part(out, r);
	buf_put_str(out, "\r\nContent-Type: application/tlsrpt+gzip\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: attachment;\r\n\tfilename=\"");
	put_file_name(out, r);
	buf_put_str(out, "\"\r\n\r\n");
	put_base64_lines(out, gzip);
	put_part(out, r);
	buf_put_str(out, "--\r\n");
}
