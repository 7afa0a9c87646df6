// Sign-offs: by a pasted key, about this bundle, in the name and role of its holder, by as many persons as the case asks.

const SIGN_OFF_MEMBERS = ["case_id", "printed_name", "role", "meaning", "reason", "signed_at", "signer"];
const SIGN_AGAIN = "Ask the signer to sign this bundle again";
const foldedName = (name) => name.normalize("NFKC").toLowerCase().split(/\s+/u).filter(Boolean).join(" ");

/** The rule that a case states for its own sign-offs. */
const statedRule = (investigation) => {
  const rule = isObject(investigation.case) ? investigation.case.sign_offs : undefined;
  if (rule === undefined || rule === null) {
    return { required: [], persons: 2 };
  }
  const sound =
    isObject(rule) &&
    ["persons,required", "required,two_persons"].includes(sorted(Object.keys(rule)).join()) &&
    Array.isArray(rule.required) &&
    rule.required.every((meaning) => LAYOUT.meanings.includes(meaning));
  const most = sound ? Math.max(2, 1 + ["reviewed", "approved"].filter((each) => rule.required.includes(each)).length) : 0;
  const former = { true: most, false: 1 };
  const persons = sound && typeof rule.two_persons === "boolean" ? former[rule.two_persons] : rule?.persons;
  if (!(Number.isInteger(persons) && persons >= 1 && persons <= most)) {
    throw new Malformed("case.malformed", `${LAYOUT.investigation} states no rule for sign-offs that is one`, CASE_NEXT);
  }
  return { required: rule.required, persons };
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
  if (LAYOUT.roles.includes(role) && !(LAYOUT.rolesOf[meaning] ?? LAYOUT.roles).includes(role)) {
    const wrong = `${role} is no role in which something is ${shown(meaning)}`;
    throw new Malformed("sign-off.wrong-role", wrong, SIGN_AGAIN);
  }
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

/** Who stands behind a signature, as far as two persons can be told apart: by keys and names. */
const personOf = (keys, names) => ({
  keys: keys.map((key) => hex(key.raw)),
  names: names.filter(isText).map(foldedName).filter(Boolean),
});
const isAlso = (one, other) =>
  one.keys.some((key) => other.keys.includes(key)) || one.names.some((name) => other.names.includes(name));

/** How many persons these are: those who share a key or a name are one. */
const distinct = (persons) => {
  let known = [];
  for (const person of persons) {
    const same = known.filter((each) => isAlso(each, person));
    const whole = { keys: [person, ...same].flatMap((each) => each.keys), names: [person, ...same].flatMap((each) => each.names) };
    known = [...known.filter((each) => !same.includes(each)), whole];
  }
  return known.length;
};

/** What speaks against a sign-off beside the others: one key under two names, one person in two parts. */
const besideOthers = (stated, read, author, persons) => {
  const person = (each) => personOf([each.key], [each.printed_name, each.holder]);
  const same = (what) =>
    new Malformed("sign-off.same-person", `${what}; the case asks for ${persons} persons`, "Ask another person to sign");
  const own = read.filter((each) => hex(each.key.raw) === hex(stated.key.raw));
  const { printed_name: printed, meaning } = stated;
  if (new Set(own.map((each) => foldedName(each.printed_name))).size > 1) {
    const two = `the key of ${stated.key.name} signed under several printed names`;
    return new Malformed("sign-off.two-names", two, SIGN_AGAIN);
  }
  if (persons > 1 && meaning !== "authored" && isAlso(person(stated), author)) {
    return same(`${printed} made the bundle and ${meaning} it`);
  }
  const reviewers = read.filter((each) => each.meaning === "reviewed");
  const signed = distinct([author, ...read.filter((each) => ["reviewed", "approved"].includes(each.meaning)).map(person)]);
  if (signed < persons && meaning === "approved" && reviewers.some((each) => isAlso(person(stated), person(each)))) {
    return same(`${printed} reviewed the bundle, or the key did, and ${meaning} it`);
  }
  return null;
};

/** Check every sign-off: by a pasted key, about this bundle, by another person where the case asks for two. */
const checkSignOffs = async (contents, checked, keys, investigation) => {
  const out = { found: [], signers: [], notes: [], undone: [], unbound: [] };
  let rule = { required: [], persons: 2 };
  try {
    rule = statedRule(investigation ?? {});
  } catch {
    // A finding of its own, where the case is checked.
  }
  const actor = isObject(investigation?.case) ? investigation.case.actor : "";
  const entries = checked.accepted.flat();
  const author = personOf(entries, [actor, ...entries.map((entry) => entry.person)]);
  const read = [];
  for (const name of contents.names.filter(isSignOff)) {
    try {
      const stated = await oneSignOff(contents, name, checked, keys, out.undone);
      if (stated !== null) {
        read.push(stated);
      }
    } catch (error) {
      if (!(error instanceof Malformed)) {
        throw error;
      }
      out.found.push(finding(error.code, name, error.message, error.next));
    }
  }
  const held = new Set();
  for (const stated of read) {
    const fault = besideOthers(stated, read, author, rule.persons);
    if (fault !== null) {
      out.found.push(finding(fault.code, stated.name, fault.message, fault.next));
      continue;
    }
    held.add(stated.meaning);
    out.signers.push(`${sentence(stated)} (key ${stated.signer}${heldByWords(stated.holder)})`);
    out.notes.push(...stated.notes);
    if (stated.holder === null) {
      out.unbound.push(stated.key.name);
    }
    if (stated.meaning === "rejected") {
      out.notes.push(`REJECTED: ${sentence(stated)}`);
    }
    if (isDemonstration(stated.key)) {
      out.notes.push(`${stated.signer} is a demonstration key: its sign-off proves nothing`);
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
  const wrong = (reason, meaning) => new Malformed(`sign-off.${reason}`, meaning, SIGN_AGAIN);
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
  const printed = foldedName(stated.printed_name);
  const other = entries.find(({ person }) => person !== null && foldedName(person) !== printed);
  if (other !== undefined) {
    const meaning = `${key.name} is the key of ${other.person} by the trust file, not of ${stated.printed_name}`;
    throw wrong("other-person", meaning);
  }
  const roles = entries.flatMap((entry) => entry.roles);
  if (roles.length > 0 && !roles.includes(stated.role)) {
    throw wrong("role-not-accepted", `${key.name} is accepted as ${roles.join(", ")}, and signed as ${stated.role}`);
  }
  const dated = "nothing dates a sign-off from outside: the time stamp in a bundle is over the attestation alone";
  const period = checkPeriod(entries, dated);
  for (const [reason, meaning] of period.wrong) {
    throw wrong(reason, meaning);
  }
  const notes = [...period.notes];
  if (isToCome(stated.signed_at)) {
    notes.push(`${name} states ${stated.signed_at}, which is still to come by this machine's clock`);
  }
  return { ...stated, key, name, notes, holder: holderOf(entries) };
};
