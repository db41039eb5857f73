/* SPDX-License-Identifier: ISC */
#include "lib/mail/mime_type.h"

#include "lib/base/cc.h"

static const struct {
	const char	*end;
	const char	*type;
} types[] = {
	{ "7z", "application/x-7z-compressed" }, { "asc", "text/plain" },
	{ "avif", "image/avif" }, { "bmp", "image/bmp" },
	{ "bz2", "application/x-bzip2" }, { "css", "text/css" },
	{ "csv", "text/csv" }, { "doc", "application/msword" },
	{ "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ "epub", "application/epub+zip" }, { "flac", "audio/flac" },
	{ "gif", "image/gif" }, { "gz", "application/gzip" },
	{ "htm", "text/html" }, { "html", "text/html" },
	{ "ics", "text/calendar" }, { "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" }, { "json", "application/json" },
	{ "m4a", "audio/mp4" }, { "md", "text/markdown" },
	{ "mov", "video/quicktime" }, { "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" }, { "odp", "application/vnd.oasis.opendocument.presentation" },
	{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt", "application/vnd.oasis.opendocument.text" },
	{ "ogg", "audio/ogg" }, { "opus", "audio/ogg" },
	{ "pdf", "application/pdf" }, { "png", "image/png" },
	{ "ppt", "application/vnd.ms-powerpoint" },
	{ "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
	{ "rtf", "application/rtf" }, { "svg", "image/svg+xml" },
	{ "tar", "application/x-tar" }, { "tif", "image/tiff" },
	{ "tiff", "image/tiff" }, { "txt", "text/plain" },
	{ "vcf", "text/vcard" }, { "wav", "audio/wav" },
	{ "webm", "video/webm" }, { "webp", "image/webp" },
	{ "xls", "application/vnd.ms-excel" },
	{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "xml", "application/xml" }, { "xz", "application/x-xz" },
	{ "zip", "application/zip" }, { "zst", "application/zstd" }
};

const char *
mime_type_of_name(struct slice name)
{
	size_t dot = slice_rfind(name, '.');

	for (size_t i = 0; i < lengthof(types) && dot < name.n; i++)
		if (slice_ieq_str(slice_from(name, dot + 1), types[i].end))
			return types[i].type;
	return "application/octet-stream";
}
