// Characters that nobody sees, made visible: controls, what turns the direction of text, what has no width.
// audit_lab/seal/hidden_letters.py names the same ones.

const HIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Text in which each hidden character is its name in brackets, like [U+202E]. */
export function spelled(text: string): string {
  return text.replace(HIDDEN, letter => `[U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`);
}
