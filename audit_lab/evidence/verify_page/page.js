// The page itself: files in, keys in, the report out. Whatever a bundle says is shown as text.

const WORDS = {
  UNANCHORED: "Everything that was checked holds. Nothing that this page checks holds it in time.",
  INCOMPLETE: "What was checked holds, but a signature could not be checked: nobody vouches for it yet.",
  FAILED: "Examined, and found wanting.",
  REFUSED: "Not examined further: it is not safely what it claims to be.",
};

const element = (id) => document.getElementById(id);
const state = { bundle: null, round: 0 };

const fill = (id, texts) => {
  element(id).replaceChildren(
    ...texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = spelled(text);
      return item;
    }),
  );
  element(`${id}-part`).hidden = texts.length === 0;
};

const tell = (text) => {
  element("status").textContent = text;
};

const show = (subject, { verdict, found, checked, unchecked, signers, notes }) => {
  element("verdict").textContent = verdict;
  element("verdict").className = verdict.toLowerCase();
  element("subject").textContent = spelled(subject);
  element("words").textContent = WORDS[verdict];
  fill("found", found.map(({ code, file, meaning, next }) => `${code}: ${file}: ${meaning}. ${next}.`));
  fill("signers", signers);
  fill("checked", checked);
  fill("unchecked", unchecked);
  fill("notes", notes);
  element("report").hidden = false;
};

const readKeys = async () => {
  const parts = [
    await pastedKeys(element("investigator-keys").value, "investigator"),
    await pastedKeys(element("log-keys").value, "log"),
    await pastedKeys(element("sign-off-keys").value, "sign-off"),
  ];
  return parts.flat();
};

/** Check what was handed over last against what is pasted now; an older check that is still under way is dropped. */
const check = async () => {
  state.round += 1;
  const { round, bundle } = state;
  element("report").hidden = true;
  document.body.dataset.done = "";
  if (bundle === null) {
    return;
  }
  try {
    const keys = await readKeys();
    const files = bundle.archive === null ? readFolder(bundle.files) : await readArchive(bundle.archive);
    const progress = (done, all) => round === state.round && tell(`Reading file ${done} of ${all}`);
    const made = await examine(files, bundle.archive === null, keys, progress);
    if (round === state.round) {
      tell("");
      show(bundle.subject, made);
    }
  } catch (error) {
    if (round === state.round) {
      const known = error instanceof PastedKeyError;
      tell(known ? `The keys are not understood. ${error.message}.` : `The files cannot be read: ${error.message}.`);
    }
  }
  if (round === state.round) {
    document.body.dataset.done = String(round);
  }
};

const takeArchive = (file) => {
  state.bundle = { subject: file.name, archive: file, files: [] };
  return check();
};

/** Take the files of one folder; their names are those below it. */
const takeFolder = (files) => {
  const top = files.length > 0 ? files[0].path.split("/")[0] : "(nothing)";
  const inside = files.map(({ path, blob }) => ({ name: path.split("/").slice(1).join("/"), blob }));
  state.bundle = { subject: `${top} (folder)`, archive: null, files: inside };
  return check();
};

const entriesIn = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

const filesBelow = async (folder, path, taken = []) => {
  const reader = folder.createReader();
  for (let entries = await entriesIn(reader); entries.length > 0; entries = await entriesIn(reader)) {
    for (const entry of entries) {
      const inside = `${path}/${entry.name}`;
      if (taken.length > LAYOUT.mostEntries) {
        return taken;
      }
      if (entry.isDirectory) {
        await filesBelow(entry, inside, taken);
      } else {
        taken.push({ path: inside, blob: await fileOf(entry) });
      }
    }
  }
  return taken;
};

const drop = async (event) => {
  event.preventDefault();
  const [item] = event.dataTransfer.items;
  const entry = item?.webkitGetAsEntry?.() ?? null;
  const [file] = event.dataTransfer.files;
  if (entry !== null && entry.isDirectory) {
    await takeFolder(await filesBelow(entry, entry.name));
  } else if (file !== undefined) {
    await takeArchive(file);
  }
};

const start = () => {
  if (globalThis.crypto?.subtle === undefined) {
    tell("This browser gives this page no means to compute digests: open the page from a disk, or in another browser.");
    return;
  }
  element("archive").addEventListener("change", ({ target }) => target.files.length > 0 && takeArchive(target.files[0]));
  element("folder").addEventListener("change", ({ target }) =>
    takeFolder([...target.files].map((file) => ({ path: file.webkitRelativePath, blob: file }))),
  );
  for (const id of ["investigator-keys", "log-keys", "sign-off-keys"]) {
    element(id).addEventListener("input", check);
  }
  element("drop").addEventListener("drop", drop);
  for (const target of [document, element("drop")]) {
    target.addEventListener("dragover", (event) => event.preventDefault());
  }
  document.addEventListener("drop", (event) => event.preventDefault());
  tell("No file leaves this page: it has no network.");
};

start();
