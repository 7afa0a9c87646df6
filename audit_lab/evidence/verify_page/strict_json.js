// JSON read strictly: whatever two readers could understand differently is refused.

const MOST_NESTING = 64;
const HALF_PAIR = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;

class JsonReader {
  constructor(text, name) {
    this.text = text;
    this.name = name;
    this.at = 0;
  }

  refuse(what, code = "json.not-json") {
    throw new Malformed(code, `${this.name} ${what}`, "Ask whoever made the file for an unaltered copy");
  }

  document() {
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) {
      this.refuse(`is not JSON (more follows at character ${this.at})`);
    }
    return value;
  }

  space() {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
  }

  value(depth) {
    this.space();
    const first = this.text[this.at];
    if (first === "{" || first === "[") {
      if (depth === MOST_NESTING) {
        this.refuse(`nests deeper than ${MOST_NESTING}`, "json.too-deep");
      }
      this.at += 1;
      return first === "{" ? this.object(depth + 1) : this.list(depth + 1);
    }
    if (first === '"') {
      return this.string();
    }
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number();
  }

  taken(mark) {
    this.space();
    const there = this.text[this.at] === mark;
    this.at += there ? 1 : 0;
    return there;
  }

  object(depth) {
    const value = Object.create(null);
    if (this.taken("}")) {
      return value;
    }
    let twice = null;
    do {
      this.space();
      const key = this.string();
      if (!this.taken(":")) {
        this.refuse(`is not JSON (no colon at character ${this.at})`);
      }
      const member = this.value(depth);
      twice = key in value ? key : twice;
      value[key] = member;
    } while (this.taken(","));
    if (!this.taken("}")) {
      this.refuse(`is not JSON (an object does not end at character ${this.at})`);
    }
    if (twice !== null) {
      this.refuse(`has the member ${shown(twice)} more than once`, "json.duplicate-member");
    }
    return value;
  }

  list(depth) {
    const value = [];
    if (this.taken("]")) {
      return value;
    }
    do {
      value.push(this.value(depth));
    } while (this.taken(","));
    if (!this.taken("]")) {
      this.refuse(`is not JSON (a list does not end at character ${this.at})`);
    }
    return value;
  }

  string() {
    const start = this.at;
    let end = this.text[start] === '"' ? start + 1 : this.text.length;
    while (end < this.text.length && this.text[end] !== '"') {
      end += this.text[end] === "\\" ? 2 : 1;
    }
    if (end >= this.text.length) {
      this.refuse(`is not JSON (no text at character ${start})`);
    }
    const token = this.text.slice(start, end + 1);
    this.at = end + 1;
    let value = "";
    try {
      value = JSON.parse(token);
    } catch {
      this.refuse(`is not JSON (no text at character ${start})`);
    }
    if (token.includes("\\u") && HALF_PAIR.test(value)) {
      this.refuse("escapes half of a surrogate pair", "json.lone-surrogate");
    }
    return value;
  }

  number() {
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text);
    if (found === null) {
      this.refuse(`is not JSON (nothing known at character ${this.at})`);
    }
    this.at = NUMBER.lastIndex;
    const whole = found[1] === undefined && found[2] === undefined;
    if (whole && found[0].replace("-", "").length > 16) {
      this.refuse("holds an integer of more than 16 digits", "json.number-too-big");
    }
    const value = Number(found[0]);
    if (!Number.isFinite(value)) {
      this.refuse("holds a number beyond double precision", "json.number-too-big");
    }
    // 2.0 is not the integer 2: as an object, it is no integer for anybody who asks.
    return !whole && Number.isInteger(value) ? Object(value) : value;
  }
}

const decoded = (bytes, name) => {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new Malformed("json.byte-order-mark", `${name} starts with a byte order mark`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Malformed("json.not-utf8", `${name} is not UTF-8`);
  }
};

const parseJson = (bytes, name) => new JsonReader(decoded(bytes, name), name).document();

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The value as an object with every required member and, where `optional` is given, none that is unknown. */
const members = (value, required, name, optional = []) => {
  const known = new Set([...required, ...(optional ?? [])]);
  if (!isObject(value)) {
    throw new Malformed("json.not-an-object", `${name} should be a JSON object`);
  }
  const missing = required.filter((member) => !(member in value));
  if (missing.length > 0) {
    throw new Malformed("json.member-missing", `${name} lacks the members ${missing.join(", ")}`);
  }
  const unknown = optional === null ? [] : Object.keys(value).filter((member) => !known.has(member));
  if (unknown.length > 0) {
    throw new Malformed("json.member-unknown", `${name} has unknown members ${unknown.map(shown).join(", ")}`);
  }
  return value;
};

/** Canonical JSON (RFC 8785) of values without floats. */
const canonical = (value) => {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(",")}]`;
  }
  if (isObject(value)) {
    return `{${sorted(Object.keys(value)).map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value);
};
