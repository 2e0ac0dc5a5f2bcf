/**
 * Parts that the live page and the report share, so that a request looks the same in both: colours and type
 * (`tokens.css`), and lanes of time.
 *
 * ```ts
 * import { jsx } from "hono/jsx";
 * import { drawLanes } from "../view/mod.ts";
 *
 * drawLanes(jsx, [{ name: "upstream", from: 0, to: 12, marks: [2, 7, 12] }]).toString();
 * ```
 *
 * @module
 */
export {
  colourOf,
  type Create,
  drawLanes,
  type LaneDrawn,
  sayMs,
  spanOf,
  type Window,
} from "./lanes.ts";
