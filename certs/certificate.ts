/** Issues X.509 certificates (RFC 5280) with ECDSA P-256 keys: enough of them for a development CA. */
import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import {
  bits,
  type Bytes,
  explicit,
  implicit,
  integer,
  octets,
  oid,
  sequence,
  set,
  time,
  TRUE,
  utf8,
} from "./der.ts";

/** A certificate and its key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  /** PKCS #8. */
  readonly key: string;
}

/** Another name of a subject (RFC 5280, 4.2.1.6). */
export type AlternativeName =
  | { readonly dns: string }
  | { readonly uri: string }
  /** IPv4 or IPv6, as text. */
  | { readonly ip: string };

/** Contents of a certificate. */
export interface CertificateOptions {
  readonly commonName: string;
  readonly names?: readonly AlternativeName[];
  readonly use: "ca" | "server" | "client";
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The signer; a certificate without one signs itself. */
  readonly issuer?: { readonly commonName: string; readonly keyPair: KeyPair };
}

const ECDSA = { name: "ECDSA", namedCurve: "P-256" };
const OIDS = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAlternativeName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

const ALGORITHM = sequence(oid(OIDS.ecdsaWithSha256));
const encoder = new TextEncoder();

/** Makes a key and a certificate for it. */
export async function issueCertificate(options: CertificateOptions): Promise<KeyPair> {
  const { commonName, use, notBefore, notAfter, issuer } = options;
  const keys = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey));
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const signer = issuer === undefined ? keys.privateKey : await signingKey(issuer.keyPair.key);
  const authorityKey = issuer === undefined ? spki : await publicKeyOf(signer);
  const body = sequence(
    explicit(0, integer(new Uint8Array([2]))), // version 3
    integer(crypto.getRandomValues(new Uint8Array(16))),
    ALGORITHM,
    nameOf(issuer?.commonName ?? commonName),
    sequence(time(notBefore), time(notAfter)),
    nameOf(commonName),
    spki,
    explicit(3, sequence(...extensions(use, options.names ?? [], { spki, authorityKey }))),
  );
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, signer, body);
  return {
    certificate: pem("CERTIFICATE", sequence(body, ALGORITHM, bits(ecdsaSignature(signature)))),
    key: pem("PRIVATE KEY", pkcs8),
  };
}

function extensions(
  use: CertificateOptions["use"],
  names: readonly AlternativeName[],
  { spki, authorityKey }: { spki: Bytes; authorityKey: Bytes },
): Bytes[] {
  const critical = (id: string, content: Bytes) => sequence(oid(id), TRUE, octets(content));
  const plain = (id: string, content: Bytes) => sequence(oid(id), octets(content));
  const shared = [
    plain(OIDS.subjectKeyIdentifier, octets(keyIdentifier(spki))),
    plain(OIDS.authorityKeyIdentifier, sequence(implicit(0, keyIdentifier(authorityKey)))),
  ];
  if (use === "ca") {
    return [
      critical(OIDS.basicConstraints, sequence(TRUE, integer(new Uint8Array([0])))),
      critical(OIDS.keyUsage, bits(new Uint8Array([0b0000_0110]), 1)), // keyCertSign, cRLSign
      ...shared,
    ];
  }
  return [
    critical(OIDS.basicConstraints, sequence()),
    critical(OIDS.keyUsage, bits(new Uint8Array([0b1000_0000]), 7)), // digitalSignature
    plain(
      OIDS.extendedKeyUsage,
      sequence(oid(use === "server" ? OIDS.serverAuth : OIDS.clientAuth)),
    ),
    plain(OIDS.subjectAlternativeName, sequence(...names.map(alternativeName))),
    ...shared,
  ];
}

function alternativeName(name: AlternativeName): Bytes {
  if ("dns" in name) return implicit(2, encoder.encode(name.dns));
  if ("uri" in name) return implicit(6, encoder.encode(name.uri));
  return implicit(7, addressBytes(name.ip));
}

/** The four or sixteen bytes of an address. The URL parser writes IPv6 in hexadecimal alone, with one `::` at most. */
function addressBytes(ip: string): Bytes {
  if (!isIPv6(ip)) return new Uint8Array(ip.split(".").map(Number));
  const halves = new URL(`http://[${ip}]`).hostname.slice(1, -1).split("::")
    .map((half) => half === "" ? [] : half.split(":").map((group) => parseInt(group, 16)));
  const [head = [], tail = []] = halves;
  const bytes = new DataView(new ArrayBuffer(16));
  head.forEach((group, index) => bytes.setUint16(index * 2, group));
  tail.forEach((group, index) => bytes.setUint16(16 - (tail.length - index) * 2, group));
  return new Uint8Array(bytes.buffer);
}

function nameOf(commonName: string): Bytes {
  return sequence(set(sequence(oid(OIDS.commonName), utf8(commonName))));
}

/** RFC 5280, 4.2.1.2: SHA-1 of the key's bits. Those of an uncompressed P-256 point end its SPKI. */
function keyIdentifier(spki: Bytes): Bytes {
  return new Uint8Array(createHash("sha1").update(spki.subarray(-65)).digest());
}

/** Web Crypto gives r and s side by side; X.509 wants a SEQUENCE of them (RFC 3279, 2.2.3). */
function ecdsaSignature(raw: ArrayBuffer): Bytes {
  const bytes = new Uint8Array(raw);
  const half = bytes.length / 2;
  return sequence(integer(bytes.subarray(0, half)), integer(bytes.subarray(half)));
}

async function signingKey(text: string): Promise<CryptoKey> {
  return await crypto.subtle.importKey("pkcs8", bytesOf(text), ECDSA, true, ["sign"]);
}

async function publicKeyOf(privateKey: CryptoKey): Promise<Bytes> {
  const { d: _, key_ops: __, ...jwk } = await crypto.subtle.exportKey("jwk", privateKey);
  const key = await crypto.subtle.importKey("jwk", jwk, ECDSA, true, ["verify"]);
  return new Uint8Array(await crypto.subtle.exportKey("spki", key));
}

/** RFC 7468. */
function pem(label: string, bytes: Bytes): string {
  const lines = bytes.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function bytesOf(text: string): Bytes {
  return Uint8Array.fromBase64(text.replace(/-----[^-]+-----|\s/g, ""));
}
