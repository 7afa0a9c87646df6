// That the model artifacts are those whose digests are attested; none of them is opened.

const MODELS_STAGE = "model artifacts have the digests that they are named by, and exhibits speak of these models";
const MODEL_NEXT = "Do not open the file; ask the investigator for the artifact that was registered";

/** The digest of a folder: that of a line for each of its files, sorted by name. */
const folderDigest = (files) =>
  sha256(utf8(files.map(([name, digest, size]) => `${digest}  ${size}  ${name}\n`).join("")));

/** What the digest of an artifact of these files can be: the file's where it is one, the folder's. */
const artifactDigests = async (contents, folder, names) => {
  const stated = (name) => [name.slice(folder.length), contents.digests.get(name), contents.files.get(name).blob.size];
  const alone = names.length === 1 ? [contents.digests.get(names[0])] : [];
  return [await folderDigest(sorted(names).map(stated)), ...alone];
};

/** The digests of the models that exhibits speak of; null where the investigation cannot be read. */
const modelsSpokenOf = (investigation) => {
  const exhibits = investigation?.exhibits;
  const areModels = (models) => Array.isArray(models) && models.every(isObject);
  const readable = Array.isArray(exhibits) && exhibits.every((each) => areModels(each?.models));
  return readable ? new Set(exhibits.flatMap((each) => each.models.map((model) => model.artifact_sha256))) : null;
};

const checkModels = async (contents, predicate, investigation, bad) => {
  const attested = predicate.models ?? [];
  const files = new Map();
  for (const name of contents.names.filter((each) => each.startsWith(LAYOUT.modelFiles))) {
    const digest = name.slice(LAYOUT.modelFiles.length).split("/")[0];
    files.set(digest, [...(files.get(digest) ?? []), name]);
  }
  const found = [];
  for (const digest of sorted(new Set(attested)).filter((each) => !files.has(each))) {
    const meaning = `the artifact ${digest.slice(0, 16)} is attested and not in the bundle`;
    found.push(finding("model.missing", LAYOUT.attestation, meaning, MODEL_NEXT));
  }
  const spokenOf = bad.has(LAYOUT.investigation) ? null : modelsSpokenOf(investigation);
  for (const digest of sorted(files.keys())) {
    const names = files.get(digest);
    const add = (code, meaning) => found.push(finding(code, names[0], meaning, MODEL_NEXT));
    if (!attested.includes(digest)) {
      add("model.not-attested", "no artifact of that digest is attested");
    } else if (!names.some((name) => bad.has(name))) {
      const digests = await artifactDigests(contents, `${LAYOUT.modelFiles}${digest}/`, names);
      if (!digests.includes(digest)) {
        add("model.digest-differs", "it is not the artifact that it is named");
      }
    }
    if (spokenOf !== null && !spokenOf.has(digest)) {
      add("model.of-no-exhibit", "no exhibit speaks of this model");
    }
  }
  return found;
};
