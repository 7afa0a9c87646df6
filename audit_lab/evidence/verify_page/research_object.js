// That the RO-Crate document speaks of the bundle's own files, and points nowhere else; nothing is fetched.

const CRATE_NEXT =
  "Open it with no tool that follows addresses; ask the investigator for a bundle that agrees with itself";
const crateFinding = (code, file, meaning) => finding(`research-object.${code}`, file, meaning, CRATE_NEXT);

const crateText = (value) => {
  if (typeof value !== "string") {
    const meaning = `${LAYOUT.researchObject}: a member that should be text is none`;
    throw new Malformed("research-object.malformed", meaning, CRATE_NEXT);
  }
  return value;
};

/** What an entity points at, once each of its members is text or pointers. */
const pointersOf = (entity, what) => {
  const found = [];
  for (const [member, value] of Object.entries(entity)) {
    if (LAYOUT.cratePointers.includes(member)) {
      for (const pointer of Array.isArray(value) ? value : [value]) {
        found.push(crateText(members(pointer, ["@id"], what)["@id"]));
      }
    } else if (LAYOUT.crateTexts.includes(member)) {
      crateText(value);
    }
  }
  return found;
};

const checkResearchObject = (contents, bad) => {
  const name = LAYOUT.researchObject;
  const bytes = contents.documents.get(name);
  if (bytes === undefined) {
    return [];
  }
  const value = members(parseJson(bytes, name), ["@context", "@graph"], name);
  if (value["@context"] !== LAYOUT.crateContext) {
    const meaning = "it takes the meaning of its words from another place than the RO-Crate 1.1 context";
    return [crateFinding("points-outside", name, meaning)];
  }
  if (!Array.isArray(value["@graph"])) {
    throw new Malformed("research-object.malformed", `${name}: its graph is no list`, CRATE_NEXT);
  }
  const what = `An entity of ${name}`;
  const known = [...LAYOUT.crateTexts, ...LAYOUT.cratePointers];
  const entities = value["@graph"].map((entity) => members(entity, ["@id", "@type"], what, known));
  const below = (path) => path.slice(LAYOUT.payload.length);
  const files = new Set(contents.names.filter((each) => each.startsWith(LAYOUT.payload)).map(below));
  const named = entities.map((entity) => crateText(entity["@id"]));
  const wrong = new Set([...bad].map((each) => (each.startsWith(LAYOUT.payload) ? below(each) : each)));
  const own = below(name);
  const allowed = new Set([...LAYOUT.crateAllowed, ...files, ...wrong, ...named.filter((place) => place[0] === "#")]);
  const pointed = new Set([...named, ...entities.flatMap((entity) => pointersOf(entity, what))]);
  const found = sorted(pointed).filter((place) => !allowed.has(place)).map((place) =>
    crateFinding("points-outside", name, `it points at ${shown(place)}, outside the bundle`),
  );
  const typesOf = (kinds) => (Array.isArray(kinds) ? kinds : [kinds]).map(crateText);
  const isFile = entities.map((entity) => typesOf(entity["@type"]).includes("File"));
  const described = new Set(named.filter((_, at) => isFile[at]));
  for (const file of sorted(files).filter((each) => !described.has(each) && each !== own && !wrong.has(each))) {
    found.push(crateFinding("file-not-described", LAYOUT.payload + file, "the RO-Crate document does not name it"));
  }
  named.forEach((file, at) => {
    if (files.has(file) && described.has(file) && !wrong.has(file)) {
      const size = String(contents.files.get(LAYOUT.payload + file).blob.size);
      if (crateText(entities[at].contentSize) !== size) {
        const meaning = "the RO-Crate document gives it another size";
        found.push(crateFinding("size-differs", LAYOUT.payload + file, meaning));
      }
    }
  });
  return found;
};
