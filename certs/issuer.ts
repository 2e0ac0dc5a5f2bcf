/** A development issuer of JSON Web Tokens (RFC 7519): its keys in a file, its public ones as a JWKS. */
import { dirname } from "node:path";
import {
  makePrivateFolder,
  messageOf,
  readTextFile,
  replaceFile,
  UsageError,
} from "../service/mod.ts";

/** Claims of the development issuer's tokens, which the edge profile expects unless told otherwise. */
export const DEV_ISSUER = { issuer: "https://llmgate.test", audience: "llmgate" } as const;

/** A claim's value. */
export type Claim = string | number | boolean | readonly Claim[] | {
  readonly [name: string]: Claim;
};

/** Signs tokens, and says by which keys they are checked. */
export interface Issuer {
  /**
   * Returns a token with these claims, signed with the current key; `iss`, `aud`, `iat` and `exp`
   * are added where they are not among them.
   *
   * @param ttlS seconds until it expires
   */
  sign(claims: Readonly<Record<string, Claim>>, ttlS: number): Promise<string>;
  /** The JSON Web Key Set (RFC 7517): the key in use, the next one, and the one before. */
  jwks(): { keys: JsonWebKey[] };
  /** Signs with the next key from now on, and publishes one after it. */
  rotate(): Promise<void>;
}

type PrivateKey = JsonWebKey & { readonly kid: string };

/** Newest first: the next key, the one in use, the one before. */
type Keys = readonly [PrivateKey, PrivateKey, ...PrivateKey[]];

const ECDSA = { name: "ECDSA", namedCurve: "P-256" };
const KEPT = 3;

/**
 * Opens the issuer whose keys are in a file, which is made when it is missing and readable by its
 * owner alone. The next key is published one rotation before anything is signed with it, so that
 * whoever asks for the keys now and then never meets a token of an unknown one.
 *
 * @throws {UsageError} when the file cannot be read or written
 */
export async function openIssuer(path: string): Promise<Issuer> {
  let keys = await readKeys(path);
  if (keys === undefined) {
    keys = [await newKey(), await newKey()];
    await writeKeys(path, keys);
  }
  return new FileIssuer(path, keys);
}

class FileIssuer implements Issuer {
  readonly #path: string;
  #keys: Keys;

  constructor(path: string, keys: Keys) {
    this.#path = path;
    this.#keys = keys;
  }

  async sign(claims: Readonly<Record<string, Claim>>, ttlS: number): Promise<string> {
    const [, current] = this.#keys;
    const now = Math.floor(Date.now() / 1000);
    const head = { alg: "ES256", typ: "JWT", kid: current.kid };
    const { issuer, audience } = DEV_ISSUER;
    const body = { iss: issuer, aud: audience, iat: now, exp: now + ttlS, ...claims };
    const text = [head, body].map((part) => base64url(JSON.stringify(part))).join(".");
    const key = await crypto.subtle.importKey("jwk", current, ECDSA, false, ["sign"]);
    const signature = await crypto.subtle.sign(
      { name: "ECDSA", hash: "SHA-256" },
      key,
      new TextEncoder().encode(text),
    );
    return `${text}.${base64url(new Uint8Array(signature))}`;
  }

  jwks(): { keys: JsonWebKey[] } {
    return {
      keys: this.#keys.map(({ kty, crv, x, y, kid }) =>
        ({ kty, crv, x, y, kid, alg: "ES256", use: "sig" }) as JsonWebKey
      ),
    };
  }

  async rotate(): Promise<void> {
    const [next, current] = this.#keys;
    const keys: Keys = [await newKey(), next, current];
    await writeKeys(this.#path, keys);
    this.#keys = keys;
  }
}

async function newKey(): Promise<PrivateKey> {
  const { privateKey } = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey("jwk", privateKey);
  return { kty, crv, x, y, d, kid: crypto.randomUUID() } as PrivateKey;
}

async function readKeys(path: string): Promise<Keys | undefined> {
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new UsageError(`Cannot read the issuer's keys "${path}": ${messageOf(error)}`);
  }
  try {
    const { keys } = JSON.parse(text);
    if (!Array.isArray(keys) || keys.length < 2 || !keys.every(isKey)) throw new TypeError();
    return keys as unknown as Keys;
  } catch {
    // Never with the file's text: it is secret.
    throw new UsageError(
      `Cannot use "${path}" as an issuer's keys: expected { "keys": [two private JSON Web Keys or more] }: remove it for new ones`,
    );
  }
}

function isKey(value: unknown): boolean {
  const key = value as Partial<PrivateKey> | null;
  return typeof key === "object" && key?.kty === "EC" && typeof key.d === "string" &&
    typeof key.kid === "string";
}

async function writeKeys(path: string, keys: Keys): Promise<void> {
  try {
    await makePrivateFolder(dirname(path));
    const text = JSON.stringify({ keys: keys.slice(0, KEPT) });
    await replaceFile(path, `${text}\n`);
  } catch (error) {
    throw new UsageError(`Cannot write the issuer's keys "${path}": ${messageOf(error)}`);
  }
}

function base64url(content: string | Uint8Array): string {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
