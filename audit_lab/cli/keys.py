"""Commands about keys: make one, look at one, hand it out, put a new one in its place, accept that, revoke one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.hand_over import Passphrase
from audit_lab.cli.output import AsJson
from audit_lab.errors import MisuseError

__all__ = ["register"]

_WITNESS, _PSEUDONYM = "witness", "pseudonym"
#: Kind of key to how it is used, and how what it signed is verified.
_TRUSTED = {
    "investigator": ("sign with audit-lab export NOTEBOOK", "audit-lab verify BUNDLE"),
    "sign-off": ("sign off with audit-lab sign BUNDLE", "audit-lab verify BUNDLE"),
    _WITNESS: ("cosign with audit-lab witness LOG --out FILE", "audit-lab verify LOG --witness FILE"),
}
_LARGEST_ROTATION_BYTES = 65_536
#: Columns about a key that are left out where no key has something in them.
_SELDOM = ("person", "signs as", "valid until")
_NOTHING = dict.fromkeys(("role", "log", "person", "signs_as", "valid_until", "revoked_from"))

TrustFile = Annotated[str, typer.Argument(help="Your trust file.")]
Person = Annotated[
    str | None, typer.Option("--person", help="Who holds it: a sign-off must then print this name, and no other.")
]
Roles = Annotated[
    list[str] | None,
    typer.Option("--role", help="For sign-offs: the role its holder may sign in: reviewer, approver; may be repeated."),
]
ValidUntil = Annotated[
    datetime | None,
    typer.Option("--valid-until", help="Until when it is accepted, UTC; what is signed later is refused."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Make, show, hand out, rotate, accept and revoke keys.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
    )
    for command in (new, show, trust, rotate, accept, revoke):
        group.command()(command)
    app.add_typer(group, name="keys")


def new(
    name: Annotated[str, typer.Argument(help="Whose key it is, for example jane-doe.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the key file and the line to pin.")],
    kind: Annotated[str, typer.Option("--kind", help="investigator, sign-off, witness or pseudonym.")] = "investigator",
    normalise: Annotated[
        str | None,
        typer.Option("--normalise", help="For pseudonyms: what is done to a number first: trim, upper, digits, nfc."),
    ] = None,
    person: Person = None,
    roles: Roles = None,
    valid_until: ValidUntil = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Make a key: an investigator's, a reviewer's, a witness's, or one that turns customer numbers into pseudonyms.

    All but the last are encrypted with a passphrase, and a trust file that accepts them stands beside. Hand the trust
    file to whoever will verify, by another way than what you sign. A pseudonym key is a file that only you can read.
    """
    if kind not in {*_TRUSTED, _PSEUDONYM}:
        raise MisuseError(f"there is no kind of key {kind!r}", "Choose investigator, sign-off, witness or pseudonym.")
    if passphrase is not None and kind == _PSEUDONYM:
        raise MisuseError("a pseudonym key has no passphrase", "Leave --passphrase out.")
    if normalise is not None and kind != _PSEUDONYM:
        raise MisuseError("--normalise is for pseudonym keys", "Leave it out, or add --kind pseudonym.")
    held = _held(kind, person, roles, valid_until)
    if kind == _PSEUDONYM:
        document, lines = _pseudonym_key(name, Path(out), normalise)
    else:
        document, lines = _signing_key(name, Path(out), kind, held, passphrase)
    if as_json:
        output.print_json(document)
    else:
        output.lines(lines, bullet="")
    return 0


def _held(kind: str, person: str | None, roles: list[str] | None, valid_until: datetime | None) -> dict[str, Any]:
    """Return what a trust file is to say of whoever holds a key, and of its end; refuse what it cannot say."""
    from audit_lab.seal.trust import SIGN_OFF_ROLES

    if kind not in {"investigator", "sign-off"} and (person is not None or roles or valid_until is not None):
        raise MisuseError(f"a key of the kind {kind} has no holder and no end", "Leave --person and such out.")
    if roles and (kind != "sign-off" or not set(roles) <= set(SIGN_OFF_ROLES)):
        raise MisuseError(
            "--role is for keys of sign-offs", f"Add --kind sign-off; roles: {', '.join(SIGN_OFF_ROLES)}."
        )
    if person is not None and not (person.strip() and person.isprintable()):
        raise MisuseError(f"{person!a} is no name in one line", "Give the name that sign-offs print.")
    end = None if valid_until is None else valid_until.replace(tzinfo=UTC)
    return {"person": person, "roles": tuple(roles or ()), "valid_until": end}


def _signing_key(
    name: str, out: Path, kind: str, held: dict[str, Any], passphrase: str | None
) -> tuple[dict[str, str], list[str]]:
    from audit_lab.evidence.keyring import chosen_passphrase
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.seal.key_file import write_key
    from audit_lab.seal.keys import SigningKey
    from audit_lab.seal.trust import ANY_ORIGIN, TrustedKey, format_trust

    key = SigningKey.generate(name)
    path = write_key(out, key, chosen_passphrase(passphrase))
    trust = out / f"{name.replace('/', '_')}.trust.toml"
    public = key.cosigner if kind == _WITNESS else key.public
    write_bytes(trust, format_trust([TrustedKey(public, kind, ANY_ORIGIN, **held)]).encode())
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


def show(
    files: Annotated[
        list[str],
        typer.Argument(help="Key files (.pem or .pub), trust files (.toml), agent: for what your agent holds."),
    ],
    as_json: AsJson = False,
) -> int:
    """Show whose keys stand in files or your agent: name, key id, role, log, holder and end. It asks for no passphrase.

    A key that an agent holds is named agent:COMMENT wherever a command takes --key; only Ed25519 keys are shown.
    """
    rows = [row for file in files for row in _shown(file)]
    if as_json:
        output.print_json({"keys": rows})
        return 0
    known = ("file", "name", "key id", "kind", "role", "log", *_SELDOM, "revoked from")
    names = [name for name in known if name not in _SELDOM or any(_cell(row, name) for row in rows)]
    output.table(names, [[_cell(row, name) for name in names] for row in rows], keep=("name",))
    return 0


def _cell(row: dict[str, str | None], name: str) -> str:
    return row[name.replace(" ", "_")] or ""


def _shown(place: str) -> list[dict[str, str | None]]:
    from audit_lab.seal.key_source import AGENT

    return _shown_in_agent(place.removeprefix(AGENT)) if place.startswith(AGENT) else _shown_in_file(Path(place))


def _shown_in_agent(wanted: str) -> list[dict[str, str | None]]:
    """Return what an agent holds; a key whose comment cannot be a key's name has no key id, which depends on it."""
    from audit_lab.seal.agent import agent_key, agent_keys
    from audit_lab.seal.keys import PublicKey, is_key_name

    return [
        {
            "file": f"agent:{key.fingerprint}",
            "name": key.comment,
            "key_id": PublicKey(key.comment, key.raw).key_id if is_key_name(key.comment) else None,
            "kind": "in the agent",
            **_NOTHING,
        }
        for key in ((agent_key(wanted),) if wanted else agent_keys())
    ]


def trust(
    key: Annotated[str, typer.Argument(help="A key file, env:NAME, or agent:COMMENT.")],
    out: Annotated[str, typer.Option("--out", "-o", help="The trust file to write.")],
    kind: Annotated[str, typer.Option("--kind", help="investigator, sign-off or witness.")] = "investigator",
    person: Person = None,
    roles: Roles = None,
    valid_until: ValidUntil = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Write a trust file that accepts a key you have: one in an agent, in the environment, or in a file.

    Hand it to whoever will verify, by another way than what you sign.
    """
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.seal.key_source import open_key
    from audit_lab.seal.trust import ANY_ORIGIN, TrustedKey, format_trust

    if kind not in _TRUSTED:
        raise MisuseError(f"there is no kind of key {kind!r}", "Choose investigator, sign-off or witness.")
    if Path(out).exists():
        raise MisuseError(f"{out} exists", "Choose another --out: a trust file is never replaced.")
    held = _held(kind, person, roles, valid_until)
    chosen = open_key(key, passphrase)
    public = chosen.cosigner if kind == _WITNESS else chosen.public
    write_bytes(Path(out), format_trust([TrustedKey(public, kind, ANY_ORIGIN, **held)]).encode())
    if as_json:
        output.print_json({"trust": out, "name": chosen.name, "key_id": public.key_id, "public": str(public)})
    else:
        output.line(f"{out}: accepts {chosen.name} (key id {public.key_id[:16]}); hand it to those who verify")
    return 0


def _shown_in_file(path: Path) -> list[dict[str, str | None]]:
    from audit_lab.seal.key_file import key_file_name
    from audit_lab.seal.keys import PublicKey
    from audit_lab.seal.trust import Trust

    if path.suffix == ".pem":
        public = path.with_suffix(".pub")
        key_id = PublicKey.parse(_text(public).strip()).key_id if public.exists() else None
        return [{"file": str(path), "name": key_file_name(path), "key_id": key_id, "kind": "private", **_NOTHING}]
    if path.suffix == ".pub":
        key = PublicKey.parse(_text(path).strip())
        return [{"file": str(path), "name": key.name, "key_id": key.key_id, "kind": "public", **_NOTHING}]
    return [
        {
            "file": str(path),
            "name": key.public.name,
            "key_id": key.public.key_id,
            "kind": "accepted",
            "role": key.role,
            "log": key.origin,
            "person": key.person,
            "signs_as": ", ".join(key.roles) or None,
            "valid_until": _moment(key.valid_until),
            "revoked_from": _moment(key.revoked_from),
        }
        for key in Trust.read(path).keys
    ]


def _moment(time: datetime | None) -> str | None:
    return None if time is None else f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def rotate(
    key: Annotated[str, typer.Argument(help="The key whose place a new key takes: a file, env:NAME or agent:COMMENT.")],
    name: Annotated[str, typer.Option("--name", help="The new key's name, for example jane-doe-2027.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the new key and the rotation.")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    passphrase: Passphrase = None,
    new_passphrase: Annotated[
        str | None,
        typer.Option(
            "--new-passphrase",
            help="Where that of the new key comes from, as above.",
            show_default="that of the old key",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make a new key in the place of one, and a statement of it that both keys sign.

    Hand the statement to those who accept the old key: audit-lab keys accept adds the new one to their trust file. The
    passphrase is that of the old key and becomes that of the new one, unless --new-passphrase says where another comes
    from; only the new one must be long.
    """
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.seal.custody import time_text
    from audit_lab.seal.key_file import chosen_passphrase, is_long_enough, read_passphrase, write_key
    from audit_lab.seal.key_rotation import rotation_envelope
    from audit_lab.seal.key_source import open_key
    from audit_lab.seal.keys import SigningKey

    secret = chosen_passphrase(passphrase)
    old, made = open_key(key, secret), SigningKey.generate(name)
    if new_passphrase is None and not is_long_enough(secret):
        message = "The passphrase of the old key is too short for the new one"
        raise MisuseError(message, "Say where a longer one comes from: --new-passphrase prompt, env:NAME or fd:NUMBER")
    fresh = secret if new_passphrase is None else read_passphrase(new_passphrase, "the new key")
    path = write_key(Path(out), made, fresh)
    statement = path.with_suffix(".rotation.json")
    write_bytes(statement, rotation_envelope(old, made, time_text(datetime.now(UTC)), reason))
    if as_json:
        document = {"key": str(path), "rotation": str(statement), "old": old.public.key_id, "new": made.public.key_id}
        output.print_json(document)
    else:
        output.line(f"{path}: keep it; it takes the place of {old.name}, which signs no more")
        output.line(f"{statement}: hand it to those who verify; they use audit-lab keys accept TRUST {statement}")
    return 0


def accept(
    trust: TrustFile,
    rotation: Annotated[str, typer.Argument(help="The rotation that the key's owner handed to you.")],
    as_json: AsJson = False,
) -> int:
    """Accept a new key wherever you accept the old one, by a rotation that both keys signed.

    The old key stays accepted for what it signed; revoke it when nothing of that is needed any more, or it is lost.
    """
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.seal.key_rotation import parse_rotation
    from audit_lab.seal.trust_edit import with_rotation

    statement = parse_rotation(_bytes(Path(rotation)), rotation)
    write_bytes(Path(trust), with_rotation(_text(Path(trust)), trust, statement).encode())
    if as_json:
        output.print_json({"trust": trust, "old": statement.old.key_id, "new": statement.new.key_id})
    else:
        why = f" ({statement.reason})" if statement.reason.strip() else ""
        output.line(f"{trust} accepts {statement.new.name} wherever it accepts {statement.old.name}{why}.")
    return 0


def revoke(
    trust: TrustFile,
    name: Annotated[str, typer.Argument(help="The key's name, or the first digits of its key id.")],
    since: Annotated[
        datetime | None, typer.Option("--from", help="From when on, UTC; default: now.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Revoke a key in your trust file: from then on, whatever no accepted time stamp dates before is refused.

    A time to come counts from when it has come. No time stamp is over sign-offs: those are refused from then on. The
    rest of the file, comments included, stays as it is.
    """
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.seal.trust import Trust
    from audit_lab.seal.trust_edit import named_key, with_revocation

    path = Path(trust)
    text = _text(path)
    public = named_key(Trust.parse(text, trust), name)
    moment = datetime.now(UTC) if since is None else since.replace(tzinfo=UTC)
    write_bytes(path, with_revocation(text, trust, public, moment).encode())
    if as_json:
        output.print_json({"trust": trust, "revoked": public.key_id, "from": f"{moment:%Y-%m-%dT%H:%M:%SZ}"})
    else:
        output.line(f"{public.name} (key id {public.key_id[:16]}) is revoked from {moment:%Y-%m-%d %H:%M:%S} UTC.")
    return 0


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_ROTATION_BYTES)
    except OSError as error:
        raise MisuseError(f"{path} cannot be read ({error.strerror})", "Check the path, and your access.") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MisuseError(f"{path} cannot be read ({error.strerror})", "Check the path, and your access.") from error
    except UnicodeDecodeError as error:
        raise MisuseError(f"{path} is not UTF-8", "Give a key file or a trust file.") from error
