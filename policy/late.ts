/** Parts of the room that a start does not need: each loads its schemas and codecs when it is asked for. */
import { loadModule } from "../service/mod.ts";

/** Loads the reader of scripts: `checkAnswers`, `FAULT_NAMES` and the answers that scripts ask for. */
export function loadScripts(): Promise<typeof import("./scripted.ts")> {
  return loadModule<typeof import("./scripted.ts")>("policy/scripted.ts");
}

/** Loads the reader of rules: `RULES_FILE`, `parseRules`. */
export function loadRulesFile(): Promise<typeof import("./rules_file.ts")> {
  return loadModule<typeof import("./rules_file.ts")>("policy/rules_file.ts");
}

/** Loads what asks an engine: `readRecording`, `replay` and `formatReplay`. */
export function loadReplay(): Promise<typeof import("./replay.ts")> {
  return loadModule<typeof import("./replay.ts")>("policy/replay.ts");
}

/** Loads the recorder of Checks. */
export function loadRecorder(): Promise<typeof import("./record.ts")> {
  return loadModule<typeof import("./record.ts")>("policy/record.ts");
}
