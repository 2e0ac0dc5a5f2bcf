/**
 * The one reader for every file that a person writes: rules, routes, limits, scenarios, configurations.
 *
 * ```ts
 * import { z } from "zod";
 * import { type DataFileKind, parseData } from "../data_files/mod.ts";
 *
 * const schema = z.strictObject({ hours: z.int().min(1) });
 * const shifts: DataFileKind<typeof schema> = { what: "shifts", name: "shifts.yaml", schema };
 * parseData(shifts, "hours: 8", "shifts.yaml").hours; // 8
 * parseData(shifts, "hours: 0", "shifts.yaml"); // UsageError: shifts.yaml:1:1: hours: Expected number to be >=1
 * ```
 *
 * A start that reads no such file loads it late: `loadModule("data_files/mod.ts")`; kinds are plain
 * objects and need the types only.
 *
 * @module
 */
export { type ReadDocument, readDocument } from "./document.ts";
export type { DataFileKind, Finding } from "./kind.ts";
export { followData, type FollowedFile, jsonSchemaOf, parseData, readData } from "./read.ts";
