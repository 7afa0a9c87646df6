// That the proven rows stand in the log: row in segment, segment in the tree, tree in the attested checkpoint.

const PROOF_NEXT = "Ask whoever gave the proof for one made from the log itself; do not rely on this one";
const ROWS_STAGE = "rows: each in its segment, the segment in the log's tree, the tree in the attested checkpoint";
const CHECKPOINT_STAGE = "signature over the log's checkpoint, by a key of the log that you pasted";
const NO_ROWS = "inclusion of rows in the log: no document or CSV of an exhibit names a row, and no proofs are here";
const MOST_SIZE = Number.MAX_SAFE_INTEGER;

const proofFinding = (code, file, meaning) => finding(code, file, meaning, PROOF_NEXT);
const malformedProof = (meaning, code = "record-proof.malformed") => new Malformed(code, meaning, PROOF_NEXT);
const hashed = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
const fromHex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));

/** Check an inclusion proof (RFC 9162, section 2.1.3.2); hashes are hexadecimal text. */
const checkInclusion = async (content, index, size, path, root) => {
  const wrong = (code, meaning) => malformedProof(`The inclusion proof ${meaning}`, `proof.${code}`);
  if (!(index >= 0 && index < size && size <= MOST_SIZE)) {
    throw wrong("index-out-of-range", `says leaf ${index} of a tree of ${size}`);
  }
  let [position, last] = [index, size - 1];
  const half = (number) => Math.floor(number / 2);
  let found = await hashed(Uint8Array.of(0), content);
  for (const sibling of path.map(fromHex)) {
    if (last === 0) {
      throw wrong("too-long", "has more hashes than it needs");
    }
    const isLeft = position % 2 === 1 || position === last;
    found = await (isLeft ? hashed(Uint8Array.of(1), sibling, found) : hashed(Uint8Array.of(1), found, sibling));
    while (isLeft && position > 0 && position % 2 === 0) {
      [position, last] = [half(position), half(last)];
    }
    [position, last] = [half(position), half(last)];
  }
  if (last !== 0) {
    throw wrong("too-short", "has fewer hashes than it needs");
  }
  if (hex(found) !== root) {
    throw wrong("root-differs", "leads to another root");
  }
};

/** A checkpoint (C2SP tlog-checkpoint): origin, size and root, and the lines of its signatures. */
const parseCheckpoint = (text, name) => {
  const [body, signatures] = [text.slice(0, text.indexOf("\n\n") + 1), text.slice(text.indexOf("\n\n") + 2)];
  const lines = body.split("\n");
  const root = fromBase64(lines[2]);
  const sound = lines.length === 4 && /^(0|[1-9][0-9]{0,18})$/.test(lines[1]) && root !== null && root.length === 32;
  const marks = signatures.split("\n").slice(0, -1).map((line) => /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line));
  if (!sound || !signatures.endsWith("\n") || marks.length === 0 || marks.includes(null)) {
    throw malformedProof(`${name} is no signed checkpoint`, "checkpoint.malformed");
  }
  const signed = marks.map(([, signer, value]) => ({ signer, blob: fromBase64(value) }));
  return { origin: lines[0], size: Number(lines[1]), root: hex(root), body, signatures: signed };
};

const proofDocument = (contents, name, format, known) => {
  if (!contents.documents.has(name)) {
    throw new Malformed("archive.document-too-large", `${name} is larger than 16 MiB`, SHAPE_NEXT);
  }
  const bytes = contents.documents.get(name);
  const value = parseJson(bytes, name);
  const stated = isObject(value) ? value.format : undefined;
  if (stated !== format) {
    const newer = typeof stated === "string" && stated.startsWith(format.replace(/[0-9]+$/, ""));
    const code = newer ? "record-proof.newer-version" : "record-proof.malformed";
    throw malformedProof(`${name} is no ${format}`, code);
  }
  members(value, ["format", ...known], name);
  if (!same(utf8(canonical(value)), bytes)) {
    throw malformedProof(`${name} is not in canonical form`, "record-proof.not-canonical");
  }
  return value;
};

const ofPlace = (member, text) => (member === "place" && text.includes("@") ? text.slice(0, text.lastIndexOf("@")) : text);

const namesInDocument = (text) =>
  [...text.matchAll(/"(prediction_id|place)":("(?:[^"\\\x00-\x1f]|\\.)*")/g)].flatMap(([, member, written]) => {
    try {
      return [ofPlace(member, JSON.parse(written))];
    } catch {
      return [];
    }
  });

/** The cells of CSV, line by line; the last line is empty, or cut off. */
const csvRows = (text) =>
  text.split("\n").slice(0, -1).map((line) =>
    [...line.replace(/\r$/, "").matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare]) =>
      quoted === undefined ? bare : quoted.replaceAll('""', '"'),
    ),
  );

const namesInTable = (text) => {
  const [header = [], ...rows] = csvRows(text);
  return ["prediction_id", "place"].flatMap((member) => {
    const at = header.indexOf(member);
    return at < 0 ? [] : rows.filter((row) => row.length > at).map((row) => ofPlace(member, row[at]));
  });
};

/** Which predictions an exhibit names in its documents and CSV, read from the first 64 KiB of each. */
const namedBy = async (exhibit, contents, bad) => {
  const names = new Set();
  const files = Array.isArray(exhibit.files) ? exhibit.files.filter(isObject) : [];
  for (const name of files.map(({ path }) => `${LAYOUT.payload}${path}`)) {
    if (contents.has(name) && !bad.has(name) && /\.(json|csv)$/.test(name)) {
      const text = await contents.files.get(name).blob.slice(0, HEAD_BYTES).text();
      const found = name.endsWith(".json") ? namesInDocument(text) : namesInTable(text);
      found.filter((each) => each !== "" && !each.endsWith(LAYOUT.madeUp)).forEach((each) => names.add(each));
    }
  }
  return { number: exhibit.number ?? null, kind: String(exhibit.kind ?? ""), names };
};

const listed = (names) => names.slice(0, 12).join(", ") + (names.length > 12 ? ` and ${names.length - 12} more` : "");

const notComputed = (exhibits) => {
  const computed = exhibits.filter(({ kind }) => !LAYOUT.fromLog.includes(kind));
  const said = computed.map(({ number, kind }) => `${shown(number)} (${kind.slice(0, 40)})`);
  return said.length > 0 ? [`exhibits computed again: none; ${listed(said)} say what the signer states`] : [];
};

const notHere = (exhibits, proven) => {
  const named = new Set(exhibits.flatMap(({ names }) => [...names]));
  const lacking = [...named].filter((name) => !proven.has(name)).length;
  const of = `rows of the log: of ${named.size} predictions that the exhibits' documents and CSV name`;
  const silent = exhibits.filter(({ names }) => names.size === 0).map(({ number }) => shown(number));
  const who = `${silent.length === 1 ? "exhibit" : "exhibits"} ${listed(silent)} ${silent.length === 1 ? "names" : "name"}`;
  const what = "no prediction in any document or CSV: what was computed over is not here row by row";
  const said = lacking > 0 ? [`${of}, ${lacking} have no proven row here`] : [];
  return silent.length > 0 ? [...said, `rows of the log: ${who} ${what}`] : said;
};

const isPath = (path) =>
  Array.isArray(path) && path.length <= 64 && path.every((hash) => typeof hash === "string" && DIGEST.test(hash));

class ProvenRows {
  constructor(contents, predicate, bad) {
    Object.assign(this, { contents, predicate, bad, places: new Set(), predictions: new Set() });
    Object.assign(this, { found: [], checked: [], undone: [], signers: [] });
  }

  add(code, file, meaning) {
    this.found.push(proofFinding(code, file, meaning));
  }

  async collecting(file, check) {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof Malformed)) {
        throw error;
      }
      this.found.push(finding(error.code, file, error.message, error.next));
      return null;
    }
  }

  async check(keys, investigation) {
    const { proofIndex: name } = LAYOUT;
    const exhibits = await this.exhibits(investigation);
    this.undone.push(...notComputed(exhibits));
    const rows = isObject(this.predicate.rows) ? this.predicate.rows : null;
    const count = rows === null ? 0 : rows.proven;
    let parts = [];
    if (this.contents.has(name) && !this.bad.has(name)) {
      const known = ["origin", "genesis", "genesis_path", "key_chain", "growth", "parts"];
      const proof = await this.collecting(name, () => {
        const value = proofDocument(this.contents, name, LAYOUT.logProofFormat, known);
        if (!Array.isArray(value.parts) || !Array.isArray(value.key_chain)) {
          throw malformedProof(`${name} lists no parts or rotations`);
        }
        value.parts.forEach((part, at) => members(part, ["name", "table", "segment", "rows"], `${name}, part ${at + 1}`));
        return value;
      });
      if (proof !== null) {
        ({ parts } = proof);
        await this.checkParts(proof, keys);
      }
    } else if (count > 0 && !this.bad.has(name)) {
      this.add("rows.proofs-missing", name, "rows are attested as proven, and there is no proof");
    }
    if (!this.bad.has(name) && parts.reduce((sum, part) => sum + part.rows, 0) !== count) {
      this.add("rows.count-differs", name, `it is not about the ${count} rows that are attested`);
    }
    const named = exhibits.some(({ names }) => names.size > 0);
    if (parts.length === 0 && named) {
      this.undone.push("inclusion of the rows in the log: no proofs of it are here");
    } else if (parts.length === 0) {
      this.undone.push(NO_ROWS);
    }
    this.undone.push(...notHere(exhibits, this.predictions));
    if (rows === null && named) {
      const meaning = "it says that the case names no row of its log, and exhibits name some";
      this.add("rows.not-stated", LAYOUT.attestation, meaning);
    }
    const stated = rows === null ? [] : rows.not_proven;
    this.undone.push(...stated.map((why) => `rows of the log: the signer states ${shown(why)}`));
    this.checkListed(parts);
    return this;
  }

  /** The exhibits of a case with the predictions that they name; none where its investigation is found wrong itself. */
  async exhibits(investigation) {
    const sound = !this.bad.has(LAYOUT.investigation) && isObject(investigation) && Array.isArray(investigation.exhibits);
    const each = sound ? investigation.exhibits.filter(isObject) : [];
    return Promise.all(each.map((exhibit) => namedBy(exhibit, this.contents, this.bad)));
  }

  async checkParts(proof, keys) {
    const checkpoint = await this.checkpoint(proof);
    if (checkpoint === null) {
      return;
    }
    await this.checkSigned(checkpoint, proof, keys);
    let proven = 0;
    for (const part of proof.parts) {
      const name = `${LAYOUT.proofParts}${part.name}.json`;
      if (this.contents.has(name) && !this.bad.has(name)) {
        proven += (await this.collecting(name, () => this.checkSegment(part, name, checkpoint))) ?? 0;
      }
    }
    if (proven > 0) {
      this.checked.push(`${proven} ${ROWS_STAGE}`);
    }
  }

  async checkpoint(proof) {
    const name = LAYOUT.proofCheckpoint;
    if (!this.contents.has(name) || this.bad.has(name)) {
      return null;
    }
    return this.collecting(name, () => {
      const here = parseCheckpoint(decoded(this.contents.documents.get(name), name), name);
      const attested = parseCheckpoint(this.predicate.log.checkpoint ?? "", "The attested checkpoint");
      if (here.origin !== this.predicate.log.origin || proof.origin !== this.predicate.log.origin) {
        this.add("rows.other-log", name, `the proofs are from the log ${shown(here.origin)}, not the case's`);
      } else if (here.body !== attested.body) {
        this.add("rows.other-checkpoint", name, "it is not the checkpoint that was attested");
      } else {
        return here;
      }
      return null;
    });
  }

  async checkSigned(checkpoint, proof, keys) {
    const entries = keys.filter((key) => key.role === "log" && key.name === checkpoint.origin);
    const usable = entries.filter((key) => isOfLog([key], checkpoint.origin) && key.revokedFrom === null);
    if (entries.length === 0) {
      this.undone.push(`${CHECKPOINT_STAGE}: you pasted none of the log ${shown(checkpoint.origin)}`);
    } else if (usable.length === 0 || proof.key_chain.length > 0) {
      this.undone.push(`${CHECKPOINT_STAGE}: its key was revoked or rotated, which the verifier follows`);
    } else if (!(await canCheckSignatures())) {
      this.undone.push(`${CHECKPOINT_STAGE}: ${NO_ED25519}`);
    } else {
      await this.checkSignature(checkpoint, usable);
    }
  }

  async checkSignature(checkpoint, keys) {
    this.checked.push(CHECKPOINT_STAGE);
    for (const key of keys) {
      const line = checkpoint.signatures.find(
        ({ signer, blob }) => signer === key.name && blob !== null && hex(blob.subarray(0, 4)) === key.id.slice(0, 8),
      );
      if (line !== undefined) {
        if (await checkSignature(key.raw, line.blob.slice(4), utf8(checkpoint.body))) {
          this.signers.push(`${key.name} (key id ${key.id.slice(0, 16)}), for the log's checkpoint`);
        } else {
          const meaning = `it carries a signature that ${key.name} did not make`;
          this.add("note.signature-invalid", LAYOUT.proofCheckpoint, meaning);
        }
        return;
      }
    }
    const meaning = "no key of this log that you pasted signed it";
    this.add("signature.key-not-trusted", LAYOUT.proofCheckpoint, meaning);
  }

  async checkSegment(part, name, checkpoint) {
    const known = ["statement", "entry_index", "entry_path", "withheld", "rows"];
    const proof = proofDocument(this.contents, name, LAYOUT.segmentProofFormat, known);
    if (typeof proof.statement !== "string" || !isPath(proof.entry_path) || !Array.isArray(proof.rows)) {
      throw malformedProof(`${name} has members of the wrong type`);
    }
    const entry = utf8(proof.statement);
    await this.collecting(name, () =>
      checkInclusion(entry, proof.entry_index, checkpoint.size, proof.entry_path, checkpoint.root),
    );
    const statement = parseJson(entry, "The statement of its segment");
    if (!isObject(statement) || statement.kind !== "segment" || !DIGEST.test(statement.rows_root)) {
      throw malformedProof("The statement of its segment is of another kind", "record-proof.no-statement");
    }
    if (statement.origin !== checkpoint.origin) {
      const meaning = `The statement of its segment is of the log ${shown(statement.origin)}`;
      throw malformedProof(meaning, "record-proof.wrong-origin");
    }
    if (statement.table !== part.table || statement.segment !== part.segment || proof.rows.length !== part.rows) {
      this.add("rows.part-differs", name, "table, segment or number of rows are not those in the index");
    }
    let hold = 0;
    for (const row of proof.rows) {
      hold += (await this.checkRow(row, statement, name)) ? 1 : 0;
    }
    return hold;
  }

  async checkRow(row, statement, name) {
    members(row, ["row", "row_bytes", "disclosures", "path"], `${name}, a row`);
    if (typeof row.row_bytes !== "string" || !Number.isInteger(row.row) || !isPath(row.path)) {
      throw malformedProof(`${name} has a row with members of the wrong type`);
    }
    const where = `${name}, row ${row.row}`;
    const place = `${statement.table} ${statement.segment}:${row.row}`;
    const before = this.found.length;
    if (this.places.has(place)) {
      this.add("rows.duplicate", where, "the same row is shown twice");
    }
    this.places.add(place);
    await this.collecting(where, () =>
      checkInclusion(utf8(row.row_bytes), row.row, statement.rows, row.path, statement.rows_root),
    );
    if (this.found.length === before && statement.table === "predictions" && Array.isArray(row.disclosures)) {
      const own = row.disclosures.map((text) => /s13:prediction_ids[0-9]+:(.*)$/s.exec(text)).find((match) => match !== null);
      this.predictions.add(own?.[1]);
    }
    return this.found.length === before;
  }

  checkListed(parts) {
    const listed = new Set(parts.length > 0 ? [LAYOUT.proofIndex, LAYOUT.proofCheckpoint] : []);
    for (const part of parts) {
      listed.add(`${LAYOUT.proofParts}${part.name}.json`).add(`${LAYOUT.provenRows}${part.name}.parquet`);
    }
    const there = this.contents.names.filter((name) => isProof(name) || name.startsWith(LAYOUT.provenRows));
    for (const name of there.filter((each) => !listed.has(each) && !this.bad.has(each))) {
      this.add("rows.unlisted", name, "no proof of the bundle is about it");
    }
    for (const name of sorted(listed).filter((each) => !this.contents.has(each) && !this.bad.has(each))) {
      this.add("rows.file-missing", name, "the index of the proofs lists it, and it is not here");
    }
  }
}
