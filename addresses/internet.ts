/** Addresses that are anybody's on the internet, and those that are somebody's own: a network, a machine, a cloud's inside. */
import { isIP } from "node:net";
import { inNetworks, unmapped } from "./networks.ts";

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

const inIpv4 = inNetworks(INNER_IPV4);
const inGlobalIpv6 = inNetworks(GLOBAL_IPV6);
const inInnerIpv6 = inNetworks(INNER_IPV6);

/** Whether an address is one of the internet's, that a stranger may have us call. An IPv4 address in IPv6 counts as itself. */
export function isPublic(address: string): boolean {
  const plain = unmapped(address);
  if (isIP(plain) === 4) return !inIpv4(plain);
  if (isIP(plain) !== 6) return false;
  return inGlobalIpv6(plain) && !inInnerIpv6(plain);
}
