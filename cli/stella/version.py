"""States the version of the suite, so that `stella --version` need not read package metadata."""

VERSION = "0.1.0"
