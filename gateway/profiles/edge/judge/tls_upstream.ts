/** A model server with TLS that takes only clients with a certificate, and notes their names. */
import { readFileSync } from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";

/** A running server. */
export interface TlsUpstream extends AsyncDisposable {
  /** `https://localhost:PORT` */
  readonly url: string;
  /** The names in the certificates of those whose requests were taken, in their order. */
  readonly clients: readonly string[];
}

/** Starts it with the files of a folder of certificates; resolves when it listens. */
export async function startTlsUpstream(folder: string): Promise<TlsUpstream> {
  const read = (name: string) => readFileSync(`${folder}/${name}`);
  const clients: string[] = [];
  const server = https.createServer({
    cert: read("upstream.pem"),
    key: read("upstream.key.pem"),
    ca: read("ca.pem"),
    requestCert: true,
    rejectUnauthorized: true,
  }, (request, response) => {
    clients.push((request.socket as TLSSocket).getPeerCertificate().subjectaltname ?? "");
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    clients,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
