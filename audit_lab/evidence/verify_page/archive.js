// The archive's shape, checked before any file in it is read: every header must be the one an export writes.

const WHOLE = "(the archive)";
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const MOST_DIRECTORY_BYTES = 1 << 24;
const HEAD_BYTES = 1 << 16;
const REGULAR_FILE = 0o100644 * 65536;
const FIRST_DATE = 33;
const PORTABLE = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;
const DEVICE = /^(con|prn|aux|nul|com[1-9]|lpt[1-9])$/;

/** Little-endian fields: pairs of a width in bytes and a value. */
const packed = (fields, text = new Uint8Array()) => {
  const bytes = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0) + text.length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) {
      view.setUint16(at, value, true);
    } else {
      view.setUint32(at, value, true);
    }
    at += width;
  }
  bytes.set(text, at);
  return bytes;
};

const sizes = (entry, name) => [[4, entry.crc], [4, entry.size], [4, entry.size], [2, name.length], [2, 0]];

const localHeader = (entry) => {
  const name = utf8(entry.name);
  return packed([[4, 0x04034b50], [2, 10], [2, 0], [2, 0], [2, 0], [2, FIRST_DATE], ...sizes(entry, name)], name);
};

const centralHeader = (entry) => {
  const name = utf8(entry.name);
  const fixed = [[4, 0x02014b50], [2, (3 << 8) | 20], [2, 10], [2, 0], [2, 0], [2, 0], [2, FIRST_DATE]];
  const rest = [[2, 0], [2, 0], [2, 0], [4, REGULAR_FILE], [4, entry.offset]];
  return packed([...fixed, ...sizes(entry, name), ...rest], name);
};

const endRecord = (count, directoryBytes, offset) =>
  packed([[4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, directoryBytes], [4, offset], [2, 0]]);

const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

const nameFault = (name) => {
  const parts = name.split("/");
  const faults = [
    [name.includes("\0"), "archive.nul-in-name", "its name holds a NUL character"],
    [name.includes("\\"), "archive.backslash-in-name", "its name holds a backslash, a separator on some systems"],
    [name.startsWith("/"), "archive.absolute-path", "its name is an absolute path"],
    [/^[A-Za-z]:/.test(name), "archive.drive-letter", "its name begins with a drive letter"],
    [name.split(/[/\\]/).includes(".."), "archive.path-escape", "its name leads out of the folder (zip slip)"],
    [name.endsWith("/"), "archive.folder-entry", "it is an entry for a folder; a bundle holds only files"],
    [[...name].length > 240, "archive.name-too-long", "its name is longer than 240 characters"],
    [
      !PORTABLE.test(name) || parts.some((part) => part === "." || part.endsWith(".")),
      "archive.name-not-portable",
      "its name is not made of letters, digits, dots, hyphens and underscores",
    ],
    [
      parts.some((part) => DEVICE.test(part.split(".")[0].toLowerCase())),
      "archive.name-not-portable",
      "its name is that of a device on some systems",
    ],
  ];
  return faults.find(([wrong]) => wrong) ?? null;
};

const nameFindings = (names) => {
  const found = [];
  const counts = new Map();
  const seen = new Map();
  const colliding = new Set();
  for (const name of names) {
    const fault = nameFault(name);
    if (fault !== null) {
      found.push(refused(fault[1], name, fault[2]));
    }
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const folded = name.normalize("NFKC").toLowerCase().normalize("NFC");
    if (seen.has(folded) && seen.get(folded) !== name) {
      colliding.add(name);
    }
    seen.set(folded, seen.get(folded) ?? name);
  }
  for (const folded of seen.keys()) {
    for (let at = folded.indexOf("/"); at >= 0; at = folded.indexOf("/", at + 1)) {
      if (seen.has(folded.slice(0, at))) {
        colliding.add(seen.get(folded.slice(0, at)));
      }
    }
  }
  for (const [name, count] of counts) {
    if (count > 1) {
      found.push(refused("archive.duplicate-entry", name, `it stands in the archive ${count} times`));
    }
  }
  for (const name of colliding) {
    found.push(refused("archive.colliding-names", name, "some file systems cannot tell its name from another's"));
  }
  return found;
};

const bytesOf = async (blob, from, to) => new Uint8Array(await blob.slice(from, to).arrayBuffer());

const directoryOf = async (file) => {
  const only = (code, meaning) => ({ directory: new Uint8Array(), found: [refused(code, WHOLE, meaning)] });
  if (file.size > 2 ** 32 - 2) {
    return only("archive.too-big", "it is larger than 4 GiB");
  }
  const end = file.size - END_BYTES;
  const tail = await bytesOf(file, Math.max(0, end), file.size);
  if (tail.length < END_BYTES || new DataView(tail.buffer).getUint32(0, true) !== 0x06054b50) {
    const around = await bytesOf(file, Math.max(0, end - 65535), file.size);
    const marked = around.some((byte, at) => byte === 0x50 && same(around.subarray(at, at + 4), utf8("PK\x05\x06")));
    return marked
      ? only("archive.trailing-data", "bytes follow the record that should end it")
      : only("archive.not-a-zip", "it is no zip archive, or it was cut off");
  }
  const view = new DataView(tail.buffer);
  const [count, directoryBytes, offset] = [view.getUint16(10, true), view.getUint32(12, true), view.getUint32(16, true)];
  if (count > LAYOUT.mostEntries || directoryBytes > MOST_DIRECTORY_BYTES) {
    return only("archive.too-many-entries", `it declares more than ${LAYOUT.mostEntries} entries`);
  }
  if (view.getUint16(20, true) !== 0 || offset + directoryBytes !== end) {
    return only("archive.end-record-changed", "its end record does not lie behind its directory");
  }
  return { directory: await bytesOf(file, offset, end), found: [], tail };
};

const headerFindings = (entry, view, at) => {
  const kind = (view.getUint16(at + 40, true) >> 12) & 15;
  const method = view.getUint16(at + 10, true);
  const faults = [
    [kind === 10, "archive.symbolic-link", "it is a symbolic link"],
    [![0, 8, 10].includes(kind), "archive.special-file", "it is a folder, device or pipe"],
    [(view.getUint16(at + 8, true) & 1) === 1, "archive.encrypted", "it is encrypted"],
    [method !== 0, "archive.compressed", "it is compressed; a bundle's entries are stored"],
    [
      method === 0 && view.getUint32(at + 20, true) !== entry.size,
      "archive.sizes-disagree",
      "its two sizes disagree",
    ],
  ];
  return faults.filter(([wrong]) => wrong).map(([, code, meaning]) => refused(code, entry.name, meaning));
};

const entriesOf = (directory) => {
  const entries = [];
  const found = [];
  const view = new DataView(directory.buffer, directory.byteOffset, directory.length);
  let at = 0;
  while (at < directory.length) {
    if (directory.length - at < CENTRAL_BYTES || view.getUint32(at, true) !== 0x02014b50) {
      const place = `(entry ${entries.length + 1} of the directory)`;
      found.push(refused("archive.header-changed", place, "its record in the directory is damaged"));
      break;
    }
    const nameEnd = at + CENTRAL_BYTES + view.getUint16(at + 28, true);
    const end = nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    const entry = {
      name: new TextDecoder().decode(directory.subarray(at + CENTRAL_BYTES, nameEnd)),
      crc: view.getUint32(at + 16, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    const faults = headerFindings(entry, view, at);
    if (faults.length === 0 && !same(directory.subarray(at, end), centralHeader(entry))) {
      faults.push(refused("archive.header-changed", entry.name, "its record in the directory is not as exported"));
    }
    entries.push(entry);
    found.push(...faults);
    at = end;
  }
  return { entries, found };
};

const placeFindings = async (file, entries, directoryOffset) => {
  const found = [];
  let expected = 0;
  for (const entry of entries) {
    const header = localHeader(entry);
    entry.start = entry.offset + header.length;
    entry.end = entry.start + entry.size;
    if (entry.offset < expected) {
      found.push(refused("archive.overlapping", entry.name, "it overlaps the entry before it"));
    } else if (entry.offset > expected) {
      const code = expected === 0 ? "archive.leading-data" : "archive.hidden-data";
      found.push(refused(code, entry.name, "bytes that belong to no entry stand before it"));
    }
    if (entry.end > directoryOffset) {
      found.push(refused("archive.size-beyond-end", entry.name, "it reaches beyond the archive's files"));
    } else if (!same(await bytesOf(file, entry.offset, entry.start), header)) {
      found.push(refused("archive.header-changed", entry.name, "its local header is not as exported"));
    }
    expected = entry.end;
  }
  if (found.length === 0 && expected !== directoryOffset) {
    found.push(refused("archive.hidden-data", WHOLE, "bytes that belong to no entry stand in it"));
  }
  return found;
};

/** The files of an archive whose shape is good, by name; or every finding against its shape. */
const readArchive = async (file) => {
  const { directory, found: first, tail } = await directoryOf(file);
  if (first.length > 0) {
    return { files: null, found: first };
  }
  const offset = file.size - END_BYTES - directory.length;
  const { entries, found } = entriesOf(directory);
  const names = entries.map((entry) => entry.name);
  const named = nameFindings(names);
  if (named.length === 0 && !names.every((name, at) => at === 0 || names[at - 1] < name)) {
    named.push(refused("archive.not-sorted", WHOLE, "its entries are not sorted by name"));
  }
  found.push(...named, ...(await placeFindings(file, entries, offset)));
  if (found.length === 0 && !same(tail, endRecord(entries.length, directory.length, offset))) {
    found.push(refused("archive.end-record-changed", WHOLE, "its end record does not fit its entries"));
  }
  const stored = (entry) => [entry.name, { blob: file.slice(entry.start, entry.end), crc: entry.crc }];
  return found.length > 0 ? { files: null, found } : { files: new Map(entries.map(stored)), found };
};

/** The files of a folder, by their names below it; a browser hands over no links and no devices. */
const readFolder = (chosen) => {
  const names = chosen.map(({ name }) => name);
  if (names.length > LAYOUT.mostEntries) {
    const meaning = `it holds more than ${LAYOUT.mostEntries} files`;
    return { files: null, found: [refused("archive.too-many-entries", "(the folder)", meaning)] };
  }
  const found = nameFindings(names);
  const byName = new Map(chosen.map(({ name, blob }) => [name, { blob, crc: null }]));
  return found.length > 0
    ? { files: null, found }
    : { files: new Map(sorted(names).map((name) => [name, byName.get(name)])), found };
};

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return value;
});

const crc32 = (bytes) => {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  }
  return (value ^ 0xffffffff) >>> 0;
};

/** A bundle's files, each read once: what was digested is what is looked into. */
class Contents {
  constructor(files) {
    this.files = files;
    this.digests = new Map();
    this.documents = new Map();
    this.ends = new Map();
    this.wrongCrc = new Set();
  }

  async read(progress) {
    let done = 0;
    for (const [name, { blob, crc }] of this.files) {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      this.digests.set(name, await sha256(bytes));
      if (crc !== null && crc32(bytes) !== crc) {
        this.wrongCrc.add(name);
      }
      if (isDocument(name) || (isProof(name) && bytes.length <= LAYOUT.mostDocumentBytes)) {
        this.documents.set(name, bytes);
      } else if (name === LAYOUT.notebookHtml || name === LAYOUT.notebookPdf) {
        const text = (part) => new TextDecoder("latin1").decode(part);
        this.ends.set(name, [text(bytes.subarray(0, HEAD_BYTES)), text(bytes.subarray(-HEAD_BYTES))]);
      }
      done += 1;
      progress(done, this.files.size);
    }
  }

  get names() {
    return [...this.files.keys()];
  }

  has(name) {
    return this.files.has(name);
  }
}

const isSignOff = (name) => new RegExp(`^(?:${LAYOUT.signOffName})$`).test(name);
const isProof = (name) => name.startsWith(LAYOUT.proofs);
const isDocument = (name) => LAYOUT.documents.includes(name) || isSignOff(name);
