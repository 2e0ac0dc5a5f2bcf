/**
 * The one way in which the project serves HTTP on this machine: who may ask, and how a control plane answers.
 *
 * ```ts
 * import { guarded } from "../local_http/mod.ts";
 *
 * const surface = { host: "127.0.0.1" };
 * Deno.serve({ hostname: surface.host, port: 0 }, guarded(() => new Response("hi"), surface));
 * // With `Host: evil.example`: 421. A POST of another origin's page: 403. curl and SDKs: as ever.
 * ```
 *
 * @module
 */
export {
  bodyOf,
  type ControlCall,
  type ControlRoute,
  controlRoutes,
  done,
  Problem,
  waitOf,
} from "./control_routes.ts";
export { type LocalOptions, type LocalServer, serveLocal } from "./serve.ts";
export { type Asked, guarded, OWN_HEADER, type Refusal, refusalOf, type Surface } from "./guard.ts";
