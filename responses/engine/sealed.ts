/**
 * Content that a client keeps for the gateway without being able to read or change it: `encrypted_content` of reasoning and of
 * compactions (API reference). AES-256-GCM, bound to its tenant.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { ApiError } from "../api/errors.ts";
import type { Item } from "../api/objects.ts";
import type { Tenant } from "../api/tenant.ts";
import { thoughtOf } from "./messages.ts";

/** First bytes of what is sealed here: another maker's is told apart, and so would a later form be. */
const MARK = Buffer.from("llg1");
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = "aes-256-gcm";

/** Seals texts with one key. */
export interface Seal {
  close(tenant: Tenant, text: string): string;
  /** Undefined for what was not sealed with this key, for this tenant. */
  open(tenant: Tenant, sealed: string): string | undefined;
}

/** Returns the seal of a secret, of any length. */
export function sealOf(secret: string): Seal {
  const key = createHash("sha256").update(secret).digest();
  return {
    close(tenant, text) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(tenant));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([MARK, nonce, cipher.getAuthTag(), body]).toString("base64");
    },
    open(tenant, sealed) {
      try {
        // Deno 2.6 throws for what is no base64; later versions read as far as it is.
        const bytes = Buffer.from(sealed, "base64");
        const start = MARK.length + NONCE_BYTES + TAG_BYTES;
        if (bytes.length < start || !bytes.subarray(0, MARK.length).equals(MARK)) return undefined;
        const nonce = bytes.subarray(MARK.length, MARK.length + NONCE_BYTES);
        const decipher = createDecipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(tenant));
        decipher.setAuthTag(bytes.subarray(MARK.length + NONCE_BYTES, start));
        return decipher.update(bytes.subarray(start), undefined, "utf8") + decipher.final("utf8");
      } catch {
        return undefined;
      }
    },
  };
}

/** Whether any item comes back sealed. */
export function hasSealed(items: readonly Item[]): boolean {
  return items.some((item) => typeof item["encrypted_content"] === "string");
}

/**
 * Opens what comes back sealed, for the model: the thought of a reasoning item that has no other, the text of a
 * compaction.
 *
 * @throws {ApiError} 400 `invalid_encrypted_content` for what was not sealed here, for this tenant
 */
export function unsealed(items: readonly Item[], seal: Seal, tenant: Tenant): Item[] {
  return items.map((item) => {
    const sealed = item["encrypted_content"];
    if (typeof sealed !== "string") return item;
    if (item.type === "reasoning" && thoughtOf({ ...item, summary: [] }) !== "") return item;
    if (item.type !== "reasoning" && item.type !== "compaction") return item;
    const text = seal.open(tenant, sealed);
    if (text === undefined) {
      throw new ApiError(
        400,
        "invalid_encrypted_content",
        `The encrypted content of the item '${item.id}' could not be verified: it was not made by this gateway`,
        "input",
      );
    }
    return item.type === "compaction"
      ? { ...item, text }
      : { ...item, content: [{ type: "reasoning_text", text }] };
  });
}
