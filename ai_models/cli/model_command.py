"""``amulet-ai model keygen|sign|verify|trust|pictures``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ai_models.cli.command import GROUP_SETTINGS, VERBOSE, Group, declare, version
from ai_models.cli.options import PLACE
from ai_models.cli.trusting import trust_options

if TYPE_CHECKING:
    from ai_models.artifacts import Trust

_PASSPHRASE = "AMULET_AI_KEY_PASSPHRASE"
_passphrase = click.option(
    "--passphrase", is_flag=True, help=f"Ask for the passphrase of the key; {_PASSPHRASE} may hold it instead."
)


@click.group("model", cls=Group, params=[VERBOSE], context_settings=GROUP_SETTINGS)
@version
def command(verbose: bool) -> None:
    """Vouch for a model: sign it, check it, or say that you trust it.

    A model is opened when you trained it here, when a key that you trust signed it, or when you said that you trust
    it; a model can run code.
    """


def _asked(passphrase: bool, *, confirm: bool = False) -> str:
    import os

    if not passphrase:
        return os.environ.get(_PASSPHRASE, "")
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))


@declare("keygen", example="amulet-ai model keygen --output my-key.pem")
@click.option("--output", type=PLACE, required=True, help="New file of the private key; the public one goes beside it.")
@click.option(
    "--algorithm",
    type=click.Choice(["ed25519", "ecdsa"]),
    default="ed25519",
    show_default=True,
    help="ecdsa (on P-256) is what the public model_signing program reads.",
)
@_passphrase
def keygen(output: Path, algorithm: str, passphrase: bool) -> None:
    """Make a pair of keys.

    Keep the private key to yourself: whoever has it signs as you. Give the public one, .pub.pem, to those who use your
    models. No file is ever replaced.
    """
    from ai_models.artifacts.keys import make_key

    key, public = make_key(algorithm, output, _asked(passphrase, confirm=True))
    click.echo(f"private   {output}  (only you can read it)")
    click.echo(f"public    {public}")
    click.echo(f"key       {key.public.key_id}")


@declare("sign", example="amulet-ai model sign saved_models/mine --key my-key.pem")
@click.argument("model_dir", type=PLACE)
@click.option("--key", type=PLACE, required=True, help="The private key.")
@click.option("--name", default="", help="What to call the model; versions count by it.  [default: the folder's name]")
@click.option(
    "--model-version",
    type=click.IntRange(min=0),
    default=0,
    help="Version of the model.  [default: one more than what this key signed here under this name]",
)
@_passphrase
@trust_options
def sign(model_dir: Path, *, key: Path, name: str, model_version: int, passphrase: bool, trust: Trust) -> None:
    """Sign a model directory.

    Writes model.sig, and the version of the model into bundle.json. Every file that bundle.json lists is covered;
    folders that other stages keep beside the model are not.
    """
    from ai_models.artifacts.keys import read_private_key
    from ai_models.artifacts.signing import sign_bundle

    done = sign_bundle(
        model_dir, read_private_key(key, _asked(passphrase)), name=name, version=model_version, trust=trust
    )
    click.echo(f"signed    {model_dir / 'model.sig'}")
    click.echo(f"name      {done.name}, version {done.version}")
    click.echo(f"key       {done.key_id}")


@declare("verify", example="amulet-ai model verify saved_models/theirs --trusted-key theirs.pub.pem")
@click.argument("model_dir", type=PLACE)
@trust_options
def verify(model_dir: Path, trust: Trust) -> None:
    """Check a model directory, opening nothing.

    Says who vouches for it and compares every file; exit status 2 when it would be refused.
    """
    from ai_models.artifacts import check_bundle

    checked = check_bundle(model_dir, trust=trust)
    size = sum(entry["bytes"] for entry in checked.bundle["files"].values())
    click.echo(f"{model_dir}: {checked.standing}")
    click.echo(f"files     {len(checked.bundle['files'])}, {size / 1e6:.1f} MB, each as it was written")
    click.echo(f"version   {checked.standing.version}, format {checked.bundle['format']}")
    click.echo(f"digest    {checked.digest}")


@declare(
    "trust",
    example="amulet-ai model trust theirs.pub.pem\namulet-ai model trust saved_models/copied-from-my-other-machine",
)
@click.argument("path", type=PLACE, metavar="KEY.pub.pem|MODEL_DIR")
@click.option(
    "--class",
    "names",
    multiple=True,
    metavar="MODULE:NAME",
    help="A class of your own that the model is made of; may be repeated.",
)
def trust(path: Path, names: tuple[str, ...]) -> None:
    """Say that you trust a key or a model.

    A public key: models that it signed are opened. A model directory: it is opened as it is now, to the last bit.
    Kept in your own settings (AMULET_AI_TRUST_DIR names another folder), never in the model.
    """
    from ai_models.artifacts.signing import trust_bundle, trust_key

    if path.is_dir():
        click.echo(f"trusted   {path} ({trust_bundle(path, names)})")
        return
    if names:
        raise click.UsageError("--class goes with a model directory, not with a key.")
    key, place = trust_key(path)
    click.echo(f"trusted   key {key.key_id}")
    click.echo(f"kept in   {place}")


@declare("pictures", example="amulet-ai model pictures saved_models/mine")
@click.argument("model_dir", type=PLACE, metavar="MODEL_DIR")
@click.option(
    "--side", type=click.IntRange(32, 512), default=160, show_default=True, help="Pixels of a picture's longer side."
)
@click.option("--remove", is_flag=True, help="Take the pictures out again.")
def pictures(model_dir: Path, side: int, remove: bool) -> None:
    """Keep small pictures of the training photographs in a model, for the service to show the nearest ones.

    Without them a model holds no picture of yours. Whoever has the model, or may ask the service to explain, sees them.
    """
    from ai_models.serving.pictures import drop_pictures, keep_pictures

    if remove:
        signed = drop_pictures(model_dir)
        click.echo(f"removed   the pictures of {model_dir}")
    else:
        kept = keep_pictures(model_dir, side)
        signed = kept.signed
        click.echo(f"kept      {kept.pictures} of {kept.of} training photographs ({kept.bytes / 1e6:.1f} MB)")
    if signed:
        click.echo("the model was signed: sign it again (amulet-ai model sign)")


for _made in (keygen, sign, verify, trust, pictures):
    command.add_command(_made)
