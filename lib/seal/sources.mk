# SPDX-License-Identifier: ISC
seal_SRCS = lib/seal/seal_object.c lib/seal/seal_writer.c lib/seal/seal_reader.c lib/seal/seal_split.c \
	lib/seal/seal_summary.c lib/seal/epoch.c lib/seal/chunkfile.c lib/seal/sealer.c lib/seal/seal_mime.c \
	lib/seal/seal_commit.c lib/seal/seal_arrival.c lib/seal/seal_device.c
seal_EXT = $(ZSTD_LIBS) $(LZ4_LIBS)
LIBS += seal
