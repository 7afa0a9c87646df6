// What is signed: DSSE envelopes, in-toto statements, the attestation; and until when a key's signatures count.

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const DIGEST = /^[0-9a-f]{64}$/;
const PIN_NEXT = "Get the public key from its owner, not from the bundle, and paste it";

const decodedBase64 = (text, name) => {
  const bytes = fromBase64(text);
  if (bytes === null) {
    throw new Malformed("envelope.not-base64", `${name} holds text that is not base64`);
  }
  return bytes;
};

/** An envelope whose bytes are exactly those that its content would be written as, and the bytes it signs. */
const parseEnvelope = (bytes, name) => {
  const value = members(parseJson(bytes, name), ["payload", "payloadType", "signatures"], name);
  if (typeof value.payloadType !== "string" || !Array.isArray(value.signatures)) {
    throw new Malformed("envelope.malformed", `${name} has members of the wrong type`);
  }
  if (value.signatures.length === 0) {
    throw new Malformed("envelope.no-signature", `${name} carries no signature`);
  }
  const signatures = value.signatures.map((entry) => {
    const { keyid, sig } = members(entry, ["keyid", "sig"], name);
    if (typeof keyid !== "string") {
      throw new Malformed("envelope.malformed", `${name} has a key id that is no text`);
    }
    return { keyId: keyid, value: decodedBase64(sig, name) };
  });
  if (new Set(signatures.map((each) => each.keyId)).size !== signatures.length) {
    throw new Malformed("envelope.duplicate-signature", `${name} carries two signatures of one key`);
  }
  if (!same(utf8(canonical(value)), bytes)) {
    throw new Malformed("envelope.not-canonical", `${name} is not in canonical form`);
  }
  const payload = decodedBase64(value.payload, name);
  const kind = utf8(value.payloadType);
  const message = joined(utf8(`DSSEv1 ${kind.length} `), kind, utf8(` ${payload.length} `), payload);
  return { payloadType: value.payloadType, payload, signatures, message };
};

const parseStatement = (bytes, name) => {
  const value = members(parseJson(bytes, name), ["_type", "subject", "predicateType", "predicate"], name);
  if (value._type !== LAYOUT.statementType) {
    throw new Malformed("statement.wrong-type", `${name} is no in-toto Statement v1`);
  }
  if (!Array.isArray(value.subject) || !isObject(value.predicate) || typeof value.predicateType !== "string") {
    throw new Malformed("statement.malformed", `${name} has members of the wrong type`);
  }
  if (value.subject.length === 0) {
    throw new Malformed("statement.no-subjects", `${name} attests no file at all`);
  }
  const subjects = new Map();
  for (const entry of value.subject) {
    const subject = members(entry, ["name", "digest"], `A subject of ${name}`);
    const { sha256: digest } = members(subject.digest, ["sha256"], `A subject's digest in ${name}`);
    if (typeof subject.name !== "string" || typeof digest !== "string" || !DIGEST.test(digest)) {
      throw new Malformed("statement.malformed", `${name} has a subject without name or SHA-256`);
    }
    if (subjects.has(subject.name)) {
      throw new Malformed("statement.duplicate-subject", `${name} attests ${shown(subject.name)} twice`);
    }
    subjects.set(subject.name, digest);
  }
  return { subjects, kind: value.predicateType, predicate: value.predicate };
};

const isText = (value) => typeof value === "string";
const isTexts = (value) => Array.isArray(value) && value.every(isText);

/** Whether what version 2 of the attestation says of rows, redaction and models is of the right types. */
const isSince2 = ({ rows, redaction, models }, name) => {
  if (rows !== null) {
    const { proven, not_proven: why } = members(rows, ["proven", "not_proven"], `The rows in ${name}`);
    if (!Number.isInteger(proven) || proven < 0 || !isTexts(why)) {
      return false;
    }
  }
  if (redaction !== null) {
    const known = ["profile", "profile_sha256", "columns", "not_searched", "investigation_sha256"];
    const { columns } = members(redaction, known, `The redaction in ${name}`);
    const hows = isObject(columns) ? Object.values(columns) : [];
    const texts = [redaction.profile, redaction.profile_sha256, redaction.investigation_sha256].every(isText);
    if (!texts || hows.length === 0 || !hows.every((how) => LAYOUT.howRedacted.includes(how))) {
      return false;
    }
    if (!isTexts(redaction.not_searched)) {
      return false;
    }
  }
  return isTexts(models) && models.every((model) => DIGEST.test(model));
};

/** What the attestation says, once its members are those of its version and of the right types. */
const parsePredicate = (value, kind, name) => {
  const first = ["version", "case", "log", "notebook", "custody", "environment", "parameters"];
  const known = [...first, "signed_at", "signer", ...(value.version > 1 ? ["rows", "redaction", "models"] : [])];
  if (!Number.isInteger(value.version) || LAYOUT.predicateTypes[value.version] === undefined) {
    throw new Malformed("attestation.version-unknown", `${name} is of version ${shown(value.version ?? null)}`);
  }
  if (LAYOUT.predicateTypes[value.version] !== kind) {
    throw new Malformed("attestation.unknown-kind", `${name} states two versions`);
  }
  members(value, known, `The predicate of ${name}`, ["results"]);
  members(value.case, ["id", "question"], `The case in ${name}`);
  members(value.log, ["origin", "manifest_sha256", "checkpoint"], `The log in ${name}`);
  members(value.custody, ["lines", "head"], `The custody in ${name}`);
  if (value.notebook !== null) {
    const attested = ["source_sha256", "executed_sha256", "html_sha256", "renderer"];
    members(value.notebook, attested, `The notebook in ${name}`);
  }
  const texts = [value.case.id, value.case.question, value.log.origin, value.log.checkpoint ?? "", value.signer];
  const empty = canonical(value.parameters) === "{}" && canonical("results" in value ? value.results : LAYOUT.results) === canonical(LAYOUT.results);
  const said = isObject(value.environment) && Object.values(value.environment).every(isText);
  const sound = empty && said && [...texts, value.signed_at].every(isText) && isTime(value.signed_at);
  if (!sound || (value.version > 1 && !isSince2(value, name))) {
    throw new Malformed("attestation.malformed", `${name} has members of the wrong type`);
  }
  return value;
};

const ENDS = [
  ["key-revoked", "revokedFrom", "is revoked from"],
  ["key-expired", "validUntil", "is accepted for what was signed before"],
];
const moment = (time) => Date.parse(time.replace(" ", "T"));

/** What speaks against a signature by a key that has ended, and what else is to be said of its end. */
const checkPeriod = (entries, why) => {
  const out = { wrong: [], notes: [] };
  for (const [reason, member, words] of ENDS) {
    const ends = entries.map((entry) => entry[member]).filter((time) => time !== null);
    const [end] = ends.sort((one, other) => moment(one) - moment(other));
    if (end !== undefined && Date.now() < moment(end)) {
      out.notes.push(`${entries[0].name} ${words} ${end}, which is still to come by this machine's clock`);
    } else if (end !== undefined) {
      out.wrong.push([reason, `${entries[0].name} ${words} ${end}, and ${why}`]);
    }
  }
  return out;
};
const CLOCKS_APART_MS = 300_000;
const isToCome = (time) => moment(time) > Date.now() + CLOCKS_APART_MS;
const holderOf = (entries) => entries.find((entry) => entry.person !== null)?.person ?? null;
const heldByWords = (holder) => (holder === null ? "" : `, which is that of ${holder} by the trust file`);
const isOfLog = (entries, origin) => entries.some((entry) => entry.origin === "*" || entry.origin === origin);

/** Check the signatures of the attestation, then read what is signed. */
const checkAttestation = async (bytes, keys, isStamped) => {
  const name = LAYOUT.attestation;
  const checked = { statement: null, predicate: null, found: [], signers: [], accepted: [], notes: [], undone: false };
  checked.open = [];
  const add = (code, meaning, next) => checked.found.push(finding(code, name, meaning, next));
  try {
    const envelope = parseEnvelope(bytes, name);
    const accepted = [];
    for (const signature of envelope.signatures) {
      const entries = pinned(keys, signature.keyId, "investigator");
      const short = signature.keyId.slice(0, 16);
      if (entries.length === 0) {
        const meaning = `it is signed by the key ${shown(short)}, which you did not paste for the role investigator`;
        add("signature.key-not-trusted", meaning, PIN_NEXT);
      } else if (!(await canCheckSignatures())) {
        checked.undone = true;
      } else if (!(await checkSignature(entries[0].raw, signature.value, envelope.message))) {
        add("signature.invalid", `${entries[0].name} did not sign these bytes`);
      } else {
        accepted.push(entries);
        checked.accepted.push(entries);
        checked.signers.push(`${entries[0].name} (key id ${short}${heldByWords(holderOf(entries))})`);
        if (isDemonstration(entries[0])) {
          checked.notes.push(`${entries[0].name} is a demonstration key: its signature proves nothing`);
        }
      }
    }
    if (envelope.payloadType !== LAYOUT.payloadType) {
      add("signature.wrong-payload-type", `it signs a payload of type ${shown(envelope.payloadType)}`);
    }
    checked.statement = parseStatement(envelope.payload, name);
    if (!Object.values(LAYOUT.predicateTypes).includes(checked.statement.kind)) {
      add("attestation.unknown-kind", `it attests something else: ${shown(checked.statement.kind)}`);
      return checked;
    }
    checked.predicate = parsePredicate(checked.statement.predicate, checked.statement.kind, name);
    for (const entries of accepted) {
      checkScope(entries, checked, add, isStamped);
    }
    if (isToCome(checked.predicate.signed_at)) {
      const { signed_at: at } = checked.predicate;
      checked.notes.push(`It states that it was signed at ${at}, which is still to come by this machine's clock`);
    }
  } catch (error) {
    if (!(error instanceof Malformed)) {
      throw error;
    }
    add(error.code, error.message, error.next);
  }
  return checked;
};

/** A time stamp that is not checked here may date the signature before its key ended: that is left open then. */
const checkScope = (entries, checked, add, isStamped) => {
  const { predicate } = checked;
  const who = entries[0].name;
  if (!isOfLog(entries, predicate.log.origin)) {
    add("signature.wrong-origin", `${who} is not accepted for the log ${shown(predicate.log.origin)}`);
  }
  const period = checkPeriod(entries, "no time stamp of an accepted authority dates the signature before");
  checked.notes.push(...period.notes);
  for (const [reason, meaning] of period.wrong) {
    if (isStamped) {
      const [what] = meaning.split(", and ");
      checked.open.push(`whether ${who} signed in time: ${what}; the verifier checks the time stamp`);
    } else {
      add(`signature.${reason}`, meaning);
    }
  }
  if (predicate.signer !== who) {
    add("signature.signer-differs", `it names ${shown(predicate.signer)} as signer, and ${who} signed it`);
  }
};
