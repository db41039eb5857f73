/* SPDX-License-Identifier: ISC */
/*
 * Stands in for libFuzzer in ordinary builds: runs the target over every file
 * of the folders and files named, once whole.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int files;

static void
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t n;

	if (f == NULL || fstat(fileno(f), &st) != 0) {
		perror(path);
		exit(1);
	}
	/* Exactly the size, so that a sanitizer sees one byte too far. */
	data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	n = data != NULL ? fread(data, 1, (size_t)st.st_size, f) : 0;
	(void)fclose(f);
	(void)LLVMFuzzerTestOneInput(data, n);
	free(data);
	files++;
}

static void
replay_folder(const char *path)
{
	char name[4096];
	struct dirent *e;
	DIR *d = opendir(path);

	if (d == NULL) {
		perror(path);
		exit(1);
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		replay_file(name);
	}
	(void)closedir(d);
}

int
main(int argc, char *argv[])
{
	struct stat st;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			replay_folder(argv[i]);
		else
			replay_file(argv[i]);
	}
	printf("%d inputs\n", files);
	return files > 0 ? 0 : 1;
}
