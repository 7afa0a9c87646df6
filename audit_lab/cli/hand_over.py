"""Commands that hand evidence over and receive it: export, verify and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.errors import IntegrityError, MisuseError

__all__ = ["register"]

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
    path: Annotated[str, typer.Argument(help="A log's folder, or a bundle.")],
    trust: Annotated[str | None, typer.Option("--trust", help="Trust file: the keys that you accept.")] = None,
    require_anchor: Annotated[
        bool, typer.Option("--require-anchor", help="Fail unless something outside the signer's reach dates it.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check a log, or an evidence bundle, and say what was checked and what was not.

    A bundle is checked before anything of it is extracted: its shape, the signature against the keys that you accept,
    every file against its digest, tables and pages against their sources. Exits 1 with every finding when it fails.
    """
    from audit_lab.evidence.verification import verify as verify_path

    try:
        report = verify_path(path, trust, require_anchor=require_anchor)
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
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Make a signing key, encrypted with a passphrase, and a trust file that accepts it.

    Hand the trust file to whoever will verify your bundles, by another way than the bundles themselves.
    """
    from audit_lab.evidence.keyring import chosen_passphrase
    from audit_lab.log.write import write_bytes
    from audit_lab.seal.key_file import write_key
    from audit_lab.seal.keys import SigningKey
    from audit_lab.seal.trust import ANY_ORIGIN, TrustedKey, format_trust

    key = SigningKey.generate(name)
    path = write_key(Path(out), key, chosen_passphrase(passphrase))
    trust = Path(out) / f"{name}.trust.toml"
    write_bytes(trust, format_trust([TrustedKey(key.public, "investigator", ANY_ORIGIN)]).encode())
    if as_json:
        output.print_json({"key": str(path), "trust": str(trust), "name": name, "key_id": key.public.key_id})
        return 0
    output.line(f"{path}: keep it; sign with audit-lab export NOTEBOOK --key {path}")
    output.line(f"{trust}: hand it to those who verify; they use audit-lab verify BUNDLE --trust {trust}")
    return 0
