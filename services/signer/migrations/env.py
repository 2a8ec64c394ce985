"""Runs the signer's migrations."""

from libs.common.db.environment import run

run()
