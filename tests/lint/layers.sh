# SPDX-License-Identifier: ISC
exec python3 tests/lint/layers.py
