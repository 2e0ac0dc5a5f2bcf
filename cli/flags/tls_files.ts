/** Flags for serving TLS, and the files that they name. */
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
 * @throws {UsageError} when one is missing or cannot be read
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
  return { cert, key, ...(ca === undefined ? {} : { clientCa: ca }) };
}

async function readPem(file: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read "${file}": ${messageOf(error)}`);
  }
}
