"""Runs the evidence service's migrations."""

from libs.common.db.environment import run

run()
