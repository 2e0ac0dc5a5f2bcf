/** Settings of an export to Compose. */
import type { ExportSettings } from "../settings.ts";

/** Settings that Compose needs beside. */
export interface ComposeSettings extends ExportSettings {
  /** Port of the ingress on this machine, on loopback. */
  readonly port: number;
}
