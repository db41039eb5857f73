# SPDX-License-Identifier: ISC
UNITS += seal_seal_test seal_epoch_test seal_chunkfile_test
seal_seal_test_SRCS = tests/unit/seal/seal_test.c
seal_seal_test_USES = seal crypto base
seal_epoch_test_SRCS = tests/unit/seal/epoch_test.c
seal_epoch_test_USES = seal crypto base
seal_chunkfile_test_SRCS = tests/unit/seal/chunkfile_test.c
seal_chunkfile_test_USES = seal crypto base
UNITS += seal_sealer_test
seal_sealer_test_SRCS = tests/unit/seal/sealer_test.c
seal_sealer_test_USES = seal crypto mail base
UNITS += seal_mime_form_test
seal_mime_form_test_SRCS = tests/unit/seal/mime_form_test.c
seal_mime_form_test_USES = seal crypto base
UNITS += seal_split_test
seal_split_test_SRCS = tests/unit/seal/split_test.c
seal_split_test_USES = seal crypto base
