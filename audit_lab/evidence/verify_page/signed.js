// What is signed: DSSE envelopes, in-toto statements, the attestation and the sign-offs that came after it.

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const DIGEST = /^[0-9a-f]{64}$/;
const SIGN_OFF_MEMBERS = ["case_id", "printed_name", "role", "meaning", "reason", "signed_at", "signer"];
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
  const first = ["version", "case", "log", "notebook", "custody", "environment", "parameters", "results"];
  const known = [...first, "signed_at", "signer", ...(value.version > 1 ? ["rows", "redaction", "models"] : [])];
  if (!Number.isInteger(value.version) || LAYOUT.predicateTypes[value.version] === undefined) {
    throw new Malformed("attestation.version-unknown", `${name} is of version ${shown(value.version ?? null)}`);
  }
  if (LAYOUT.predicateTypes[value.version] !== kind) {
    throw new Malformed("attestation.unknown-kind", `${name} states two versions`);
  }
  members(value, known, `The predicate of ${name}`);
  members(value.case, ["id", "question"], `The case in ${name}`);
  members(value.log, ["origin", "manifest_sha256", "checkpoint"], `The log in ${name}`);
  members(value.custody, ["lines", "head"], `The custody in ${name}`);
  if (value.notebook !== null) {
    const attested = ["source_sha256", "executed_sha256", "html_sha256", "renderer"];
    members(value.notebook, attested, `The notebook in ${name}`);
  }
  const texts = [value.case.id, value.case.question, value.log.origin, value.log.checkpoint ?? "", value.signer];
  const sound = [...texts, value.signed_at].every(isText) && isTime(value.signed_at);
  if (!sound || (value.version > 1 && !isSince2(value, name))) {
    throw new Malformed("attestation.malformed", `${name} has members of the wrong type`);
  }
  return value;
};

const revocation = (entries) => sorted(entries.map((entry) => entry.revokedFrom).filter((time) => time !== null))[0];
const isOfLog = (entries, origin) => entries.some((entry) => entry.origin === "*" || entry.origin === origin);

/** Check the signatures of the attestation, then read what is signed. */
const checkAttestation = async (bytes, keys) => {
  const name = LAYOUT.attestation;
  const checked = { statement: null, predicate: null, found: [], signers: [], accepted: [], notes: [], undone: false };
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
        checked.accepted.push(entries[0]);
        checked.signers.push(`${entries[0].name} (key id ${short})`);
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
      checkScope(entries, checked.predicate, add);
    }
  } catch (error) {
    if (!(error instanceof Malformed)) {
      throw error;
    }
    add(error.code, error.message, error.next);
  }
  return checked;
};

const checkScope = (entries, predicate, add) => {
  const who = entries[0].name;
  if (!isOfLog(entries, predicate.log.origin)) {
    add("signature.wrong-origin", `${who} is not accepted for the log ${shown(predicate.log.origin)}`);
  }
  const revoked = revocation(entries);
  if (revoked !== undefined) {
    const meaning = `${who} is revoked from ${revoked}, and no timestamp proves an earlier signature`;
    add("signature.key-revoked", meaning);
  }
  if (predicate.signer !== who) {
    add("signature.signer-differs", `it names ${shown(predicate.signer)} as signer, and ${who} signed it`);
  }
};

const foldedName = (name) => name.normalize("NFKC").toLowerCase().split(/\s+/u).filter(Boolean).join(" ");

/** The rule that a case states for its own sign-offs. */
const statedRule = (investigation) => {
  const rule = isObject(investigation.case) ? investigation.case.sign_offs : undefined;
  if (rule === undefined || rule === null) {
    return { required: [], twoPersons: true };
  }
  const sound =
    isObject(rule) &&
    sorted(Object.keys(rule)).join() === "required,two_persons" &&
    Array.isArray(rule.required) &&
    rule.required.every((meaning) => LAYOUT.meanings.includes(meaning)) &&
    typeof rule.two_persons === "boolean";
  if (!sound) {
    throw new Malformed("case.malformed", `${LAYOUT.investigation} states no rule for sign-offs that is one`, CASE_NEXT);
  }
  return { required: rule.required, twoPersons: rule.two_persons };
};

const isPrintedName = (name) =>
  name.trim() !== "" && [...name.trim()].length <= 200 && !/\p{C}|(?! )\p{Z}/u.test(name);

const parseSignOff = (statement, name) => {
  const malformed = (meaning) => new Malformed("sign-off.malformed", meaning, "Ask the signer to sign again");
  if (statement.kind !== LAYOUT.signOffType || [...statement.subjects.keys()].join() !== LAYOUT.attestation) {
    throw malformed(`${name} is not a sign-off of ${LAYOUT.attestation}`);
  }
  const value = members(statement.predicate, [...SIGN_OFF_MEMBERS, "version"], `The predicate of ${name}`);
  const texts = SIGN_OFF_MEMBERS.every((member) => typeof value[member] === "string");
  if (value.version !== 1 || !texts || !isTime(value.signed_at)) {
    throw malformed(`${name} is of another version, or has members of the wrong type`);
  }
  const { printed_name: printed, meaning, role, reason } = value;
  if (!LAYOUT.meanings.includes(meaning) || !LAYOUT.roles.includes(role) || !isPrintedName(printed)) {
    throw malformed(`${name} states no printed name, meaning or role that is one`);
  }
  if ((meaning === "rejected" && reason.trim() === "") || [...reason].length > 2000) {
    throw malformed(`${name} rejects without a reason, or has a text that is too long`);
  }
  return { ...value, attested: statement.subjects.get(LAYOUT.attestation) };
};

const sentence = ({ meaning, printed_name: printed, role, signed_at: at, reason }) =>
  `${meaning} by ${printed}, ${role}, at ${at}${reason.trim() === "" ? "" : `: ${reason.split(/\s+/u).join(" ").trim()}`}`;

/** Check every sign-off: by a pasted key, about this bundle, by another person where the case asks for two. */
const checkSignOffs = async (contents, checked, keys, investigation) => {
  const out = { found: [], signers: [], notes: [], undone: [] };
  let rule = { required: [], twoPersons: true };
  try {
    rule = statedRule(investigation ?? {});
  } catch {
    // A finding of its own, where the case is checked.
  }
  const author = isObject(investigation?.case) ? investigation.case.actor : "";
  const held = new Set();
  for (const name of contents.names.filter(isSignOff)) {
    try {
      const stated = await oneSignOff(contents, name, checked, keys, out.undone);
      if (stated === null) {
        continue;
      }
      const own = checked.accepted.some((key) => hex(key.raw) === hex(stated.key.raw));
      const one = own || (typeof author === "string" && foldedName(stated.printed_name) === foldedName(author));
      if (rule.twoPersons && one && stated.meaning !== "authored") {
        const meaning = `${stated.printed_name} made the bundle and ${stated.meaning} it; the case asks for two persons`;
        throw new Malformed("sign-off.same-person", meaning, "Ask another person to sign");
      }
      held.add(stated.meaning);
      out.signers.push(`${sentence(stated)} (key ${stated.signer})`);
      if (stated.meaning === "rejected") {
        out.notes.push(`REJECTED: ${sentence(stated)}`);
      }
      if (isDemonstration(stated.key)) {
        out.notes.push(`${stated.signer} is a demonstration key: its sign-off proves nothing`);
      }
    } catch (error) {
      if (!(error instanceof Malformed)) {
        throw error;
      }
      out.found.push(finding(error.code, name, error.message, error.next));
    }
  }
  const lacking = rule.required.filter((meaning) => !held.has(meaning));
  if (lacking.length > 0) {
    const words = lacking.join(" and ");
    out.notes.push(`By its own rule this bundle is not finished: no checked sign-off says that it is ${words}`);
  }
  return out;
};

const oneSignOff = async (contents, name, checked, keys, undone) => {
  const again = "Ask the signer to sign this bundle again";
  const wrong = (reason, meaning) => new Malformed(`sign-off.${reason}`, meaning, again);
  const envelope = parseEnvelope(contents.documents.get(name), name);
  if (envelope.payloadType !== LAYOUT.payloadType || envelope.signatures.length !== 1) {
    throw wrong("malformed", `${name} is not one signature under one sign-off`);
  }
  const [signature] = envelope.signatures;
  const entries = pinned(keys, signature.keyId, "sign-off");
  if (entries.length === 0) {
    const meaning = `it is signed by the key ${shown(signature.keyId.slice(0, 16))}, which you did not paste for sign-offs`;
    throw new Malformed("sign-off.key-not-trusted", meaning, PIN_NEXT);
  }
  const [key] = entries;
  if (!(await canCheckSignatures())) {
    undone.push(name);
    return null;
  }
  if (!(await checkSignature(key.raw, signature.value, envelope.message))) {
    throw wrong("invalid", `${key.name} did not sign these bytes`);
  }
  const { predicate } = checked;
  if (!isOfLog(entries, predicate.log.origin)) {
    throw wrong("wrong-origin", `${key.name} is not accepted for the log ${shown(predicate.log.origin)}`);
  }
  const revoked = revocation(entries);
  if (revoked !== undefined) {
    const meaning = `${key.name} is revoked from ${revoked}, and no timestamp proves an earlier signature`;
    throw wrong("key-revoked", meaning);
  }
  const stated = parseSignOff(parseStatement(envelope.payload, name), name);
  const place = `${LAYOUT.signOffs}${stated.meaning}-${key.id.slice(0, 16)}.dsse.json`;
  if (stated.signer !== key.name || name !== place) {
    const meaning = `it names ${shown(stated.signer)} and ${stated.meaning}; ${key.name} signed it`;
    throw wrong("signer-differs", meaning);
  }
  if (stated.case_id !== predicate.case.id) {
    throw wrong("other-case", `it is about the case ${shown(stated.case_id)}`);
  }
  if (stated.attested !== contents.digests.get(LAYOUT.attestation)) {
    throw wrong("content-changed", "it is void: the content changed after it was signed");
  }
  if (stated.signed_at < predicate.signed_at) {
    throw wrong("time-out-of-order", `it states ${stated.signed_at}, which is before the bundle was signed`);
  }
  return { ...stated, key };
};
