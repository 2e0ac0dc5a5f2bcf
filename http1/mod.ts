/**
 * An HTTP/1.1 client (RFC 9112) that goes where it is told: no proxy, no redirect, no compression.
 * A tenth of what `fetch` costs, and what Envoy would see is what is seen here.
 *
 * ```ts
 * using client = http1Client(new URL("http://127.0.0.1:11434"));
 * const answer = await client.send({
 *   method: "POST",
 *   path: "/v1/embeddings",
 *   body: '{"model":"bge-m3","input":"Ahoy"}',
 *   signal: AbortSignal.timeout(5_000),
 * });
 * for await (const bytes of answer.body) console.log(bytes.length);
 * ```
 *
 * @module
 */
export { type Http1Answer, type Http1Client, http1Client, type Http1Request } from "./client.ts";
export {
  directGet,
  type GetAnswer,
  type GetOptions,
  readAll,
  type TlsTrust,
} from "./direct_get.ts";
