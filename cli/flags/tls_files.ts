/** Flags for serving TLS, and the files that they name. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { messageOf, readTextFile, UsageError } from "../../service/mod.ts";
import { fileOption } from "../../options/mod.ts";

/** TLS for a server of ours, and mTLS with the third. */
export const SERVER_TLS_OPTIONS = {
  tlsCert: fileOption("--tls-cert <FILE>", { description: "serve TLS with this certificate, PEM" }),
  tlsKey: fileOption("--tls-key <FILE>", { description: "key of the certificate, PEM" }),
  clientCa: fileOption("--client-ca <FILE>", {
    description: "take only clients with a certificate of this authority, PEM (mTLS)",
  }),
};

interface ServerTlsFiles {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly clientCa: string | undefined;
}

/**
 * Reads the files of SERVER_TLS_OPTIONS; undefined when none is given.
 *
 * @throws {UsageError} when one is missing, cannot be read or is none, or the key is not the certificate's
 */
export async function readServerTls(
  files: ServerTlsFiles,
): Promise<{ cert: string; key: string; clientCa?: string } | undefined> {
  const { tlsCert, tlsKey, clientCa } = files;
  if (tlsCert === undefined && tlsKey === undefined && clientCa === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError("Cannot serve TLS: --tls-cert and --tls-key go together");
  }
  const [cert, key, ca] = await Promise.all([
    readPem(tlsCert),
    readPem(tlsKey),
    clientCa === undefined ? undefined : readPem(clientCa),
  ]);
  const certificate = certificateIn(tlsCert, cert);
  if (!isKeyOf(certificate, keyIn(tlsKey, key))) {
    throw new UsageError(`Cannot serve TLS: "${tlsKey}" is not the key of "${tlsCert}"`);
  }
  if (clientCa !== undefined) certificateIn(clientCa, ca ?? "");
  return { cert, key, ...(ca === undefined ? {} : { clientCa: ca }) };
}

function certificateIn(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new UsageError(`Cannot use "${file}": expected a certificate, PEM`);
  }
}

function keyIn(file: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new UsageError(`Cannot use "${file}": expected a private key without a passphrase, PEM`);
  }
}

function isKeyOf(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    // An older runtime cannot tell.
    return true;
  }
}

async function readPem(file: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read "${file}": ${messageOf(error)}`);
  }
}
