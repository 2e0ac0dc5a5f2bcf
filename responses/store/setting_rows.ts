/** Values that all processes on one database share, and that are set once. */
import type { Database } from "./database.ts";
import type { SettingStore } from "./store.ts";

export function settingRows(database: Database): SettingStore {
  const read = async (name: string) => {
    const [row] = await database.query(`SELECT value FROM settings WHERE name = $1`, [name]);
    return row === undefined ? undefined : String(row["value"]);
  };
  return {
    async fixed(name, make) {
      const known = await read(name);
      if (known !== undefined) return known;
      const value = make();
      await database.transaction([{
        sql: `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`,
        params: [name, value],
      }]);
      // Another process may have been faster.
      return await read(name) ?? value;
    },
  };
}
