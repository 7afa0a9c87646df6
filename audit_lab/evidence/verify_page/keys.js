// Public keys that the reader pastes: lines of .pub files (C2SP verifier keys), or the text of a trust file.

const FIELD_PRIME = 2n ** 255n - 19n;
const SMALL_ORDER_Y = LAYOUT.smallOrderY.map(BigInt);
const KEY_LINE = /^([A-Za-z0-9][A-Za-z0-9._@/-]{0,99})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/;
const TABLE_LINE = /^([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\["\\])*)"|([0-9TZ: .+-]+)|(\[[a-z", -]*\]))\s*(?:#.*)?$/;
const KEY_MEMBERS = ["public", "role", "origin", "revoked_from", "valid_until", "person", "roles"];

/** The bytes of base64 text that would be written so again; null for any other text. */
const fromBase64 = (text) => {
  if (typeof text !== "string") {
    return null;
  }
  try {
    const raw = atob(text);
    return btoa(raw) === text ? Uint8Array.from(raw, (letter) => letter.charCodeAt(0)) : null;
  } catch {
    return null;
  }
};

const littleEndian = (bytes) => BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`);

class PastedKeyError extends Error {}

/** An Ed25519 key from its line; refused are keys that do not carry their own hash, and those of small order. */
const parseKey = async (line) => {
  const found = KEY_LINE.exec(line);
  const blob = found === null ? null : fromBase64(found[3]);
  if (blob === null || blob.length !== 33 || ![1, 4].includes(blob[0])) {
    throw new PastedKeyError(`${shown(line)} is not the line of a public key`);
  }
  const id = await sha256(joined(utf8(`${found[1]}\n`), blob));
  if (id.slice(0, 8) !== found[2]) {
    throw new PastedKeyError(`The key ${shown(line)} does not carry its own key hash`);
  }
  const raw = blob.slice(1);
  const y = littleEndian(raw) & (2n ** 255n - 1n);
  if (y >= FIELD_PRIME || SMALL_ORDER_Y.includes(y)) {
    throw new PastedKeyError(`${shown(line)} is a key of small order, under which anybody can sign`);
  }
  return { name: found[1], id, raw, cosigner: blob[0] === 4 };
};

/** When a key ends, who holds it and in which roles, as a trust file says it; refused is what is no such thing. */
const heldBy = (table) => {
  const { role, revoked_from: revokedFrom = null, valid_until: validUntil = null, person = null, roles = "[]" } = table;
  let listed = null;
  try {
    listed = JSON.parse(roles.replace(/,\s*\]$/, "]"));
  } catch {
    // Told below.
  }
  const ofPersons = ["investigator", "sign-off"].includes(role);
  const known = listed !== null && listed.every((each) => LAYOUT.roles.includes(each));
  if (!known || (listed.length > 0 && role !== "sign-off")) {
    throw new PastedKeyError(`${shown(roles)} are no roles of a key for sign-offs`);
  }
  if (!ofPersons && (validUntil !== null || person !== null)) {
    throw new PastedKeyError(`A key of the role ${shown(role)} has a holder or an end, which are for persons' keys`);
  }
  for (const time of [revokedFrom, validUntil]) {
    if (time !== null && (Number.isNaN(Date.parse(time.replace(" ", "T"))) || !/(Z|[+-]\d\d:\d\d)$/.test(time))) {
      throw new PastedKeyError(`${shown(time)} is no time with a zone`);
    }
  }
  return { revokedFrom, validUntil, person, roles: listed };
};

/** The keys in a pasted text: a bare line counts for `role`, an entry of a trust file for the role that it states.
 *  Time-stamping authorities in it are passed over: this page checks no timestamps. */
const pastedKeys = async (text, role) => {
  const keys = [];
  let table = null;
  let elsewhere = false;
  const close = async () => {
    if (table !== null) {
      if (!table.public || !table.role || table.origin === undefined) {
        throw new PastedKeyError("A key of the trust file lacks public, role or origin");
      }
      keys.push({ ...(await parseKey(table.public)), ...heldBy(table), role: table.role, origin: table.origin });
    }
  };
  for (const line of text.split("\n").map((each) => each.trim())) {
    const member = TABLE_LINE.exec(line);
    if (line === "" || line.startsWith("#")) {
      continue;
    }
    if (line === "[[key]]" || line === "[[authority]]") {
      await close();
      table = line === "[[key]]" ? {} : null;
      elsewhere = line === "[[authority]]";
    } else if (elsewhere) {
      continue;
    } else if (member !== null && (table !== null || ["format", "version"].includes(member[1]))) {
      if (table !== null && !KEY_MEMBERS.includes(member[1])) {
        throw new PastedKeyError(`A key of the trust file has the member ${shown(member[1])}, which is not known`);
      }
      if (table !== null) {
        const [, name, text, time, list] = member;
        table[name] = text === undefined ? (time?.trim() ?? list) : text.replace(/\\(["\\])/g, "$1");
      }
    } else if (table === null) {
      keys.push({ ...(await parseKey(line)), ...heldBy({}), role, origin: "*" });
    } else {
      throw new PastedKeyError(`${shown(line)} is neither the line of a public key nor one of a trust file`);
    }
  }
  await close();
  return keys.filter((key) => !key.cosigner);
};

const pinned = (keys, id, role) => keys.filter((key) => key.id === id && key.role === role);
const isDemonstration = (key) => key.name.startsWith(LAYOUT.demonstrationPrefix);

/** Whether this browser can check Ed25519 signatures (RFC 8032, section 7.1, test 2). */
const ed25519 = { supported: null };
const canCheckSignatures = async () => {
  if (ed25519.supported === null) {
    const raw = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const signature =
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
    try {
      ed25519.supported = await checkSignature(bytes(raw), bytes(signature), Uint8Array.of(0x72));
    } catch {
      ed25519.supported = false;
    }
  }
  return ed25519.supported;
};

const checkSignature = async (raw, signature, message) => {
  const key = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
};
