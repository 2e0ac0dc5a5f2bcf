/** The secret by which an Envoy proves itself to the listeners behind it. */
import { Buffer } from "node:buffer";
import { randomBytes, timingSafeEqual } from "node:crypto";
import { messageOf, UsageError } from "./errors.ts";
import { isLoopback } from "./host_port.ts";

/** The header, or gRPC metadata, that carries it. */
export const PEER_HEADER = "x-llmgate-peer-secret";

/** Environment variable that holds it, for Envoy and for the listeners alike. */
export const PEER_SECRET_ENV = "LLMGATE_PEER_SECRET";
/** Environment variable that names a file with it, for the listeners. */
export const PEER_SECRET_FILE_ENV = "LLMGATE_PEER_SECRET_FILE";

/** Printable ASCII without spaces, as a header's value can carry it; 128 bits in hexadecimal digits have 32 characters. */
const SECRET = /^[\x21-\x7e]{32,256}$/;

/** Returns a secret for one run: 256 bits in hexadecimal digits. */
export function makePeerSecret(): string {
  return randomBytes(32).toString("hex");
}

/**
 * Returns the secret that the environment holds, or names the file of; undefined when it does neither.
 *
 * @throws {UsageError} when the file cannot be read, or the secret is too short or no header's value
 */
export function peerSecretOf(env: (name: string) => string | undefined): string | undefined {
  const file = env(PEER_SECRET_FILE_ENV);
  const secret = file ? secretIn(file) : env(PEER_SECRET_ENV);
  if (!secret) return undefined;
  if (SECRET.test(secret)) return secret;
  throw new UsageError(
    `Cannot use ${
      file ? `the secret in "${file}"` : PEER_SECRET_ENV
    }: it has ${secret.length} characters and must have 32 to 256, printable and without spaces: openssl rand -hex 32`,
  );
}

/** Whether a header's value is the secret; compares in constant time. */
export function isPeer(given: string | undefined, secret: string): boolean {
  const [left, right] = [Buffer.from(given ?? ""), Buffer.from(secret)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * Refuses to open a port to other machines that takes whoever reaches it for Envoy.
 *
 * @param what the listener, for the error: "the model router"
 * @throws {UsageError} when `host` is not a loopback address and there is no secret
 */
export function assertPeerSecret(host: string, secret: string | undefined, what: string): void {
  if (secret !== undefined || isLoopback(host)) return;
  throw new UsageError(
    `Cannot let ${what} listen on "${host}": whoever reaches it would be taken for Envoy: ` +
      `set ${PEER_SECRET_ENV} (or ${PEER_SECRET_FILE_ENV}) here and for Envoy to the same secret (openssl rand -hex 32), or listen on 127.0.0.1`,
  );
}

function secretIn(file: string): string {
  try {
    return beginningOf(file).trim();
  } catch (error) {
    throw new UsageError(`Cannot read ${PEER_SECRET_FILE_ENV} "${file}": ${messageOf(error)}`);
  }
}

/** The first kilobytes of a file: a secret is no longer, and a device has no end. */
function beginningOf(file: string): string {
  using opened = Deno.openSync(file);
  const bytes = new Uint8Array(4_096);
  return new TextDecoder().decode(bytes.subarray(0, opened.readSync(bytes) ?? 0));
}
