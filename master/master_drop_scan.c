/* SPDX-License-Identifier: ISC */
#include "master/master_drop_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/fd.h"

void
master_drop_scan_init(struct master_drop_scan *s)
{
	s->dir = NULL;
	s->count = s->next = 0;
	buf_init(&s->text, MASTER_DROP_NAMES * (NAME_MAX + 1u));
}

static void
end(struct master_drop_scan *s)
{
	if (s->dir != NULL)
		closedir(s->dir);
	s->dir = NULL;
	s->count = s->next = 0;
	buf_release(&s->text);
}

void
master_drop_scan_fini(struct master_drop_scan *s)
{
	end(s);
}

enum err
master_drop_scan_begin(struct master_drop_scan *s, int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	end(s);
	if (fd >= 0)
		s->dir = fdopendir(fd);
	if (s->dir != NULL)
		return ERR_OK;
	fd_close(&fd);
	return err_from_errno(errno);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names have moved while the text grew: only now they have addresses. */
static void
sort(struct master_drop_scan *s)
{
	const char *p = buf_data(&s->text);

	for (size_t i = 0; i < s->count; i++) {
		s->names[i] = p;
		p += strlen(p) + 1;
	}
	if (s->count > 0)
		qsort(s->names, s->count, sizeof(s->names[0]), by_name);
}

bool
master_drop_scan_more(struct master_drop_scan *s)
{
	const struct dirent *e = NULL;
	unsigned seen = 0;

	if (s->dir == NULL)
		return false;
	s->count = s->next = 0;
	buf_reset(&s->text);
	while (seen < MASTER_DROP_NAMES && (e = readdir(s->dir)) != NULL) {
		seen++;
		/* What is being written, and what was refused. */
		if (e->d_name[0] == '.')
			continue;
		buf_put(&s->text, e->d_name, strlen(e->d_name) + 1);
		s->count++;
	}
	if (seen == 0) {
		end(s);
		return false;
	}
	sort(s);
	return true;
}

const char *
master_drop_scan_next(struct master_drop_scan *s)
{
	return s->next < s->count ? s->names[s->next++] : NULL;
}
