/** What an export to Compose takes. */
import type { ExportSettings } from "../settings.ts";

/** Settings that Compose needs beside. */
export interface ComposeSettings extends ExportSettings {
  /** Port of the ingress on this machine, on loopback. */
  readonly port: number;
}
