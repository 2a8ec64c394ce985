"""`stella token`: tokens of the suite that `stella up` runs on this machine."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import click

from cli.stella.failures import wrong_usage
from cli.stella.options import spoken
from cli.stella.show.output import Output
from cli.stella.supervise.credentials import issue as issue_token
from cli.stella.supervise.credentials import open_issuer, user_grant, write_token
from cli.stella.supervise.data_dir import DataDir, default_data
from cli.stella.values import DURATION
from libs.common.clock import now
from libs.common.names import TENANT
from libs.common.rpc.access import ROLES

MAX_LIFETIME = timedelta(days=3650)


@click.command()
@click.option("--tenant", required=True, metavar="NAME", help="Tenant that it is good for.")
@click.option("--role", required=True, type=click.Choice(list(ROLES)), help="What it may do.")
@click.option(
    "--subject", default="", metavar="NAME", help="Whom the audit names; default local:TENANT-ROLE."
)
@click.option(
    "--ttl", type=DURATION, default="30d", show_default=True, metavar="SPAN", help="How long it holds."
)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Data directory of `stella up`.")  # fmt: skip
@click.option("-o", "--output", "place", type=click.Path(path_type=Path), metavar="FILE",
              help="File to write; default DIR/tokens/TENANT-ROLE.token.")  # fmt: skip
@click.option("--print", "printed", is_flag=True, help="Write it to standard output, to no file.")
@spoken
def issue(
    output: Output,
    tenant: str,
    role: str,
    subject: str,
    ttl: timedelta,
    data: Path | None,
    place: Path | None,
    printed: bool,
) -> None:
    """Make a token for a tenant and a role.

    Examples:
      stella token issue --tenant demo --role viewer
      stella token issue --tenant other --role admin --ttl 12h --print
    """
    if not TENANT.fullmatch(tenant):
        raise wrong_usage(
            f"`{tenant}` is no name of a tenant.", "Use 1 to 63 lower-case letters, digits and hyphens."
        )
    if not timedelta() < ttl <= MAX_LIFETIME:
        raise wrong_usage("A token holds for more than nothing and at most ten years.", "Change --ttl.")
    root = DataDir((data or default_data(os.environ)).absolute())
    token = issue_token(open_issuer(root), user_grant(tenant, role, subject, ttl), now())
    if printed:
        sys.stdout.write(token + "\n")
        return
    path = place or root.user_token(f"{tenant}-{role}")
    write_token(path, token)
    output.good(f"The token is in {path}. Use it: --tenant {tenant} --token-file {path}")
