/** IP addresses and CIDR ranges. */

/** Compiles an address or a range into a test of addresses. Throws `SyntaxError` for what is neither. */
export function inRange(range: string): (address: string) => boolean {
  const [text = "", length] = range.split("/");
  const base = parseAddress(text);
  if (base === undefined) throw new SyntaxError(`Expected an address: "${text}" is none`);
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8: the first 96 bits only say "IPv4 inside".
  const inside = base.length === 4 && text.includes(":") ? 96 : 0;
  const bits = length === undefined ? base.length * 8 : Number(length) - inside;
  if (!Number.isInteger(bits) || bits < 0 || bits > base.length * 8) {
    throw new SyntaxError(`Expected a prefix that fits the address: "${range}"`);
  }
  return (address) => {
    const bytes = parseAddress(address);
    return bytes !== undefined && bytes.length === base.length && samePrefix(bytes, base, bits);
  };
}

function samePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  for (let i = 0; i * 8 < bits; i++) {
    const kept = Math.min(8, bits - i * 8);
    const mask = (0xff << (8 - kept)) & 0xff;
    if (((a[i] ?? 0) & mask) !== ((b[i] ?? 0) & mask)) return false;
  }
  return true;
}

/** Bytes of an IPv4 or IPv6 address; an IPv4 address inside IPv6 counts as IPv4. Undefined for anything else. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return parseV4(text);
  const v4 = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let hex = text;
  if (v4 !== null) {
    const tail = parseV4(v4[2] ?? "");
    if (tail === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = tail;
    hex = `${v4[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  }
  const bytes = parseV6(hex);
  if (bytes === undefined) return undefined;
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 &&
    bytes[11] === 255;
  return mapped ? bytes.slice(12) : bytes;
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return new Uint8Array(parts.map(Number));
}

/** RFC 4291 section 2.2: eight groups, of which one run of zeros may be written as "::". */
function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => half === "" ? [] : half.split(":"));
  const given = groups.flat();
  if (!given.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const missing = 8 - given.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const [head = [], tail = []] = groups;
  const all = [...head, ...new Array<string>(halves.length === 1 ? 0 : missing).fill("0"), ...tail];
  const bytes = new Uint8Array(16);
  all.forEach((group, i) => new DataView(bytes.buffer).setUint16(i * 2, parseInt(group, 16)));
  return bytes;
}
