/**
 * Flags as data: how each is written, read, described and completed. The command line reads them; a
 * profile brings its own.
 *
 * ```ts
 * import { choiceOption, inSection, portOption } from "../options/mod.ts";
 *
 * export const ROUTER_FLAGS = inSection("Model router", {
 *   routerPort: portOption("--router-port <PORT>", { description: "model router", default: 50051 }),
 *   logic: choiceOption("--routing-logic <NAME>", {
 *     description: "how a host is chosen",
 *     choices: ["round_robin", "session"],
 *     default: "round_robin",
 *   }),
 * });
 * ```
 *
 * @module
 */
export {
  addressOption,
  type AnyOption,
  badValue,
  choiceOption,
  directoryOption,
  fileOption,
  flagOption,
  inSection,
  integerOption,
  type Option,
  type OptionRecord,
  type OptionSettings,
  type OptionValues,
  portOption,
  positiveOption,
  repeated,
  textOption,
  urlOption,
} from "./option.ts";
