/* SPDX-License-Identifier: ISC */
/* Lines at the top, what they mean in the middle, the body at the bottom. */
#include "delivery/http_reply.h"

#include "lib/base/num.h"

static enum err
fail(struct http_reply *r, enum err e, const char *why)
{
	r->step = HTTP_FAILED;
	r->error = e;
	r->why = why;
	return e;
}

void
http_reply_init(struct http_reply *r, size_t body_max)
{
	*r = (struct http_reply){ .step = HTTP_STATUS, .why = "" };
	buf_init(&r->line, HTTP_LINE_MAX);
	buf_init(&r->body, body_max);
}

void
http_reply_init_post(struct http_reply *r)
{
	http_reply_init(r, 0);
	r->is_post = true;
}

void
http_reply_fini(struct http_reply *r)
{
	buf_fini(&r->line);
	buf_fini(&r->body);
}

struct slice
http_reply_body(const struct http_reply *r)
{
	return buf_slice(&r->body);
}

/* ---- lines ---- */

/* Moves *s past what belongs to the line; ERR_OK when it is complete. */
static enum err
take_line(struct http_reply *r, struct slice *s, struct slice *line)
{
	size_t n = slice_find(*s, '\n');
	bool is_complete = n < s->n;

	r->head_bytes += n + (is_complete ? 1 : 0);
	if (r->head_bytes > HTTP_HEAD_MAX)
		return fail(r, ERR_LIMIT, "the header is too long");
	buf_put_slice(&r->line, slice_head(*s, n));
	if (buf_err(&r->line) != ERR_OK)
		return fail(r, ERR_LIMIT, "a line is too long");
	*s = slice_from(*s, n + 1);
	if (!is_complete)
		return ERR_SHORT;
	*line = buf_slice(&r->line);
	/* RFC 9112 s2.2: a bare LF ends a line as well. */
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	for (size_t i = 0; i < line->n; i++)
		if (line->p[i] == '\r' || line->p[i] == '\0')
			return fail(r, ERR_SYNTAX, "a line with a bare CR or a NUL");
	return ERR_OK;
}

static bool
is_wanted(const struct http_reply *r, unsigned status)
{
	return r->is_post ? status >= 200 && status < 300 : status == 200;
}

/* RFC 9112 s4: HTTP/1.1 200 OK */
static enum err
read_status(struct http_reply *r, struct slice line)
{
	struct slice code = slice_from(line, 9);
	uint32_t n;

	r->is_1_0 = slice_starts(line, "HTTP/1.0 ");
	if ((!r->is_1_0 && !slice_starts(line, "HTTP/1.1 ")) ||
	    (code.n > 3 && code.p[3] != ' ') ||
	    num_parse_u32(slice_head(code, 3), 599, &n) != ERR_OK || n < 100)
		return fail(r, ERR_SYNTAX, "not HTTP/1.1");
	r->status = n;
	/* RFC 8461 s3.3 */
	if (n >= 300 && n < 400)
		return fail(r, ERR_UNSUPPORTED, "redirected");
	if (!is_wanted(r, n) && (n > 199 || n == 101))
		return fail(r, ERR_UNSUPPORTED, (n == 404 || n == 410) && !r->is_post ?
		    "there is no policy" :
		    n >= 500 ? "the server failed" : "not a status of success");
	r->step = HTTP_FIELDS;
	return ERR_OK;
}

static enum err
read_length(struct http_reply *r, struct slice value)
{
	uint64_t n;

	if (num_parse_u64(value, UINT64_MAX, &n) != ERR_OK ||
	    (r->has_length && n != r->left))
		return fail(r, ERR_SYNTAX, "Content-Length is no length");
	if (n > r->body.max)
		return fail(r, ERR_TOOBIG, "the policy is too large");
	r->has_length = true;
	r->left = n;
	return ERR_OK;
}

/* RFC 8461 s3.2: text/plain, parameters are of no account. */
static enum err
read_type(struct http_reply *r, struct slice value)
{
	struct slice type;

	(void)slice_cut(value, ';', &type);
	if (!slice_ieq_str(slice_trim(type), "text/plain"))
		return fail(r, ERR_UNSUPPORTED, "the Content-Type is not text/plain");
	r->has_type = true;
	return ERR_OK;
}

static enum err
read_field(struct http_reply *r, struct slice line)
{
	struct slice name, value = slice_cut(line, ':', &name);

	if (++r->field_count > HTTP_FIELDS_MAX)
		return fail(r, ERR_LIMIT, "too many header fields");
	/* RFC 9112 s5.1, s5.2: no space before the colon, no folding. */
	if (name.n == 0 || name.n == line.n || slice_find(name, ' ') < name.n ||
	    slice_find(name, '\t') < name.n)
		return fail(r, ERR_SYNTAX, "a line is not a header field");
	value = slice_trim(value);
	if (r->status != 200 || r->is_post)
		return ERR_OK;
	if (slice_ieq_str(name, "Content-Length"))
		return read_length(r, value);
	if (slice_ieq_str(name, "Content-Type"))
		return read_type(r, value);
	if (slice_ieq_str(name, "Content-Encoding") && !slice_ieq_str(value, "identity"))
		return fail(r, ERR_UNSUPPORTED, "a Content-Encoding");
	if (slice_ieq_str(name, "Transfer-Encoding")) {
		if (!slice_ieq_str(value, "chunked") || r->has_chunks)
			return fail(r, ERR_UNSUPPORTED, "a Transfer-Encoding");
		r->has_chunks = true;
	}
	return ERR_OK;
}

static enum err
end_of_fields(struct http_reply *r)
{
	if (r->is_post && is_wanted(r, r->status)) {
		r->step = HTTP_DONE;
		return ERR_OK;
	}
	/* RFC 9110 s15.2: the reply follows. */
	if (r->status != 200) {
		r->step = HTTP_STATUS;
		return ERR_OK;
	}
	if (!r->has_type)
		return fail(r, ERR_UNSUPPORTED, "there is no Content-Type");
	/* RFC 9112 s6.1, s6.3: both, or chunks of HTTP/1.0, is an attack or an error. */
	if (r->has_chunks && (r->has_length || r->is_1_0))
		return fail(r, ERR_SYNTAX, "the length is told twice");
	r->step = r->has_chunks ? HTTP_CHUNK : !r->has_length ? HTTP_CLOSE :
	    r->left > 0 ? HTTP_LENGTH : HTTP_DONE;
	return ERR_OK;
}

/* ---- chunks: RFC 9112 s7.1 ---- */

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	return ascii_lower(c) - 'a' + 10;
}

static enum err
read_chunk(struct http_reply *r, struct slice line)
{
	struct slice size;
	uint64_t n = 0;

	(void)slice_cut(line, ';', &size);
	size = slice_trim(size);
	if (size.n == 0)
		return fail(r, ERR_SYNTAX, "a chunk has no size");
	for (size_t i = 0; i < size.n; i++) {
		if (!ascii_is_xdigit(size.p[i]))
			return fail(r, ERR_SYNTAX, "a chunk has no size");
		n = n * 16 + (uint64_t)hex_value(size.p[i]);
		if (n > r->body.max)
			return fail(r, ERR_TOOBIG, "the policy is too large");
	}
	r->left = n;
	r->step = n > 0 ? HTTP_DATA : HTTP_TRAILER;
	return ERR_OK;
}

static enum err
read_line(struct http_reply *r, struct slice line)
{
	if (r->step == HTTP_STATUS)
		return read_status(r, line);
	if (r->step == HTTP_FIELDS)
		return line.n == 0 ? end_of_fields(r) : read_field(r, line);
	if (r->step == HTTP_CHUNK)
		return read_chunk(r, line);
	if (r->step == HTTP_DATA_END) {
		r->step = HTTP_CHUNK;
		return line.n == 0 ? ERR_OK : fail(r, ERR_SYNTAX, "a chunk is longer than its size");
	}
	if (line.n == 0)
		r->step = HTTP_DONE;
	return ERR_OK;
}

/* ---- body ---- */

static enum err
take_body(struct http_reply *r, struct slice *s)
{
	struct slice piece = *s;

	if (r->step != HTTP_CLOSE)
		piece = slice_head(piece, r->left < piece.n ? (size_t)r->left : piece.n);
	buf_put_slice(&r->body, piece);
	if (buf_err(&r->body) != ERR_OK)
		return fail(r, ERR_TOOBIG, "the policy is too large");
	*s = slice_from(*s, piece.n);
	if (r->step == HTTP_CLOSE)
		return ERR_OK;
	r->left -= piece.n;
	if (r->left == 0)
		r->step = r->step == HTTP_DATA ? HTTP_DATA_END : HTTP_DONE;
	return ERR_OK;
}

enum err
http_reply_feed(struct http_reply *r, struct slice s)
{
	while (s.n > 0 && r->step != HTTP_DONE && r->step != HTTP_FAILED) {
		struct slice line;

		if (r->step == HTTP_LENGTH || r->step == HTTP_CLOSE || r->step == HTTP_DATA) {
			if (take_body(r, &s) != ERR_OK)
				break;
			continue;
		}
		if (take_line(r, &s, &line) != ERR_OK)
			break;
		if (read_line(r, line) != ERR_OK)
			break;
		buf_reset(&r->line);
	}
	if (r->step == HTTP_FAILED)
		return r->error;
	return r->step == HTTP_DONE ? ERR_OK : ERR_SHORT;
}

enum err
http_reply_end(struct http_reply *r)
{
	if (r->step == HTTP_FAILED)
		return r->error;
	if (r->step == HTTP_CLOSE)
		r->step = HTTP_DONE;
	if (r->step != HTTP_DONE)
		return fail(r, ERR_END, "the connection ended too soon");
	return ERR_OK;
}
