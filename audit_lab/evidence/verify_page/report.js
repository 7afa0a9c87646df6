// What is found: a stable code, the file, what it means, what to do next; the same codes as the verifier's.

const SHAPE_NEXT = "Do not unpack it; ask the sender for the bundle as it was exported";
const SENDER_NEXT = "Ask the sender for the bundle as it was exported";
const SIGNER_NEXT = "Ask the signer for the file as it was signed";
const CASE_NEXT = "Ask the investigator for a bundle that agrees with itself";

const finding = (code, file, meaning, next = SENDER_NEXT) => ({ code, file, meaning, next });
const refused = (code, file, meaning) => finding(code, file, meaning, SHAPE_NEXT);

/** A document that is not what it claims to be; becomes a finding about the file that is being read. */
class Malformed extends Error {
  constructor(code, meaning, next = SIGNER_NEXT) {
    super(meaning);
    this.code = code;
    this.next = next;
  }
}

/** Text of a bundle inside a sentence: quoted, cut, and on one line. */
const shown = (value) => {
  const text = typeof value === "string" ? value : String(value);
  return JSON.stringify(text.length > 140 ? `${text.slice(0, 140)}...` : text);
};

/** Text in which each character that nobody sees, or that turns the direction of text, is its name. */
const spelled = (text) =>
  text.replace(
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu,
    (letter) => `[U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`,
  );

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const utf8 = (text) => new TextEncoder().encode(text);
const joined = (...parts) => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};
const sha256 = async (bytes) => hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
const sorted = (names) => [...names].sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
