"""Commands that hand evidence over and receive it: export, sign, verify, and the verifier for others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.opened_case import noticing
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Actor, JournalPath, Purpose
from audit_lab.errors import AuditLabError, IntegrityError, MisuseError

if TYPE_CHECKING:
    from audit_lab.seal.keys import PublicKey
    from audit_lab.seal.trust import Trust

__all__ = ["register"]

_BY_THE_CASE = "case"

Passphrase = Annotated[
    str | None, typer.Option("--passphrase", help="Where it comes from: prompt, env:NAME or fd:NUMBER.")
]

SigningKeyPlace = Annotated[
    str | None,
    typer.Option("--key", help="Your signing key: a file, env:NAME or agent:COMMENT; default: $AUDIT_LAB_KEY."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(export)
    app.command()(verify)
    app.command()(sign)
    app.command()(verifier)


def export(
    notebook: Annotated[
        str, typer.Argument(metavar="NOTEBOOK|CASE", help="The notebook that makes the case; or the case's folder.")
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the bundle, or the archive's own path.")] = "out",
    key: SigningKeyPlace = None,
    passphrase: Passphrase = None,
    demonstration: Annotated[
        bool, typer.Option("--demonstration-key", help="Sign with a key that anybody has: for trying things out.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle of the same name.")] = False,
    timestamp: Annotated[
        str | None, typer.Option("--timestamp", help="Have it time-stamped by the authority at this address.")
    ] = None,
    authorities: Annotated[
        list[str] | None,
        typer.Option("--timestamp-authority", help="PEM file of an authority that you accept; may be repeated."),
    ] = None,
    redaction: Annotated[
        str | None, typer.Option("--redaction", help="A profile: which columns are withheld; rows stay proven.")
    ] = None,
    include_models: Annotated[
        bool, typer.Option("--include-models", help="Put the models' artifacts in too, not only their digests.")
    ] = False,
    vault: Annotated[
        str | None, typer.Option("--vault", help="The log's vault, to prove rows of personal tables.")
    ] = None,
    known_checkpoint: Annotated[
        str | None,
        typer.Option("--known-checkpoint", help="A checkpoint that the reader has: the log is shown to grow from it."),
    ] = None,
    time_limit: Annotated[float, typer.Option("--time-limit", min=1, help="Seconds that one cell may take.")] = 600,
    own_folder: Annotated[
        bool,
        typer.Option("--own-folder", help="Run it where it stands, with the files beside it; the bundle says so."),
    ] = False,
    log: Annotated[
        str | None, typer.Option("--log", help="A log that it finds in the place of the one that it opens.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run a notebook from a clean kernel and export the case it makes, or a case's folder, as a signed evidence bundle.

    A case's folder is exported as it stands, without a notebook. A notebook runs in a clean folder too, where it finds
    the log that it opens by a relative path, and nothing else. The bundle holds the executed notebook, a page that
    needs neither network nor scripts, the exhibits, the rows they rest on, digests and the signature. A notebook that
    fails half-way exports nothing, and its failing cell is shown. Nor does an export that is stopped, or that finds a
    withheld value in what it would sign.
    """
    from audit_lab.evidence import Case, demonstration_key, export_notebook, signing_key
    from audit_lab.evidence.leaving import leaving_with
    from audit_lab.evidence.pdf import NO_PRINTER, pdf_printer

    path = Path(notebook)
    is_case = (path / "case.toml").is_file()
    if not is_case and not path.is_file():
        message = f"there is no notebook and no case {notebook}"
        raise MisuseError(message, "Give the path of an .ipynb file, or the folder of a case.")
    if is_case and (own_folder or log is not None):
        raise MisuseError("--own-folder and --log are for notebooks, and this is a case", "Leave them out.")
    stamping = _accepting(timestamp, authorities)
    trust = None
    if demonstration:
        made = demonstration_key(_folder_of(Path(out)) / "demonstration-key")
        chosen, trust = made.key, made.trust
    else:
        chosen = signing_key(key, passphrase)
    leaving: dict[str, Any] = {"redaction": redaction, "include_models": include_models}
    leaving |= {"vault": vault, "known_checkpoint": known_checkpoint}
    with output.bar() as progress, noticing():
        task = progress.add_task("starting", total=None)
        usual: dict[str, Any] = {
            "overwrite": overwrite,
            "progress": lambda what, count: progress.update(task, advance=count, description=what),
        }
        if is_case:
            bundle = Case.open(path).export(out, key=chosen, **leaving, **usual)
        else:
            place = None if log is None else _folder(log)
            known = leaving_with(**leaving)
            bundle = export_notebook(
                path,
                Path(out),
                key=chosen,
                timeout_s=time_limit,
                leaving=known,
                own_folder=own_folder,
                log=place,
                **usual,
            )
    if timestamp is not None:
        _stamped(bundle, timestamp, stamping, chosen.public)
    if as_json:
        output.print_json({"bundle": str(bundle), "signed_by": chosen.public.name, "trust": trust and str(trust)})
    else:
        output.line(f"{bundle}  ({bundle.stat().st_size / 1e6:.1f} MB), signed by {chosen.public.name}")
        output.line(f"Verify it: audit-lab verify {bundle}{_accepting_it(trust, key, chosen.public)}")
        if pdf_printer() is None:
            output.line(NO_PRINTER)
    return 0


def _accepting_it(trust: Path | None, key: str | None, signer: PublicKey) -> str:
    """Return what makes a verification accept a key: nothing where the user's own trust file does, else an option."""
    from audit_lab.evidence.keyring import KEY_VARIABLE, accepted_keys

    place = key or os.environ.get(KEY_VARIABLE, "")
    beside = trust or Path(place).with_name(f"{Path(place).stem}.trust.toml")
    if trust is None and accepted_keys().pinned(signer.key_id, "investigator"):
        return ""
    if beside.is_file():
        return f" --trust {beside}"
    return f" --trust TRUST-FILE; audit-lab keys trust {place} --out TRUST-FILE writes one"


def _accepting(timestamp: str | None, authorities: list[str] | None) -> Trust | None:
    """Return what accepts a time stamp, where one is asked for; before the notebook is run."""
    if timestamp is None:
        return None
    from audit_lab.evidence import accepted_keys
    from audit_lab.evidence.time_stamp import accepting

    accepted = accepting(accepted_keys(), authorities or [])
    if not accepted.authorities:
        raise MisuseError("no time-stamping authority is accepted here", "Give --timestamp-authority PEM-FILE too.")
    return accepted


def _stamped(bundle: Path, timestamp: str, accepted: Trust | None, signer: PublicKey) -> None:
    """Have a finished bundle stamped; it stands without a stamp where that fails."""
    from dataclasses import replace

    from audit_lab.evidence.time_stamp import stamp_bundle
    from audit_lab.seal.trust import ANY_ORIGIN, TrustedKey

    trust = accepted and replace(accepted, keys=(TrustedKey(signer, "investigator", ANY_ORIGIN),))
    try:
        stamp_bundle(bundle, authority=timestamp, trust=trust)
    except AuditLabError as error:
        message = f"{bundle} was exported and has no time stamp: {error.message}"
        next_step = f"{error.next_step}. Then: audit-lab timestamp {bundle} --authority URL"
        raise AuditLabError(message, next_step) from error


def _folder(log: str) -> Path:
    if not Path(log).is_dir():
        raise MisuseError(f"there is no log folder {log}", "Give the folder of a log.")
    return Path(log)


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
    require_sign_offs: Annotated[
        list[str] | None,
        typer.Option(
            "--require-sign-off",
            help="Fail unless somebody signed the bundle as this: reviewed, approved; or case: as its case asks.",
        ),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--do-not-remember", help="Neither use nor keep the checkpoint that was verified last.")
    ] = False,
    known_checkpoint: Annotated[
        str | None,
        typer.Option("--known-checkpoint", help="A checkpoint of a bundle's log that you have: an older one is STALE."),
    ] = None,
    signed_since: Annotated[
        str | None,
        typer.Option("--signed-since", help="A bundle that states an earlier signature than this time is STALE."),
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Run a bundle's notebook again, and compare every output; needs --log.")
    ] = False,
    log_path: Annotated[
        str | None, typer.Option("--log", help="For --rerun: the folder of the log that the case is about.")
    ] = None,
    foreign_code: Annotated[
        bool,
        typer.Option("--run-foreign-code", help="For --rerun: let cells that a person wrote run, behind walls."),
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            min=0,
            help="For --rerun: how far two numbers may lie apart.",
            show_default="what the log declared when it was begun",
        ),
    ] = None,
    environment: Annotated[
        str,
        typer.Option("--environment", help="For --rerun: present, or recorded: what the bundle records, made again."),
    ] = "present",
    wheels: Annotated[
        str | None,
        typer.Option("--wheels", help="For --environment recorded: a folder of wheels, instead of a registry."),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", help="For --environment recorded: a package to do without; may be repeated."),
    ] = None,
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
    from audit_lab.evidence.verification import refuse_rerun_options

    options: dict[str, Any] = {
        "require_anchor": require_anchor,
        "require_sign_offs": _required(require_sign_offs),
        "vault": vault,
        "witnesses": [Path(each) for each in witness or []],
        "authorities": [Path(each) for each in authorities or []],
        "rows": not no_rows,
        "remembered": not forget,
    }
    age: dict[str, Any] = {"known_checkpoint": known_checkpoint, "signed_since": signed_since}
    again: dict[str, Any] = {"rerun": rerun, "log": log_path, "run_foreign_code": foreign_code, "tolerance": tolerance}
    again |= {"environment": environment, "wheels": wheels, "leave_out": tuple(leave_out or ())}
    try:
        with output.checking(path) as progress:
            if actor is None and purpose is None and journal is None:
                report = al.verify(path, trust, progress=progress, **options, **age, **again)
            else:
                if rerun:
                    raise MisuseError("--rerun is for bundles, which keep no journal", "Leave --actor out.")
                refuse_rerun_options(again)
                if options.pop("require_sign_offs") is not None:
                    raise MisuseError("--require-sign-off is for bundles, which keep no journal", "Leave --actor out.")
                if any(age.values()):
                    what = "--known-checkpoint and --signed-since are for bundles, which keep no journal"
                    raise MisuseError(what, "Leave --actor out.")
                log = al.open(path, actor=actor, purpose=purpose, journal=journal)
                report = log.verify(trust, progress=progress, **options)
    except IntegrityError as error:
        if not as_json:
            raise
        with output.for_whoever_reads():
            output.print_json(error.report.to_dict())
        return error.exit_code
    if as_json:
        output.print_json(report.to_dict())
    else:
        output.show_verification(report)
    return 0


def _required(named: list[str] | None) -> tuple[str, ...] | None:
    """Return the meanings that must be there; none at all for those that the case asks for."""
    if named and _BY_THE_CASE in named:
        if len(named) > 1:
            raise MisuseError(f"--require-sign-off {_BY_THE_CASE} stands alone", "Leave the other ones out.")
        return ()
    return tuple(named) if named else None


def sign(
    bundle: Annotated[str, typer.Argument(help="The bundle that you read: an archive or a folder.")],
    name: Annotated[str, typer.Option("--name", help="Your name as readers know it.")],
    meaning: Annotated[str, typer.Option("--meaning", help="authored, reviewed, approved or rejected.")],
    role: Annotated[
        str | None, typer.Option("--role", help="investigator, reviewer or approver; default: by the meaning.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; a rejection must say it.")] = "",
    case: Annotated[
        str | None, typer.Option("--case", help="The case's folder, whose custody record gets a line about it.")
    ] = None,
    key: SigningKeyPlace = None,
    passphrase: Passphrase = None,
    trust: Annotated[
        list[str] | None, typer.Option("--trust", help="Trust file: the keys that you accept; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Sign a bundle off: that you reviewed, approved or rejected it, and why.

    The bundle is verified first: nobody signs what does not hold. Your signature is about every file in it, and void as
    soon as one changes. Whoever made a bundle cannot approve it, unless its case does without a second person.
    """
    from dataclasses import asdict

    from audit_lab.evidence import Case, sign_off, signing_key

    said: dict[str, Any] = {"printed_name": name, "role": role, "meaning": meaning, "reason": reason}
    said |= {"key": signing_key(key, passphrase), "trust": trust}
    with output.checking(bundle):
        if case is None:
            stated = sign_off(bundle, **said)
        else:
            stated = Case.open(case, actor=name, purpose=f"sign off: {meaning}").sign_off(bundle, **said)
    if as_json:
        output.print_json(asdict(stated))
    else:
        output.line(f"{bundle}: {stated.sentence()}")
    return 0


def verifier(
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="The file to write.", show_default="audit-lab-verify.pyz")
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Write the page that checks a bundle in a browser instead.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Write the verifier as one file, for those who receive evidence and have nothing of ours.

    It needs Python 3.11 or newer and the package cryptography, and no network. Hand it over apart from any bundle, and
    let its SHA-256 be compared with the one that you publish: the same release writes the same bytes everywhere. The
    page needs a browser only, is the same as in each bundle, and says which checks it leaves to the verifier.
    """
    from audit_lab.evidence.one_file import write_verifier
    from audit_lab.evidence.verify_page import write_page

    path = out or ("verify.html" if page else "audit-lab-verify.pyz")
    digest = write_page(Path(path)) if page else write_verifier(Path(path))
    if as_json:
        output.print_json({"page" if page else "verifier": path, "sha256": digest})
    else:
        use = "open it in a browser, and drop the bundle on it" if page else f"python3 {path} BUNDLE --trust TRUST-FILE"
        output.line(f"{path}: {use}")
        output.line(f"SHA-256 {digest}")
    return 0
