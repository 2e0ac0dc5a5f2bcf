/** Finds a client's key and compares it in a time that does not tell how much of it was right. */
import { createHash } from "node:crypto";
import type { RulesFile } from "./rules_schema.ts";

/** Result of looking a credential up. */
export interface Identity {
  readonly state: "missing" | "unknown" | "known";
  /** Name of the key; empty unless known. */
  readonly key: string;
  readonly tenant: string;
}

const MISSING: Identity = { state: "missing", key: "", tenant: "" };
const UNKNOWN: Identity = { state: "unknown", key: "", tenant: "" };

/** RFC 9110 section 11.1: the scheme in any case, then spaces, then the token. */
const BEARER = /^bearer +(\S.*)$/i;

interface Entry {
  readonly secret: Uint8Array;
  readonly hashed: boolean;
  readonly identity: Identity;
}

/** The keys of a rules file. */
export class KeyRing {
  readonly #places: RulesFile["credentials"];
  readonly #entries: readonly Entry[];
  readonly #anyHashed: boolean;

  constructor(file: Pick<RulesFile, "credentials" | "keys">) {
    this.#places = file.credentials;
    this.#entries = file.keys.map(({ name, key, key_sha256, tenant }) => ({
      secret: bytesOf(key ?? key_sha256 ?? ""),
      hashed: key === undefined,
      identity: { state: "known", key: name, tenant },
    }));
    this.#anyHashed = this.#entries.some(({ hashed }) => hashed);
  }

  /** The text of a request's credential: from the first place that holds something. */
  credentialOf(headers: Readonly<Record<string, string>>): string | undefined {
    for (const { header, bearer } of this.#places) {
      const value = headers[header];
      if (value === undefined || value === "") continue;
      if (!bearer) return value;
      const token = BEARER.exec(value)?.[1];
      if (token !== undefined) return token;
    }
    return undefined;
  }

  /** Returns the identity of a key by its name. */
  named(name: string): Identity | undefined {
    return this.#entries.find(({ identity }) => identity.key === name)?.identity;
  }

  /** Returns the owner of a credential, in the same time for every wrong key of a length. */
  identify(headers: Readonly<Record<string, string>>): Identity {
    const given = this.credentialOf(headers);
    if (given === undefined) return MISSING;
    const plain = bytesOf(given);
    const digest = this.#anyHashed ? bytesOf(sha256(given)) : plain;
    let found = UNKNOWN;
    // No early exit: which entry matched must not show either.
    for (const { secret, hashed, identity } of this.#entries) {
      if (equal(hashed ? digest : plain, secret)) found = identity;
    }
    return found;
  }
}

/** One byte per character: header values are Latin-1 at most, and anything else differs anyway. */
function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Compares in a time that depends on the length of what was given alone. */
function equal(given: Uint8Array, secret: Uint8Array): boolean {
  let difference = given.length ^ secret.length;
  for (let i = 0; i < given.length; i++) {
    difference |= (given[i] ?? 0) ^ (secret[i % secret.length] ?? 0);
  }
  return difference === 0;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
