"""Runs the distributor's migrations."""

from libs.common.db.environment import run

run()
