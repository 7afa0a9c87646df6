// The examination from shape to content, and what can be said after it.

const STAGES = {
  shape: "shape of the bundle: names, sizes, headers, nothing but plain stored files",
  signature: "signature over the exact bytes of the attestation, by a key that you pasted",
  coverage: "attested files are the bundle's files, no more and no fewer",
  digests: "SHA-256 of every file, against the attestation and the BagIt manifests",
  content: "exhibits are named by their digests, findings rest on them, custody lines are chained",
  rendering: "HTML names the notebook it was made from, and both are the attested ones",
  signOffs: "sign-offs: each by a key that you pasted, about this bundle, by whom the case asks for",
};
const NEVER_CHECKED = [
  "this page: one that came inside a bundle was made by whoever made the bundle",
  "of proven rows, the disclosed values, the log's first entry, its growth and who witnessed it: the verifier checks them",
  "report.md, environment.json, requirements.txt, models/digests.json: as the signer states them",
  "CSV against Parquet: the full verifier compares them",
  "README.html, the report and verify.html against the case: the full verifier compares them",
  "truth of the log: no proof covers a decision that was never logged",
];
const OF_NOTEBOOK = [
  "HTML rendered again from the notebook: the full verifier compares it",
  "re-run: the notebook was not executed again",
];
const PDF = "PDF: that its pages show the notebook; it names it, and neither verifier prints it again";
const PICTURES = "pictures: that each shows the data beside it; neither verifier draws one again";
const STAMPED = "the time stamp in this bundle: the verifier checks it, and here it anchors nothing";
const FOLDER_ONLY = "symbolic links in the folder: a browser follows them and does not say so";
const NO_ED25519 = "this browser cannot check Ed25519 signatures";
const NOTES = [
  "Nothing that this page checks anchors the bundle in time: whoever holds the signing key could have made it today",
  "A public key proves something only if it reached you by another way than the bundle",
];

const report = (verdict, found, checked, unchecked, signers = [], notes = []) => ({
  verdict,
  found,
  checked,
  unchecked: [...unchecked, ...NEVER_CHECKED],
  signers,
  notes: [...notes, ...NOTES],
});

const examine = async ({ files, found: shapeFound }, isFolder, keys, progress) => {
  const found = [...shapeFound];
  for (const [name, { blob }] of files ?? []) {
    if (isDocument(name) && blob.size > LAYOUT.mostDocumentBytes) {
      found.push(refused("archive.document-too-large", name, "it is larger than 16 MiB"));
    }
  }
  const { shape, ...later } = STAGES;
  const folder = isFolder ? [FOLDER_ONLY] : [];
  if (files === null || found.length > 0) {
    const undone = Object.values(later).map((stage) => `${stage}: the shape was refused`);
    return report("REFUSED", found, [shape], [...folder, ...undone]);
  }
  const contents = new Contents(files);
  await contents.read(progress);
  const attestation = contents.documents.get(LAYOUT.attestation);
  if (attestation === undefined) {
    const meaning = "the bundle carries no attestation, so nothing in it is vouched for";
    const missing = finding("signature.missing", LAYOUT.attestation, meaning, "Ask the sender for a signed bundle");
    const undone = Object.values(later).map((stage) => `${stage}: there is no attestation`);
    return report("REFUSED", [missing], [shape], [...folder, ...undone]);
  }
  const checked = await checkAttestation(attestation, keys, contents.has(LAYOUT.timeStamp));
  return examineSigned(contents, checked, keys, folder);
};

const examineSigned = async (contents, checked, keys, folder) => {
  const done = [STAGES.shape];
  const undone = [...folder];
  const say = (stage, why) => (why === null ? done.push(stage) : undone.push(`${stage}: ${why}`));
  const unread = "the attestation could not be read";
  say(STAGES.signature, checked.undone ? NO_ED25519 : null);
  const { statement, predicate } = checked;
  const found = [...checked.found];
  let investigation = null;
  let rows = { checked: [], undone: [], signers: [] };
  if (statement !== null) {
    const coverage = checkCoverage(contents, statement.subjects);
    const bad = new Set(coverage.map(({ file }) => file));
    found.push(...coverage, ...checkBag(contents, bad));
    if (predicate !== null) {
      const content = await checkContent(contents, predicate, bad);
      found.push(...content.found);
      investigation = content.investigation;
      found.push(...(await checkModels(contents, predicate, investigation, bad)));
      if (predicate.version > 1) {
        rows = await new ProvenRows(contents, predicate, bad).check(keys, investigation);
        found.push(...rows.found);
      }
    }
  }
  say(STAGES.coverage, statement === null ? unread : null);
  say(STAGES.digests, statement === null ? unread : null);
  say(STAGES.content, predicate === null ? unread : null);
  if (predicate === null || predicate.notebook !== null) {
    say(STAGES.rendering, predicate === null ? unread : null);
    undone.push(...OF_NOTEBOOK);
  }
  if ((predicate?.models ?? []).length > 0) {
    done.push(MODELS_STAGE);
  }
  if (contents.has(LAYOUT.timeStamp)) {
    undone.push(STAMPED);
  }
  if (contents.has(LAYOUT.notebookPdf)) {
    undone.push(PDF);
  }
  if (contents.names.some((name) => name.endsWith(".svg"))) {
    undone.push(PICTURES);
  }
  done.push(...rows.checked);
  undone.push(...rows.undone);
  const signed = { found: [], signers: [], notes: [], undone: [], unbound: [] };
  if (predicate !== null) {
    Object.assign(signed, await checkSignOffs(contents, checked, keys, investigation));
  }
  if (!contents.names.some(isSignOff)) {
    undone.push("sign-offs: nobody but the investigator signed this bundle");
  } else if (predicate === null) {
    say(STAGES.signOffs, unread);
  } else {
    say(STAGES.signOffs, signed.undone.length > 0 ? NO_ED25519 : null);
  }
  const unbound = checked.accepted.filter((entries) => holderOf(entries) === null).map(([{ name }]) => name);
  const nobody = [...new Set([...unbound, ...signed.unbound])].join(", ");
  if (nobody !== "") {
    undone.push(`who holds the keys that signed: what you pasted names no person for ${nobody}`);
  }
  undone.push(...checked.open);
  found.push(...signed.found);
  const open = checked.undone || checked.open.length > 0 || signed.undone.length > 0;
  const bad = statement === null ? "REFUSED" : "FAILED";
  const verdict = found.length > 0 ? bad : open ? "INCOMPLETE" : "UNANCHORED";
  const about = predicate === null ? [] : [
    `It is about the case ${shown(predicate.case.id)}, signed at ${predicate.signed_at} by its own statement`,
  ];
  const signers = [...checked.signers, ...signed.signers, ...rows.signers];
  return report(verdict, found, done, undone, signers, [...about, ...signed.notes, ...checked.notes]);
};
