"""Spans of time that tests use."""

from __future__ import annotations

# Longer than any test run: some tokens are made when tests are collected, long before they are used.
DAY = 86_400
