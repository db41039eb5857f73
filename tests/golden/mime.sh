# SPDX-License-Identifier: ISC
# What lib/mail makes of sample messages is what is written down.
# After a wanted change: build/test/testbin/mime_dump tests/golden/mime/*.eml > tests/golden/mime.txt
LC_ALL=C
export LC_ALL
"${GODWIT_BUILD:-build/test}"/testbin/mime_dump tests/golden/mime/*.eml | diff -a -u tests/golden/mime.txt -
