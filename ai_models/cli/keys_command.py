"""``amulet-ai keys create|list|revoke``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from ai_models.cli.command import GROUP_SETTINGS, VERBOSE, Group, declare, version
from ai_models.cli.options import PLACE
from ai_models.core.errors import ConfigError

SCOPES = ("predict", "explain", "metrics", "admin")

_file = click.option(
    "--keys-file", type=PLACE, envvar="AMULET_AI_KEYS_FILE", default="keys.json", show_default=True,
    help="File that holds the digests of the keys.  [env: AMULET_AI_KEYS_FILE]",
)  # fmt: skip


@click.group("keys", cls=Group, params=[VERBOSE], context_settings=GROUP_SETTINGS)
@version
def command(verbose: bool) -> None:
    """Make, list and revoke the API keys of the service.

    The file holds digests and never a key, so a key is shown once: when it is made. A running service sees a change
    within two seconds.
    """


@declare("create", example="amulet-ai keys create --name shop --scope predict --scope explain --expires 2030-01-31")
@click.option("--name", required=True, help="Whose key it is; stands in the audit trail.")
@click.option(
    "--scope", "scopes", type=click.Choice(SCOPES), multiple=True, default=("predict",), show_default=True,
    help="What it may be used for; may be given several times. admin is everything.",
)  # fmt: skip
@click.option(
    "--rate", type=click.IntRange(0, 10_000_000), default=0, help="Most images a minute; 0 for the service's."
)
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="First day (UTC) on which it is no longer known.")
@_file
def create(keys_file: Path, name: str, scopes: tuple[str, ...], rate: int, expires: datetime | None) -> None:
    """Make a key and print it, this once."""
    from ai_models.serving.admission.keys import Scope, create_key, read_keys, write_keys

    if expires is not None:
        expires = expires.replace(tzinfo=UTC)
        if expires <= datetime.now(UTC):
            raise ConfigError([f"--expires must be a day to come, got {expires:%Y-%m-%d}"])
    keys = read_keys(keys_file) if keys_file.exists() else ()
    text, key = create_key(keys, name, map(Scope, scopes), rate=rate, expires=expires)
    write_keys(keys_file, (*keys, key))
    click.echo(text)
    click.echo(f"this is the key of '{name}', shown only now; its digest is in {keys_file}", err=True)


@declare("list", example="amulet-ai keys list")
@_file
def listed(keys_file: Path) -> None:
    """Show the keys that there are: ID, name, scopes, rate, when made, when they end."""
    from ai_models.serving.admission.keys import read_keys

    now = datetime.now(UTC)
    for key in read_keys(keys_file):
        ends = "no end" if not key.expires else f"{'ended' if key.expired(now) else 'ends'} {key.expires[:10]}"
        rate = f"{key.rate} a minute" if key.rate else "usual rate"
        click.echo(f"{key.id}  {key.name}  {'+'.join(key.scopes)}  {rate}  made {key.created[:10]}  {ends}")


@declare("revoke", example="amulet-ai keys revoke shop")
@click.argument("which", metavar="NAME|ID")
@_file
def revoke(keys_file: Path, which: str) -> None:
    """Take a key away."""
    from ai_models.serving.admission.keys import read_keys, revoke_key, write_keys

    left, gone = revoke_key(read_keys(keys_file), which)
    write_keys(keys_file, left)
    click.echo(f"'{gone.name}' ({gone.id}) is revoked")


for _made in (create, listed, revoke):
    command.add_command(_made)
