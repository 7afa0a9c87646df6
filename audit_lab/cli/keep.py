"""Commands of whoever keeps a sealed log: seal, compact, erase, hold and release."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.log.keys.vault import Vault

__all__ = ["VaultPath", "register"]

LogFolder = Annotated[str, typer.Argument(help="The log's folder.")]
VaultPath = Annotated[
    str | None, typer.Option("--vault", help="Folder with the log's keys.", show_default="in your state folder")
]
Passphrase = Annotated[
    str | None, typer.Option("--passphrase", help="Where that of the vault comes from: prompt, env:NAME or fd:NUMBER.")
]
Actor = Annotated[str, typer.Option("--actor", help="Who does it; stands in the log for good.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; stands in the log for good, so name no person in it.")]
Subjects = Annotated[list[str] | None, typer.Option("--subject", help="A pseudonym of subject_id; may be repeated.")]
Predictions = Annotated[list[str] | None, typer.Option("--prediction", help="A prediction's id; may be repeated.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (seal, compact, erase, reapply_erasures, hold, release):
        app.command()(command)


def seal(
    log: LogFolder,
    actor: Annotated[str, typer.Option("--actor", help="Who seals it; stands in the log's notes for good.")],
    origin: Annotated[
        str | None, typer.Option("--origin", help="The log's name from now on.", show_default="its manifest's")
    ] = None,
    vault: VaultPath = None,
    key: Annotated[
        str | None,
        typer.Option("--key", help="Begin the log with this key, which bears the log's name: a file or env:NAME."),
    ] = None,
    passphrase: Passphrase = None,
    trust: Annotated[
        str | None, typer.Option("--trust", help="Write a trust file here that accepts the log's key.")
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option("--mapping", "-m", help="The mapping, for files of another system; with --into."),
    ] = None,
    into: Annotated[str | None, typer.Option("--into", help="The new log's folder, where a mapping is given.")] = None,
    as_json: AsJson = False,
) -> int:
    """Seal a log that was never sealed, where it lies: from here on every change to it can be found.

    Its files stay as they are, byte for byte. The keys go to a vault outside the log; hand the trust file to those who
    will verify, by another way than the log. With --mapping and --into, the rows of another system's files are taken
    over into a new, sealed log; those files are only read.

    A key that you give, and could hand out beforehand, is copied into the vault and is the log's for the first day; the
    same passphrase opens it. Destroy it elsewhere then. An agent gives no key away, so that none of its can be one.
    """
    import audit_lab as al

    if (mapping is None) != (into is None):
        raise MisuseError("one of --mapping and --into is missing", "Give both for the files of another system.")
    if mapping is not None and into is not None:
        kept = vault if key is None else _vault_of(key, origin, vault, passphrase, Path(into))
        return _seal_foreign(log, mapping, into, actor, origin, kept, passphrase, trust, as_json=as_json)
    own = _path(vault) if key is None else _vault_of(key, origin or _origin(Path(log)), vault, passphrase, Path(log))
    with output.bar() as progress:
        task = progress.add_task("sealing", total=None)
        done = al.seal_log(
            Path(log),
            actor=actor,
            origin=origin,
            vault=own,
            passphrase=passphrase,
            progress=lambda path, count, total: progress.update(task, completed=count, total=total, description=path),
        )
    line = _hand_out(Path(log), trust)
    if as_json:
        output.print_json(
            {"log": log, "origin": done.origin, "size": done.size, "key": line, "trust": trust, **_rest(done)}
        )
        return 0
    output.line(str(done))
    output.line(f"Its key, for those who verify: {line}")
    if trust is not None:
        output.line(f"{trust}: hand it to them; they use audit-lab verify {log} --trust {trust}")
    return 0


def _seal_foreign(
    folder: str,
    mapping: str,
    into: str,
    actor: str,
    origin: str | None,
    vault: Vault | str | None,
    passphrase: str | None,
    trust: str | None,
    *,
    as_json: bool,
) -> int:
    import audit_lab as al

    with output.bar() as progress:
        task = progress.add_task("sealing", total=None)
        done = al.seal_foreign(
            folder,
            mapping,
            into,
            actor=actor,
            origin=origin,
            vault=vault,
            passphrase=passphrase,
            progress=lambda table, count, total: progress.update(task, completed=count, total=total, description=table),
        )
    line = _hand_out(Path(into), trust)
    report = done.report.to_dict()
    if as_json:
        made = {"log": into, "origin": done.origin, "sealed_at": done.sealed_at, "source": done.source}
        output.print_json({**made, "rows": done.rows, "key": line, "trust": trust, "report": report})
        return 0
    output.line(f"{into}: the log {done.origin}, sealed from {done.sealed_at} on; nothing is known of changes before.")
    output.table(("table", "rows"), [(table, f"{rows:,}") for table, rows in sorted(done.rows.items())])
    output.line(f"{done.report.rows_quarantined:,} of {done.report.rows_read:,} rows could not be taken over.")
    output.line(f"Its key, for those who verify: {line}")
    return 0


def _origin(log: Path) -> str:
    from audit_lab.log.manifest import read_manifest

    return read_manifest(log).origin


def _vault_of(key: str, origin: str | None, vault: str | None, passphrase: str | None, log: Path) -> Vault:
    """Make the vault of a log that is begun with a key which is there already."""
    from audit_lab.log.keys.vault import Vault
    from audit_lab.seal.key_file import chosen_passphrase
    from audit_lab.seal.key_source import open_key

    secret = chosen_passphrase(passphrase)
    chosen = open_key(key, secret)
    if chosen.name != (origin or chosen.name):
        raise MisuseError(
            f"The key is named {chosen.name!r}, and the log {origin!r}: the key of a log bears its name",
            f"Make one with audit-lab keys new {origin}, or name the log by --origin {chosen.name}.",
        )
    made = Vault.create(chosen.name, _path(vault), passphrase=secret, log=log, key=chosen)
    if made.first_key().public != chosen.public:
        raise MisuseError(
            f"The vault {made.folder} has another key already", "Name another --vault, or leave --key out."
        )
    return made


def _rest(done: Any) -> dict[str, Any]:
    return {"sealed_at": done.sealed_at, "files": done.files, "rows": done.rows, "source": done.source}


def _hand_out(log: Path, trust: str | None) -> str:
    """Return the line of a log's first key; write a trust file that accepts it where one is asked for."""
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.log.tree.genesis import genesis_of
    from audit_lab.seal.trust import TrustedKey, format_trust

    key = genesis_of(log).log_key
    if trust is not None:
        write_bytes(Path(trust), format_trust([TrustedKey(key, "log", key.name)]).encode())
    return str(key)


def compact(
    log: LogFolder,
    dispose_days: Annotated[
        int | None, typer.Option("--dispose-after", min=0, help="Remove files replaced at least so many days ago.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Who removes them; goes with --dispose-after.")] = None,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Merge the small files of a sealed log into larger ones.

    What a checkpoint proves, and the place of every row, stay as they were.
    """
    from audit_lab.face import keeping

    if (dispose_days is None) != (actor is None):
        raise MisuseError("--dispose-after and --actor belong together", "Give both, or neither.")
    removed: tuple[str, ...] = ()
    with output.waiting("compact", passphrase):
        merged = keeping.compact(log, vault=vault, passphrase=passphrase)
        if dispose_days is not None and actor is not None:
            age = timedelta(days=dispose_days)
            removed = keeping.dispose(log, actor=actor, older_than=age, vault=vault, passphrase=passphrase)
    if as_json:
        made = [
            {"table": each.table, "file": each.file, "rows": each.rows, "replaces": each.replaces} for each in merged
        ]
        output.print_json({"merged": made, "removed": removed})
        return 0
    output.table(
        ("table", "new file", "rows", "in place of"),
        [(each.table, each.file, f"{each.rows:,}", f"{len(each.replaces)} files") for each in merged],
    )
    output.line(f"{len(merged)} files made; {len(removed)} replaced files removed.")
    return 0


def erase(
    log: LogFolder,
    actor: Actor,
    reason: Reason,
    subject: Annotated[str | None, typer.Option("--subject", help="Whose rows: a pseudonym of subject_id.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Or the customer number; needs --key.")] = None,
    predictions: Predictions = None,
    fields: Annotated[
        list[str] | None, typer.Option("--field", help="Only TABLE.COLUMN, like predictions.outputs; may be repeated.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="File of the pseudonym key; default: $AUDIT_LAB_PSEUDONYM_KEY.")
    ] = None,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Erase what a sealed log holds of a person, so that nobody can get it back or guess it; the log stays provable.

    Erased are all columns that speak of the person, in all personal tables, unless --field names others. A legal hold
    forbids it.
    """
    import audit_lab as al

    with output.waiting("erase", passphrase):
        done = al.erase(
            log,
            actor=actor,
            reason=reason,
            subject=subject,
            customer=customer,
            predictions=predictions or (),
            fields=_fields(fields or []),
            key=key,
            vault=vault,
            passphrase=passphrase,
        )
    if as_json:
        output.print_json({"erased": done.rows, "size": done.size, "remaining": list(done.remaining)})
        return 0
    output.table(("table", "rows erased"), [(table, f"{rows:,}") for table, rows in done.rows.items()])
    if done.remaining:
        output.title("What could not be erased")
        output.lines(done.remaining)
    return 0


def _fields(named: list[str]) -> dict[str, list[str]] | None:
    if not named:
        return None
    fields: dict[str, list[str]] = {}
    for each in named:
        table, found, column = each.rpartition(".")
        if not (found and table and column):
            raise MisuseError(f"--field is {each!r}", "Write it as TABLE.COLUMN, like predictions.outputs.")
        fields.setdefault(table, []).append(column)
    return fields


def reapply_erasures(
    log: LogFolder, vault: VaultPath = None, passphrase: Passphrase = None, as_json: AsJson = False
) -> int:
    """Destroy the keys of all erased rows again, after the vault was restored from a backup."""
    import audit_lab as al

    with output.waiting("reapply erasures", passphrase):
        destroyed = al.reapply_erasures(log, vault=vault, passphrase=passphrase)
    if as_json:
        output.print_json({"destroyed": destroyed})
        return 0
    output.line(f"{destroyed:,} row keys of erased rows were destroyed again.")
    return 0


def hold(
    log: LogFolder,
    name: Annotated[str, typer.Argument(help="What the hold is called, like the number of a lawsuit.")],
    actor: Actor,
    reason: Reason,
    subjects: Subjects = None,
    predictions: Predictions = None,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Forbid every erasure of some subjects and predictions, until the hold is released.

    In the log they stand as keyed digests: a copy of it does not tell whom the hold is about.
    """
    import audit_lab as al

    al.hold(
        log,
        name,
        actor=actor,
        reason=reason,
        subjects=subjects or (),
        predictions=predictions or (),
        vault=vault,
        passphrase=passphrase,
    )
    return _said(f"The hold {name} is in force.", {"hold": name, "in_force": True}, as_json=as_json)


def release(
    log: LogFolder,
    name: Annotated[str, typer.Argument(help="What the hold is called.")],
    actor: Actor,
    reason: Reason,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """End a hold: what it was about can be erased again."""
    import audit_lab as al

    al.release(log, name, actor=actor, reason=reason, vault=vault, passphrase=passphrase)
    return _said(f"The hold {name} is released.", {"hold": name, "in_force": False}, as_json=as_json)


def _said(sentence: str, document: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        output.print_json(document)
    else:
        output.line(sentence)
    return 0


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text).expanduser()
