/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_header.h"

#include <string.h>

void
smtp_header_init(struct smtp_header *h)
{
	memset(h, 0, sizeof(*h));
	buf_init(&h->message_id, SMTP_MESSAGE_ID_MAX);
}

void
smtp_header_fini(struct smtp_header *h)
{
	buf_fini(&h->message_id);
}

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 5322 s2.2; white space before the colon is obsolete syntax (s4.5.8). */
static bool
field_name(struct slice line, struct slice *name, struct slice *value)
{
	size_t i = 0;

	while (i < line.n && line.p[i] > ' ' && line.p[i] < 0x7f && line.p[i] != ':')
		i++;
	*name = slice_head(line, i);
	while (i < line.n && is_wsp(line.p[i]))
		i++;
	if (name->n == 0 || i == line.n || line.p[i] != ':')
		return false;
	*value = slice_from(line, i + 1);
	return true;
}

static void
add_message_id(struct smtp_header *h, struct slice text)
{
	buf_put_slice(&h->message_id, slice_trim(text));
}

static void
take_field(struct smtp_header *h, struct slice name, struct slice value)
{
	h->field_count++;
	h->in_message_id = false;
	if (slice_ieq_str(name, "Received"))
		h->received_count++;
	else if (slice_ieq_str(name, "Date"))
		h->has_date = true;
	else if (slice_ieq_str(name, "TLS-Required"))
		h->is_tls_optional = slice_ieq_str(slice_trim(value), "No");
	else if (slice_ieq_str(name, "Message-ID") && !h->has_message_id) {
		h->has_message_id = h->in_message_id = true;
		add_message_id(h, value);
	}
}

enum smtp_header_line
smtp_header_take(struct smtp_header *h, struct slice line)
{
	struct slice name, value;

	if (slice_eq_str(line, "\r\n"))
		return HEADER_END;
	if (is_wsp(line.p[0]) && h->field_count > 0) {
		if (h->in_message_id)
			add_message_id(h, line);
	} else if (field_name(line, &name, &value))
		take_field(h, name, value);
	else
		return HEADER_BODY;
	h->bytes += line.n;
	return HEADER_FIELD;
}

struct slice
smtp_header_message_id(const struct smtp_header *h)
{
	return buf_err(&h->message_id) == ERR_OK ? buf_slice(&h->message_id) : SLICE_NONE;
}
