/* SPDX-License-Identifier: ISC */
#include "tests/unit/queue/spool_dir.h"

#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf/conf_map.h"

void
spool_dir_make(struct spool_dir *d)
{
	memcpy(d->path, "/tmp/godwit-spool-XXXXXX", sizeof("/tmp/godwit-spool-XXXXXX"));
	assert_non_null(mkdtemp(d->path));
	d->fd = open(d->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(d->fd >= 0);
}

void
spool_dir_open(struct spool_dir *d, const char *path)
{
	assert_true(slice_to_cstr(slice_str(path), d->path, sizeof(d->path)));
	d->fd = open(d->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(d->fd >= 0);
}

/* Lookup tables are no mail: never counted. */
static void
remove_tables(struct spool_dir *d)
{
	struct spool_dir tables = { .fd = openat(d->fd, CONF_MAP_DIR, O_PATH | O_DIRECTORY) };

	if (tables.fd < 0)
		return;
	assert_true(snprintf(tables.path, sizeof(tables.path), "%s/" CONF_MAP_DIR, d->path) <
	    (int)sizeof(tables.path));
	spool_dir_empty(&tables);
	close(tables.fd);
	assert_int_equal(unlinkat(d->fd, CONF_MAP_DIR, AT_REMOVEDIR), 0);
}

static unsigned
walk(struct spool_dir *d, const char *prefix, int unlink_too)
{
	struct dirent *e;
	unsigned n = 0;
	DIR *list = opendir(d->path);

	assert_non_null(list);
	while ((e = readdir(list)) != NULL) {
		if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix)) != 0 ||
		    strcmp(e->d_name, CONF_MAP_DIR) == 0)
			continue;
		n++;
		if (unlink_too)
			assert_int_equal(unlinkat(d->fd, e->d_name, 0), 0);
	}
	closedir(list);
	return n;
}

void
spool_dir_empty(struct spool_dir *d)
{
	remove_tables(d);
	(void)walk(d, "", 1);
}

void
spool_dir_remove(struct spool_dir *d)
{
	spool_dir_empty(d);
	close(d->fd);
	assert_int_equal(rmdir(d->path), 0);
}

unsigned
spool_dir_count(struct spool_dir *d, const char *prefix)
{
	return walk(d, prefix, 0);
}

void
spool_dir_read(struct spool_dir *d, const char *name, struct buf *b)
{
	int fd = openat(d->fd, name, O_RDONLY);
	ssize_t n;
	char *p;

	assert_true(fd >= 0);
	while ((p = buf_reserve(b, 65536)) != NULL && (n = read(fd, p, 65536)) > 0)
		buf_commit(b, (size_t)n);
	close(fd);
}

void
spool_dir_write(struct spool_dir *d, const char *name, const void *bytes, size_t n)
{
	int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}
