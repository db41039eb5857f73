/* SPDX-License-Identifier: ISC */
/*
 * godwit.conf from anywhere: an error text or a configuration, which then
 * survives the wire; and an edit of it that still reads.  The bytes are also
 * what every include gives.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/conf/conf_edit.h"
#include "lib/conf/conf_file.h"
#include "master/master_sections.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum err
load(void *arg, const char *path, struct buf *b)
{
	const struct slice *s = arg;

	(void)path;
	buf_put_slice(b, *s);
	return buf_err(b) == ERR_OK ? ERR_OK : ERR_LIMIT;
}

static void
check_wire(const struct conf *c)
{
	for (size_t i = 0; i < c->section_count; i++) {
		const struct conf_section *s = &c->sections[i];
		void *copy = must_alloc(1, s->def->struct_bytes);
		struct buf b;

		buf_init(&b, CONF_SECTION_BYTES);
		opt_encode(s->def, s->values, &b);
		must(opt_decode(s->def, buf_slice(&b), copy) == ERR_OK);
		for (const struct opt *o = s->def->rows; o->name != NULL; o++)
			must(opt_is_equal(o, s->values, copy));
		opt_free(s->def, copy);
		free(copy);
		buf_fini(&b);
	}
}

static void
check_edit(struct slice text)
{
	struct conf_name n;
	struct conf *c = NULL;
	struct buf out, errors;
	struct slice edited;

	must(conf_name_parse(master_sections, SLICE_LIT("queue.message_limit"), &n) == ERR_OK);
	buf_init(&out, 4u << 20);
	buf_init(&errors, CONF_ERRORS_MAX);
	if (conf_edit(text, &n, SLICE_LIT("77"), &out) == ERR_OK) {
		edited = buf_slice(&out);
		(void)!conf_read("/x", master_sections, load, &edited, &c, &errors);
	}
	conf_free(&c);
	buf_fini(&out);
	buf_fini(&errors);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice text = slice_of(data, n);
	struct conf *c;
	struct buf errors;
	enum err e;

	buf_init(&errors, CONF_ERRORS_MAX);
	e = conf_read("/x", master_sections, load, &text, &c, &errors);
	must(e != ERR_OK || c != NULL);
	must((e == ERR_OK) == (buf_slice(&errors).n == 0));
	if (c != NULL)
		check_wire(c);
	conf_free(&c);
	buf_fini(&errors);
	check_edit(text);
	return 0;
}
