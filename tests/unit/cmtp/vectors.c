/* SPDX-License-Identifier: ISC */
#include "tests/unit/cmtp/vectors.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

static bool
is_name(const char *line, const char *name)
{
	size_t n = strlen(name);

	return strncmp(line, name, n) == 0 && line[n] == ' ' && strchr(line, '=') != NULL;
}

static void
get(struct buf *b, const char *file, const char *name, unsigned nth)
{
	FILE *f = fopen(file, "r");
	bool is_in = false;
	char line[200];

	must(f != NULL);
	buf_init(b, VECTOR_MAX);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] != ' ')
			is_in = is_name(line, name) && nth-- == 0;
		else if (is_in)
			must(enc_get_hex(b, slice_trim(slice_str(line))) == ERR_OK);
	}
	must(fclose(f) == 0);
	must(b->n > 0);
}

void
vector_get(struct buf *b, const char *name, unsigned nth)
{
	get(b, "tests/golden/cmtp1.txt", name, nth);
}

void
vector_get_2(struct buf *b, const char *name)
{
	get(b, "tests/golden/cmtp2.txt", name, 0);
}

void
vector_get_opaque(struct buf *b, const char *name)
{
	get(b, "tests/golden/opaque.txt", name, 0);
}
