/** IP addresses and networks in CIDR notation, on the runtime's own list (`node:net`). */
import { BlockList, isIP } from "node:net";

/** Bits of an address, by its family. */
const BITS: Readonly<Record<number, number>> = { 4: 32, 6: 128 };
/** RFC 4291 section 2.5.5.2: the first bits of `::ffff:0:0` only say "IPv4 inside". */
const MAPPED_BITS = 96;

/**
 * Compiles addresses and networks (`10.0.0.0/8`, `::1`) into a test of addresses. An IPv4 address inside an IPv6 one
 * counts as itself, on both sides; what is no address is in no network.
 *
 * @throws {SyntaxError} for what is neither an address nor a network
 */
export function inNetworks(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const { address, bits } = networkOf(network);
    list.addSubnet(address, bits, familyOf(address));
  }
  return (address) => {
    const plain = unmapped(address);
    return isIP(plain) !== 0 && list.check(plain, familyOf(plain));
  };
}

/** Whether a text is an address, or a network in CIDR notation. */
export function isNetwork(text: string): boolean {
  try {
    networkOf(text);
    return true;
  } catch {
    return false;
  }
}

/** `::ffff:10.0.0.1`, in whichever spelling, is 10.0.0.1 to the system that dials it. A zone (`%eth0`) is cut off. */
export function unmapped(address: string): string {
  if (isIP(address) !== 6) return address;
  const canonical = new URL(`http://[${address.replace(/%.*$/, "")}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return canonical;
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)];
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
}

function networkOf(text: string): { address: string; bits: number } {
  const [written = "", length, ...more] = text.split("/");
  const whole = BITS[isIP(written)];
  if (whole === undefined) throw new SyntaxError(`Expected an address: "${written}" is none`);
  const address = unmapped(written);
  const inside = isIP(address) === isIP(written) ? 0 : MAPPED_BITS;
  const bits = (length === undefined ? whole : Number(length)) - inside;
  if (more.length > 0 || !/^\d{1,3}$/.test(length ?? "0") || bits < 0 || bits > whole - inside) {
    throw new SyntaxError(`Expected a prefix that fits the address: "${text}"`);
  }
  return { address, bits };
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
