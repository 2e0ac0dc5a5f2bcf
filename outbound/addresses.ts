/** Which addresses are anybody's on the internet, and which are somebody's own: a network, a machine, a cloud's inside. */
import { BlockList, isIP } from "node:net";

/**
 * Networks that no stranger may name: the IANA registries of special-purpose addresses (RFC 6890 and its successors),
 * multicast, and the one public address behind which a cloud (Azure, 168.63.129.16) keeps its platform.
 */
const INNER_IPV4: readonly string[] = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"],
  ...["198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
  "168.63.129.16/32",
];

/** Global unicast is one block; all else is loopback, link-local, unique local, multicast, or translates to IPv4. */
const GLOBAL_IPV6 = ["2000::/3"];
/** Parts of it that belong to nobody: protocol assignments (Teredo too), 6to4, documentation. */
const INNER_IPV6: readonly string[] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

const innerIpv4 = listOf(INNER_IPV4);
const globalIpv6 = listOf(GLOBAL_IPV6);
const innerIpv6 = listOf(INNER_IPV6);

/** Whether an address is one of the internet's, that a stranger may have us call. An IPv4 address in IPv6 counts as itself. */
export function isPublic(address: string): boolean {
  const plain = unmapped(address);
  if (isIP(plain) === 4) return !innerIpv4.check(plain, "ipv4");
  if (isIP(plain) !== 6) return false;
  return globalIpv6.check(plain, "ipv6") && !innerIpv6.check(plain, "ipv6");
}

/** The networks in CIDR notation, and single addresses, as something that can be asked. */
export function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const family = isIP(address) === 4 ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** Whether a text is an address, or a network in CIDR notation. */
export function isNetwork(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined ||
    (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** Whether a list has an address. */
export function has(list: BlockList, address: string): boolean {
  const plain = unmapped(address);
  return list.check(plain, isIP(plain) === 4 ? "ipv4" : "ipv6");
}

/** `::ffff:10.0.0.1`, in whichever spelling, is 10.0.0.1 to the system that dials it. */
export function unmapped(address: string): string {
  if (isIP(address) !== 6) return address;
  const canonical = new URL(`http://[${address.replace(/%.*$/, "")}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return canonical;
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)];
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
}
