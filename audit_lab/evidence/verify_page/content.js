// That the files are the attested ones, the BagIt manifests agree, and the case agrees with itself.

const MANIFEST_LINE = /^([0-9a-f]{64}) {2}([^\x00-\x1f\x7f]+)$/;
const CUSTODY_TEXTS = ["at", "actor", "action", "subject", "why", "previous"];

const checkCoverage = (contents, subjects) => {
  const found = [];
  const apart = (name) => name === LAYOUT.attestation || name === LAYOUT.timeStamp || isSignOff(name);
  const files = contents.names.filter((name) => !apart(name));
  for (const name of files.filter((each) => !subjects.has(each))) {
    found.push(finding("bundle.file-added", name, "it stands in the bundle and was not signed for"));
  }
  for (const name of sorted(subjects.keys()).filter((each) => !contents.has(each) || apart(each))) {
    found.push(finding("bundle.file-missing", name, "it was signed for and is not in the bundle"));
  }
  for (const name of contents.names) {
    if (!apart(name) && subjects.has(name) && contents.digests.get(name) !== subjects.get(name)) {
      found.push(finding("bundle.file-changed", name, "its bytes are not those that were signed for"));
    } else if (contents.wrongCrc.has(name) && (apart(name) || subjects.has(name))) {
      found.push(finding("archive.header-changed", name, "the checksum in its header is not that of its bytes"));
    }
  }
  return found;
};

const formatManifest = (digests) => sorted(digests.keys()).map((name) => `${digests.get(name)}  ${name}\n`).join("");

const parseManifest = (bytes, name) => {
  const next = "Ask whoever made the file for an unaltered copy";
  if (bytes.length === 0) {
    throw new Malformed("manifest.empty", `${name} is empty`, next);
  }
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Malformed("manifest.malformed", `${name} is not UTF-8`, next);
  }
  const digests = new Map();
  for (const [at, line] of text.replace(/\n$/, "").split("\n").entries()) {
    const match = MANIFEST_LINE.exec(line);
    if (match === null) {
      throw new Malformed("manifest.malformed", `${name} line ${at + 1} is not 'digest  name'`, next);
    }
    if (digests.has(match[2])) {
      throw new Malformed("manifest.duplicate-name", `${name} line ${at + 1} repeats a name`, next);
    }
    digests.set(match[2], match[1]);
  }
  if (formatManifest(digests) !== text) {
    throw new Malformed("manifest.malformed", `${name} is not sorted or does not end in a newline`, next);
  }
  return digests;
};

const manifestFindings = (contents, manifest, covered, bad) => {
  if (bad.has(manifest)) {
    return [];
  }
  try {
    const listed = parseManifest(contents.documents.get(manifest) ?? new Uint8Array(), manifest);
    const either = sorted(new Set([...covered, ...listed.keys()])).filter((name) => !bad.has(name));
    const lacking = either.filter((name) => !covered.has(name) || !listed.has(name));
    const wrong = either.filter(
      (name) => covered.has(name) && listed.has(name) && listed.get(name) !== contents.digests.get(name),
    );
    return [
      ...lacking.map((name) =>
        finding("bag.manifest-incomplete", manifest, `it does not list exactly the files it must: ${name}`),
      ),
      ...wrong
        .filter((name) => contents.has(name))
        .map((name) => finding("bag.manifest-wrong", manifest, `it gives another digest for ${name}`)),
    ];
  } catch (error) {
    if (!(error instanceof Malformed)) {
      throw error;
    }
    return [finding(error.code, manifest, error.message, error.next)];
  }
};

const checkBag = (contents, bad) => {
  const payload = contents.names.filter((name) => name.startsWith(LAYOUT.payload));
  const found = manifestFindings(contents, LAYOUT.manifest, new Set(payload), bad);
  found.push(...manifestFindings(contents, LAYOUT.tagManifest, new Set(LAYOUT.tagFiles), bad));
  const text = (name) => new TextDecoder().decode(contents.documents.get(name) ?? new Uint8Array());
  if (!bad.has(LAYOUT.bagDeclaration) && text(LAYOUT.bagDeclaration) !== LAYOUT.declaration) {
    found.push(finding("bag.declaration", LAYOUT.bagDeclaration, "it does not declare a BagIt 1.0 bag"));
  }
  const size = payload.reduce((sum, name) => sum + contents.files.get(name).blob.size, 0);
  const oxum = `${size}.${payload.length}`;
  const anyBad = [...bad].some((name) => name.startsWith(LAYOUT.payload));
  if (!bad.has(LAYOUT.bagInfo) && !anyBad && !text(LAYOUT.bagInfo).split("\n").includes(`Payload-Oxum: ${oxum}`)) {
    found.push(finding("bag.payload-size", LAYOUT.bagInfo, `its Payload-Oxum is not ${oxum}`));
  }
  return found;
};

const listOf = (value) => {
  if (!Array.isArray(value)) {
    const meaning = `${LAYOUT.investigation} has a member that should be a list`;
    throw new Malformed("case.malformed", meaning, CASE_NEXT);
  }
  return value;
};

const exhibitFindings = async (exhibit, contents, bad) => {
  const found = [];
  const digests = new Map();
  for (const entry of listOf(exhibit.files)) {
    const file = members(entry, ["name", "path", "sha256"], `A file of ${LAYOUT.investigation}`);
    digests.set(String(file.name), String(file.sha256));
    const name = `${LAYOUT.payload}${file.path}`;
    if (!bad.has(name) && !contents.has(name)) {
      found.push(finding("case.exhibit-file-missing", name, "an exhibit lists it and it is not there", CASE_NEXT));
    } else if (!bad.has(name) && contents.digests.get(name) !== file.sha256) {
      found.push(finding("case.exhibit-file-wrong", name, "an exhibit lists it with another digest", CASE_NEXT));
    }
  }
  if (digests.size === 0 || (await sha256(utf8(formatManifest(digests)))) !== exhibit.id) {
    const meaning = `exhibit ${shown(exhibit.number)} is not named by its digest`;
    found.push(finding("case.exhibit-id-wrong", LAYOUT.investigation, meaning, CASE_NEXT));
  }
  return found;
};

const checkInvestigation = async (value, contents, predicate, bad) => {
  const name = LAYOUT.investigation;
  members(value, LAYOUT.investigationMembers, name, LAYOUT.investigationToo);
  if (value.format !== LAYOUT.investigationFormat || value.version !== LAYOUT.investigationVersion) {
    return [finding("case.version-unknown", name, "it is of another format or version", CASE_NEXT)];
  }
  const found = [];
  statedRule(value);
  const { case: stated, log } = value;
  if (!isObject(stated) || !isObject(log)) {
    throw new Malformed("case.malformed", `${name} has a member that should be an object`, CASE_NEXT);
  }
  const pairs = [
    [stated.id, predicate.case.id],
    [stated.question, predicate.case.question],
    [log.origin, predicate.log.origin],
    [log.manifest_sha256, predicate.log.manifest_sha256],
    [log.checkpoint ?? null, predicate.log.checkpoint],
  ];
  if (pairs.some(([one, other]) => one !== other)) {
    found.push(finding("case.other-case", name, "case or log are not those in the attestation", CASE_NEXT));
  }
  const exhibits = listOf(value.exhibits).map((entry) =>
    members(entry, LAYOUT.exhibit, `An exhibit of ${name}`, LAYOUT.exhibitToo),
  );
  const owned = new Set();
  for (const exhibit of exhibits) {
    found.push(...(await exhibitFindings(exhibit, contents, bad)));
    if ("redacted_from" in exhibit && (predicate.redaction ?? null) === null) {
      const meaning = `exhibit ${shown(exhibit.number)} withholds something, and no redaction is attested`;
      found.push(finding("case.redaction-not-attested", name, meaning, CASE_NEXT));
    }
    listOf(exhibit.files).forEach((file) => owned.add(`${LAYOUT.payload}${file.path}`));
  }
  const inside = (each) => each.startsWith(LAYOUT.exhibits) || each.startsWith(LAYOUT.rows);
  const isProven = (each) => each.startsWith(LAYOUT.provenRows) && predicate.version > 1;
  for (const stray of contents.names.filter((each) => inside(each) && !isProven(each) && !owned.has(each))) {
    if (!bad.has(stray)) {
      found.push(finding("case.exhibit-unlisted", stray, "no exhibit of the investigation owns it", CASE_NEXT));
    }
  }
  const ids = new Set(exhibits.map((exhibit) => exhibit.id));
  for (const entry of listOf(value.findings)) {
    members(entry, ["id", "claim", "supported_by", "confidence"], `A finding of ${name}`);
    for (const support of listOf(entry.supported_by).filter((each) => !ids.has(each))) {
      const meaning = `${shown(entry.id)} rests on an exhibit that is not there (${shown(support)})`;
      found.push(finding("case.support-missing", name, meaning, CASE_NEXT));
    }
  }
  return found;
};

/** The time that a text states, if it would be written so again. */
const isTime = (text) => TIME.test(text) && isDay(text);
const isDay = (text) => {
  const moment = new Date(`${text.slice(0, 23)}Z`);
  return !Number.isNaN(moment.getTime()) && moment.toISOString().slice(0, 23) === text.slice(0, 23);
};

/** Whether these are the changes of a line: sorted by file, each once, with a digest before or after that differ. */
const areChanges = (changes, name) => {
  if (!Array.isArray(changes)) {
    return false;
  }
  const sound = changes.every((change) => {
    const { file, before, after } = members(change, ["file", "before", "after"], `A change of ${name}`);
    const given = [before, after].filter((digest) => digest !== null);
    const digests = given.every((digest) => isText(digest) && DIGEST.test(digest));
    return isText(file) && digests && given.length > 0 && before !== after;
  });
  return sound && changes.every(({ file }, at) => at === 0 || changes[at - 1].file < file);
};

const custodyLine = (bytes, name) => {
  const value = members(parseJson(bytes, name), ["format", "number", ...CUSTODY_TEXTS], name, ["changes"]);
  const texts = CUSTODY_TEXTS.every((member) => typeof value[member] === "string");
  const format = LAYOUT.custodyFormats["changes" in value ? 1 : 0];
  const whole = Number.isInteger(value.number) && value.number >= 1 && value.format === format;
  const sound = texts && whole && isTime(value.at) && (!("changes" in value) || areChanges(value.changes, name));
  if (!sound || !DIGEST.test(value.previous) || !same(utf8(canonical(value)), bytes)) {
    throw new Malformed("custody.malformed", `${name} is not a line of a custody record in its canonical form`);
  }
  return value;
};

const linesOf = (bytes, name) => {
  if (bytes[bytes.length - 1] !== 10) {
    throw new Malformed("custody.malformed", `${name} does not end with a whole line`);
  }
  const raw = [];
  let start = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, start)) {
    raw.push(bytes.subarray(start, at));
    start = at + 1;
  }
  return raw;
};

const checkCustody = async (contents, predicate) => {
  const name = LAYOUT.custody;
  const found = new Map();
  const add = (code, meaning) => found.set(code, found.get(code) ?? finding(`custody.${code}`, name, meaning, CASE_NEXT));
  const refuse = ({ code, message, next }) => found.set(code, found.get(code) ?? finding(code, name, message, next));
  const raw = linesOf(contents.documents.get(name) ?? new Uint8Array(), name);
  const lines = raw.map((bytes, at) => {
    try {
      return custodyLine(bytes, `${name} line ${at + 1}`);
    } catch (error) {
      if (!(error instanceof Malformed)) {
        throw error;
      }
      return refuse(error);
    }
  });
  if (found.size > 0) {
    return [...found.values()];
  }
  const digests = await Promise.all(raw.map(sha256));
  const seen = new Set();
  const numbers = new Set(lines.map((line) => line.number));
  let [last, lastDigest, lastAt] = [0, "0".repeat(64), ""];
  lines.forEach((line, at) => {
    const next = line.number === last + 1;
    const between = !next && [...numbers].some((number) => number > last && number < line.number);
    if (seen.has(digests[at])) {
      add("line-repeated", `line ${at + 1} repeats line ${line.number}`);
    } else if (line.number <= last || between) {
      add("line-moved", `line ${at + 1} is number ${line.number} of the record: it was moved`);
    } else if (!next) {
      add("line-missing", `it lacks number ${last + 1} of the record, before line ${at + 1}`);
    } else if (line.previous !== lastDigest) {
      add("line-changed", `line ${at + 1} does not bind the line before it as it is: one of the two was changed`);
    }
    if (line.at < lastAt && found.size === 0) {
      add("time-out-of-order", `line ${at + 1} is earlier than the line before it`);
    }
    if (at > 0 && !("changes" in line) && "changes" in lines[at - 1] && found.size === 0) {
      add("line-changed", `line ${at + 1} is of an older format than the line before it`);
    }
    seen.add(digests[at]);
    [last, lastDigest, lastAt] = [line.number, digests[at], line.at];
  });
  if (found.size === 0 && (lines.length !== predicate.custody.lines || lastDigest !== predicate.custody.head)) {
    add("other-head", "its last line is not the attested one");
  }
  if (found.size === 0 && lastAt > predicate.signed_at) {
    add("time-out-of-order", "it ends after the time of the signature");
  }
  return [...found.values()];
};

const checkRendering = (contents, predicate, bad) => {
  const { notebook, notebookHtml, notebookPdf } = LAYOUT;
  const present = [notebookHtml, notebook].filter((name) => contents.has(name));
  const wrong = (code, name, meaning) => finding(code, name, meaning, CASE_NEXT);
  if (predicate.notebook === null) {
    const stray = contents.has(notebookPdf) ? [...present, notebookPdf] : present;
    return stray.map((name) => wrong("notebook.not-attested", name, "no notebook was attested"));
  }
  if (bad.has(notebook)) {
    return [];
  }
  if (present.length < 2) {
    return [wrong("notebook.missing", LAYOUT.attestation, "a notebook was attested and is not there")];
  }
  const found = [];
  if (contents.digests.get(notebook) !== predicate.notebook.executed_sha256) {
    found.push(wrong("notebook.other-notebook", notebook, "it is not the attested notebook"));
  }
  if (contents.digests.get(notebookHtml) !== predicate.notebook.html_sha256) {
    found.push(wrong("notebook.other-rendering", notebookHtml, "it is not the attested rendering"));
  }
  if (!contents.ends.get(notebookHtml)[0].includes(LAYOUT.htmlMark.replace("{}", contents.digests.get(notebook)))) {
    const meaning = "it says it was made from another notebook";
    found.push(wrong("notebook.rendering-of-another", notebookHtml, meaning));
  }
  if (contents.has(notebookPdf) && !bad.has(notebookPdf)) {
    const said = `(${LAYOUT.pdfMark.replace("{}", contents.digests.get(notebook))})`;
    if (!contents.ends.get(notebookPdf).some((text) => text.includes(said))) {
      const meaning = "it does not say that it shows this notebook";
      found.push(wrong("notebook.rendering-of-another", notebookPdf, meaning));
    }
  }
  return found;
};

/** Whether custody says that files of the exhibit were edited by hand, and left them as they are here. */
const wasPutThere = (exhibit, lines) => {
  const { number, files } = exhibit;
  if (!Number.isInteger(number) || !Array.isArray(files)) {
    return false;
  }
  const folder = `exhibits/${String(number).padStart(3, "0")}-`;
  const ofIt = ({ changes = [] }) => changes.filter(({ file }) => file.startsWith(folder));
  if (!lines.some((line) => line.action === LAYOUT.byHand && ofIt(line).length > 0)) {
    return false;
  }
  const last = new Map(lines.flatMap(ofIt).map(({ file, after }) => [file.split("/").slice(2).join("/"), after]));
  return "redacted_from" in exhibit || files.every((file) => isObject(file) && last.get(file.name) === file.sha256);
};

/** That custody, in which nothing is wrong, says of every exhibit that it was kept. */
const checkKept = (contents, investigation) => {
  const name = LAYOUT.custody;
  const lines = linesOf(contents.documents.get(name), name).map((bytes) => custodyLine(bytes, name));
  const exhibits = isObject(investigation) && Array.isArray(investigation.exhibits) ? investigation.exhibits : [];
  const found = [];
  for (const exhibit of exhibits.filter((each) => isObject(each) && isText(each.id))) {
    const own = exhibit.redacted_from ?? exhibit.id;
    const acts = lines.filter(({ action, subject }) => action === LAYOUT.kept && subject === own);
    const [at, by] = [exhibit.kept_at ?? null, exhibit.kept_by ?? null];
    const stated = at === null && by === null;
    let what = null;
    if (acts.length === 0 && !wasPutThere(exhibit, lines)) {
      what = "is none that custody says was kept";
    } else if (acts.length > 0 && !stated && !acts.some((act) => act.at === at && act.actor === by)) {
      what = "was kept by another person, or at another time, by custody";
    }
    if (what !== null) {
      const meaning = `exhibit ${shown(exhibit.number ?? null)} ${what}`;
      found.push(finding("case.exhibit-not-kept", LAYOUT.investigation, meaning, CASE_NEXT));
    }
  }
  return found;
};

/** Every document that was not already found changed or missing; a document that is malformed is one finding. */
const checkContent = async (contents, predicate, bad) => {
  const out = { found: [], investigation: null };
  const checks = [
    [
      LAYOUT.investigation,
      async () => {
        const bytes = contents.documents.get(LAYOUT.investigation);
        if (bytes === undefined) {
          const meaning = "the bundle holds no investigation";
          return [finding("case.investigation-missing", LAYOUT.investigation, meaning, CASE_NEXT)];
        }
        out.investigation = parseJson(bytes, LAYOUT.investigation);
        return checkInvestigation(out.investigation, contents, predicate, bad);
      },
    ],
    [LAYOUT.custody, () => checkCustody(contents, predicate)],
    [LAYOUT.notebookHtml, () => checkRendering(contents, predicate, bad)],
    [LAYOUT.researchObject, () => checkResearchObject(contents, bad)],
  ];
  for (const [name, check] of checks.filter(([each]) => !bad.has(each))) {
    try {
      out.found.push(...(await check()));
    } catch (error) {
      if (!(error instanceof Malformed)) {
        throw error;
      }
      out.found.push(finding(error.code, name, error.message, error.next));
    }
  }
  const wrong = bad.has(LAYOUT.custody) || out.found.some(({ file }) => file === LAYOUT.custody);
  if (predicate.version > 1 && !wrong && !bad.has(LAYOUT.investigation)) {
    out.found.push(...checkKept(contents, out.investigation));
  }
  return out;
};
