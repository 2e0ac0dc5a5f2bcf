/** A folder with a development CA and what it signed, and with the files that Envoy watches. */
import { X509Certificate } from "node:crypto";
import { isIP, isIPv6 } from "node:net";
import { join } from "node:path";
import {
  makePrivateFolder,
  messageOf,
  readTextFile,
  replaceFile,
  UsageError,
} from "../service/mod.ts";
import {
  type AlternativeName,
  type CertificateOptions,
  issueCertificate,
  type KeyPair,
} from "./certificate.ts";
import { certificateSecret, rootsSecret, URIS } from "./sds.ts";

/** The trust domain of all names here; `.test` is nobody's (RFC 6761). */
export const TRUST_DOMAIN = "spiffe://llmgate.test/";

const CLIENTS = "clients.sds.yaml";

/** The files that Envoy watches. */
const SECRETS = ["server.sds.yaml", CLIENTS, "upstream.sds.yaml"];

/** Client certificates that are accepted: tenants' and admins', no other of the same CA. */
const CLIENT_NAMES = [
  { prefix: `${TRUST_DOMAIN}tenant/` },
  { exact: `${TRUST_DOMAIN}admin` },
] as const;

/** Where a folder's files are. */
export interface TlsFolder {
  readonly folder: string;
  /** PEM of the CA, for clients and upstreams that shall trust it. */
  readonly ca: string;
  /** Files that were made now; empty when all was there. */
  readonly made: readonly string[];
}

/** Whether a client must show a certificate, or may. */
export type ClientCertificates = "required" | "optional";

/** Options of {@linkcode prepareTlsFolder}. */
export interface TlsFolderOptions {
  /** Names beside localhost under which the server is reached. */
  readonly hosts?: readonly string[];
  /** Tenants that get a client certificate; `a` and `b` when left out. */
  readonly tenants?: readonly string[];
  /** Issues all leaves anew, by the same CA. */
  readonly renew?: boolean;
  /** Whether a client must show a certificate; as the folder says when left out, optional in a new one. */
  readonly clients?: ClientCertificates;
}

interface Leaf {
  readonly name: string;
  readonly use: CertificateOptions["use"];
  readonly names: readonly AlternativeName[];
}

const CA = "ca";
const CA_NAME = "llmgate development CA";
const CA_YEARS = 10;
const DAY_MS = 86_400_000;
const LEAF_DAYS = 365;
/** A leaf that ends this soon is issued anew. */
const RENEW_DAYS = 30;
/** Clocks differ: what was issued now is good for peers that are late. */
const EARLY_MS = 3_600_000;

const LOCAL: readonly AlternativeName[] = [{ dns: "localhost" }, { ip: "127.0.0.1" }, {
  ip: "::1",
}];

/**
 * Makes what is missing in a folder, the folder too: a CA, certificates for the server, for clients
 * (`client-a`, `client-admin` …), for the gateway as a client of its upstream, and for an upstream;
 * and `server.sds.yaml`, `clients.sds.yaml` and `upstream.sds.yaml`, which Envoy watches. Keys are
 * readable by their owner alone. A CA that is there is used; leaves that are near their end, broken,
 * or without a name that is asked for are issued anew, with all names that they had. A folder with
 * these three files and no CA's key is somebody else's: it is taken as it is.
 *
 * @throws {UsageError} when the folder cannot be written, its CA not be used, or somebody else's shall be changed
 */
export async function prepareTlsFolder(
  folder: string,
  options: TlsFolderOptions = {},
): Promise<TlsFolder> {
  try {
    await makePrivateFolder(folder);
    // Two gateways may start at once: one makes the CA, and the other finds it.
    using lock = await Deno.open(join(folder, ".lock"), { write: true, create: true, mode: 0o600 });
    await lock.lock(true);
    return await foreignFolder(folder, options) ?? await ownFolder(folder, options);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `Cannot keep certificates in "${folder}": ${
        messageOf(error)
      }: name a folder that can be written`,
    );
  }
}

/** A folder whose files come from elsewhere; undefined for one of ours, or a new one. */
async function foreignFolder(
  folder: string,
  { renew = false, clients, hosts = [] }: TlsFolderOptions,
): Promise<TlsFolder | undefined> {
  const [certificate, key, ...secrets] = await Promise.all(
    [`${CA}.pem`, `${CA}.key.pem`, ...SECRETS].map((name) => readText(join(folder, name))),
  );
  if (key !== undefined) return undefined;
  if (secrets.every((text) => text !== undefined)) {
    if (!renew && clients === undefined && hosts.length === 0) {
      return { folder, ca: certificate ?? "", made: [] };
    }
    throw new UsageError(
      `Cannot issue certificates in "${folder}": its files are of another CA, whose key ${CA}.key.pem is not here: name another folder`,
    );
  }
  if (certificate === undefined) return undefined;
  throw new UsageError(
    `Cannot use the CA in "${folder}": ${CA}.pem is there and its key ${CA}.key.pem is not: put it beside, or name another folder`,
  );
}

async function ownFolder(
  folder: string,
  { hosts = [], tenants = ["a", "b"], renew = false, clients }: TlsFolderOptions,
): Promise<TlsFolder> {
  const made: string[] = [];
  let ca = await readPair(folder, CA);
  if (ca !== undefined && shownBy(ca) === undefined) {
    throw unusableCa(folder, `${CA}.pem is no certificate`);
  }
  if (ca === undefined) {
    const now = Date.now();
    ca = await issueCertificate({
      commonName: CA_NAME,
      use: "ca",
      notBefore: new Date(now - EARLY_MS),
      notAfter: new Date(now + CA_YEARS * 365 * DAY_MS),
    });
    await writePair(folder, CA, ca);
    made.push(CA);
  }
  for (const leaf of leavesOf(hosts, tenants)) {
    const pair = await readPair(folder, leaf.name);
    const known = pair && shownBy(pair);
    const names = unique([...leaf.names, ...known?.names ?? []]);
    // A new authority signs all of them anew.
    const isNew = renew || made.includes(CA);
    const hasNames = known?.names === undefined
      ? leaf.name !== "server" || hosts.length === 0
      : names.length === known.names.length;
    if (!isNew && known?.lasts && hasNames) continue;
    const issued = await issueLeaf({ ...leaf, names }, ca).catch((error) => {
      throw unusableCa(folder, `${CA}.key.pem cannot sign (${messageOf(error)})`);
    });
    await writePair(folder, leaf.name, issued);
    made.push(leaf.name);
  }
  await writeSecrets(folder, ca, clients ?? await clientsOf(folder));
  return { folder, ca: ca.certificate, made };
}

function unusableCa(folder: string, why: string): UsageError {
  return new UsageError(
    `Cannot use the CA in "${folder}": ${why}: remove its ${CA}.pem and ${CA}.key.pem for a new one`,
  );
}

function leavesOf(hosts: readonly string[], tenants: readonly string[]): Leaf[] {
  const named = hosts.map((host): AlternativeName => isIP(host) ? { ip: host } : { dns: host });
  const client = (name: string, path: string): Leaf => ({
    name,
    use: "client",
    names: [{ uri: TRUST_DOMAIN + path }],
  });
  return [
    { name: "server", use: "server", names: [...LOCAL, ...named] },
    ...tenants.map((tenant) => client(`client-${tenant}`, `tenant/${tenant}`)),
    client("client-admin", "admin"),
    client("gateway", "gateway"),
    { name: "upstream", use: "server", names: LOCAL },
  ];
}

function issueLeaf({ name, use, names }: Leaf, ca: KeyPair): Promise<KeyPair> {
  const now = Date.now();
  return issueCertificate({
    commonName: name,
    use,
    names,
    notBefore: new Date(now - EARLY_MS),
    notAfter: new Date(now + LEAF_DAYS * DAY_MS),
    issuer: { commonName: CA_NAME, keyPair: ca },
  });
}

/** Names and validity of a certificate. */
interface Shown {
  /** Undefined where the runtime cannot tell (Deno 2.6, which binaries may hold). */
  readonly names: readonly AlternativeName[] | undefined;
  /** Whether it is far from its end. */
  readonly lasts: boolean;
}

/** Kinds of names as Node writes them (RFC 5280, section 4.2.1.6). */
const NAME_KINDS: readonly [prefix: string, name: (value: string) => AlternativeName][] = [
  ["DNS:", (dns) => ({ dns })],
  ["IP Address:", (ip) => ({ ip })],
  ["URI:", (uri) => ({ uri })],
];

/** Reads a certificate; undefined when it is none. */
function shownBy({ certificate }: KeyPair): Shown | undefined {
  try {
    const { validTo, subjectAltName } = new X509Certificate(certificate);
    const names = subjectAltName?.split(", ").flatMap((text) =>
      NAME_KINDS.flatMap(([prefix, name]) =>
        text.startsWith(prefix) ? [name(text.slice(prefix.length))] : []
      )
    );
    return {
      names: names && unique(names),
      // That runtime writes the zone as an offset, which no Date reads there.
      lasts: Date.parse(validTo.replace(/ \+00:00$/, " GMT")) > Date.now() + RENEW_DAYS * DAY_MS,
    };
  } catch {
    return undefined;
  }
}

/** Each name once; IPv6 addresses have several spellings. */
function unique(names: readonly AlternativeName[]): AlternativeName[] {
  const keyOf = (name: AlternativeName) =>
    "ip" in name && isIPv6(name.ip) ? new URL(`http://[${name.ip}]`).host : JSON.stringify(name);
  return [...new Map(names.map((name) => [keyOf(name), name])).values()];
}

/** Reads the client certificates that the folder names by now. */
async function clientsOf(folder: string): Promise<ClientCertificates> {
  return (await readText(join(folder, CLIENTS)))?.includes(URIS) ? "required" : "optional";
}

async function writeSecrets(
  folder: string,
  ca: KeyPair,
  clients: ClientCertificates,
): Promise<void> {
  const pair = async (name: string) => await readPair(folder, name) ?? ca;
  const secrets = {
    "server.sds.yaml": certificateSecret("server", await pair("server")),
    [CLIENTS]: rootsSecret("clients", {
      roots: ca.certificate,
      uris: clients === "required" ? CLIENT_NAMES : [],
    }),
    "upstream.sds.yaml": certificateSecret("upstream", await pair("gateway")),
  };
  for (const [name, text] of Object.entries(secrets)) {
    if (await readText(join(folder, name)) !== text) await replaceFile(join(folder, name), text);
  }
}

async function readPair(folder: string, name: string): Promise<KeyPair | undefined> {
  const certificate = await readText(join(folder, `${name}.pem`));
  const key = await readText(join(folder, `${name}.key.pem`));
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

async function writePair(folder: string, name: string, pair: KeyPair): Promise<void> {
  await replaceFile(join(folder, `${name}.key.pem`), pair.key);
  await replaceFile(join(folder, `${name}.pem`), pair.certificate);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
