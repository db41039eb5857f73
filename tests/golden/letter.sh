# SPDX-License-Identifier: ISC
# What becomes of sample messages on their way through CMTP 1 is what is written down.
# After a wanted change: build/test/testbin/letter_dump tests/golden/mime/*.eml tests/golden/letter/*.eml > tests/golden/letter.txt
LC_ALL=C
export LC_ALL
"${GODWIT_BUILD:-build/test}"/testbin/letter_dump tests/golden/mime/*.eml tests/golden/letter/*.eml |
    diff -a -u tests/golden/letter.txt -
