"""Commands that hand evidence over and receive it: export, verify and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Actor, JournalPath, Purpose
from audit_lab.errors import IntegrityError, MisuseError

__all__ = ["register"]

_WITNESS, _PSEUDONYM = "witness", "pseudonym"
#: Kind of key to how it is used, and how what it signed is verified.
_TRUSTED = {
    "investigator": ("sign with audit-lab export NOTEBOOK", "audit-lab verify BUNDLE"),
    _WITNESS: ("cosign with audit-lab witness LOG --out FILE", "audit-lab verify LOG --witness FILE"),
}

Passphrase = Annotated[
    str | None, typer.Option("--passphrase", help="Where it comes from: prompt, env:NAME or fd:NUMBER.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(export)
    app.command()(verify)
    app.command()(keys)


def export(
    notebook: Annotated[str, typer.Argument(help="The notebook that makes the case.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the bundle, or the archive's own path.")] = "out",
    key: Annotated[str | None, typer.Option("--key", help="Your signing key; default: $AUDIT_LAB_KEY.")] = None,
    passphrase: Passphrase = None,
    demonstration: Annotated[
        bool, typer.Option("--demonstration-key", help="Sign with a key that anybody has: for trying things out.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle of the same name.")] = False,
    time_limit: Annotated[float, typer.Option("--time-limit", min=1, help="Seconds that one cell may take.")] = 600,
    as_json: AsJson = False,
) -> int:
    """Run a notebook from a clean kernel and export the case it makes as a signed evidence bundle.

    The bundle holds the executed notebook, a page that needs neither network nor scripts, the exhibits, the rows they
    rest on, digests and the signature. A notebook that fails half-way exports nothing, and its failing cell is shown.
    """
    from audit_lab.evidence import demonstration_key, export_notebook, signing_key

    path = Path(notebook)
    if not path.is_file():
        raise MisuseError(f"there is no notebook {notebook}", "Give the path of an .ipynb file.")
    trust = None
    if demonstration:
        made = demonstration_key(_folder_of(Path(out)) / "demonstration-key")
        chosen, trust = made.key, made.trust
    else:
        chosen = signing_key(key, passphrase)
    bundle = export_notebook(path, Path(out), key=chosen, timeout_s=time_limit, overwrite=overwrite)
    if as_json:
        output.print_json({"bundle": str(bundle), "signed_by": chosen.public.name, "trust": trust and str(trust)})
    else:
        output.line(f"{bundle}  ({bundle.stat().st_size / 1e6:.1f} MB), signed by {chosen.public.name}")
        accept = f" --trust {trust}" if trust else ""
        output.line(f"Verify it: audit-lab verify {bundle}{accept}")
    return 0


def _folder_of(out: Path) -> Path:
    return out.parent if out.suffix == ".zip" else out


def verify(
    path: Annotated[str, typer.Argument(help="A log, a bundle, or the proof of a record.")],
    trust: Annotated[
        list[str] | None, typer.Option("--trust", help="Trust file: the keys that you accept; may be repeated.")
    ] = None,
    require_anchor: Annotated[
        bool, typer.Option("--require-anchor", help="Fail unless something outside the signer's reach dates it.")
    ] = False,
    vault: Annotated[
        str | None, typer.Option("--vault", help="The log's vault, to check the rows of personal tables too.")
    ] = None,
    witness: Annotated[
        list[str] | None, typer.Option("--witness", help="A checkpoint that a witness cosigned; may be repeated.")
    ] = None,
    authorities: Annotated[
        list[str] | None,
        typer.Option("--timestamp-authority", help="PEM file of an authority that you accept; may be repeated."),
    ] = None,
    no_rows: Annotated[
        bool, typer.Option("--no-rows", help="Check a log's files by their digests only: faster, and says so.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--do-not-remember", help="Neither use nor keep the checkpoint that was verified last.")
    ] = False,
    actor: Actor = None,
    purpose: Purpose = None,
    journal: JournalPath = None,
    as_json: AsJson = False,
) -> int:
    """Check a log, an evidence bundle or the proof of a record, and say what was checked and what was not.

    A log is checked from its signed checkpoint down to every row, and against what was verified before; a bundle before
    anything of it is extracted. Exits 1 with every finding when it fails.
    """
    import audit_lab as al

    options: dict[str, Any] = {
        "require_anchor": require_anchor,
        "vault": vault,
        "witnesses": [Path(each) for each in witness or []],
        "authorities": [Path(each) for each in authorities or []],
        "rows": not no_rows,
        "remembered": not forget,
    }
    try:
        with output.checking(path) as progress:
            if actor is None and purpose is None and journal is None:
                report = al.verify(path, trust, progress=progress, **options)
            else:
                log = al.open(path, actor=actor, purpose=purpose, journal=journal)
                report = log.verify(trust, progress=progress, **options)
    except IntegrityError as error:
        if not as_json:
            raise
        output.print_json(error.report.to_dict())
        return error.exit_code
    if as_json:
        output.print_json(report.to_dict())
    else:
        output.show_verification(report)
    return 0


def keys(
    name: Annotated[str, typer.Argument(help="Whose key it is, for example jane-doe.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the key file and the line to pin.")],
    kind: Annotated[str, typer.Option("--kind", help="investigator, witness or pseudonym.")] = "investigator",
    normalise: Annotated[
        str | None,
        typer.Option("--normalise", help="For pseudonyms: what is done to a number first: trim, upper, digits, nfc."),
    ] = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Make a key: an investigator's, a witness's, or one that turns customer numbers into pseudonyms.

    The first two are encrypted with a passphrase, and a trust file that accepts them stands beside. Hand the trust file
    to whoever will verify, by another way than what you sign. A pseudonym key is a file that only you can read.
    """
    if kind not in {*_TRUSTED, _PSEUDONYM}:
        raise MisuseError(f"there is no kind of key {kind!r}", "Choose investigator, witness or pseudonym.")
    if passphrase is not None and kind == _PSEUDONYM:
        raise MisuseError("a pseudonym key has no passphrase", "Leave --passphrase out.")
    if normalise is not None and kind != _PSEUDONYM:
        raise MisuseError("--normalise is for pseudonym keys", "Leave it out, or add --kind pseudonym.")
    if kind == _PSEUDONYM:
        document, lines = _pseudonym_key(name, Path(out), normalise)
    else:
        document, lines = _signing_key(name, Path(out), kind, passphrase)
    if as_json:
        output.print_json(document)
    else:
        output.lines(lines, bullet="")
    return 0


def _signing_key(name: str, out: Path, kind: str, passphrase: str | None) -> tuple[dict[str, str], list[str]]:
    from audit_lab.evidence.keyring import chosen_passphrase
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.seal.key_file import write_key
    from audit_lab.seal.keys import SigningKey
    from audit_lab.seal.trust import ANY_ORIGIN, TrustedKey, format_trust

    key = SigningKey.generate(name)
    path = write_key(out, key, chosen_passphrase(passphrase))
    trust = out / f"{name.replace('/', '_')}.trust.toml"
    public = key.cosigner if kind == _WITNESS else key.public
    write_bytes(trust, format_trust([TrustedKey(public, kind, ANY_ORIGIN)]).encode())
    using, verifying = _TRUSTED[kind]
    document = {"key": str(path), "trust": str(trust), "name": name, "key_id": public.key_id}
    return document, [
        f"{path}: keep it; {using} --key {path}",
        f"{trust}: hand it to those who verify; they use {verifying} --trust {trust}",
    ]


def _pseudonym_key(name: str, out: Path, normalise: str | None) -> tuple[dict[str, str], list[str]]:
    from audit_lab.log.keys.pseudonym import PSEUDONYM_KEY_VARIABLE, PseudonymKey

    rules = tuple(rule.strip() for rule in normalise.split(",")) if normalise else ()
    path = PseudonymKey.generate(name, rules).write(out)
    return {"key": str(path), "name": name}, [
        f"{path}: keep it secret, and keep it: without it no customer is found in the log again.",
        f"Use it: audit-lab letter --customer NUMBER --key {path}, or set {PSEUDONYM_KEY_VARIABLE}.",
    ]
