/** Made-up values that look like what their property is called, so that a generated call reads like a real one. */

/** Texts by the last word of a property's name. */
const TEXTS: Readonly<Record<string, string>> = {
  address: "1 Main Street",
  city: "Paris",
  code: "print('hello')",
  command: "echo hello",
  content: "Hello",
  country: "France",
  currency: "EUR",
  date: "2024-01-01",
  description: "An example",
  email: "ada@example.com",
  expression: "1 + 1",
  file: "example.txt",
  filename: "example.txt",
  language: "en",
  location: "Paris",
  message: "Hello",
  name: "Ada",
  path: "example.txt",
  pattern: "example",
  phone: "+33100000000",
  prompt: "Hello",
  q: "example",
  query: "example",
  question: "How are you?",
  subject: "Hello",
  symbol: "EUR",
  text: "Hello",
  time: "12:00",
  timezone: "Europe/Paris",
  title: "Example",
  unit: "celsius",
  uri: "https://example.com",
  url: "https://example.com",
};

/** Numbers by the last word of a property's name. */
const NUMBERS: Readonly<Record<string, number>> = {
  age: 36,
  amount: 10,
  count: 3,
  days: 3,
  lat: 48.86,
  latitude: 48.86,
  limit: 10,
  lon: 2.35,
  longitude: 2.35,
  port: 8080,
  price: 10,
  quantity: 2,
  seconds: 30,
  temperature: 21,
  timeout: 30,
  year: 2024,
};

/** Returns a text for a property of that name; without a name, or with an unknown one, a plain word. */
export function exampleText(property: string): string {
  const whole = property.replace(/[^A-Za-z0-9]/g, "").toLowerCase();
  return TEXTS[whole] ?? TEXTS[lastWord(property)] ?? "example";
}

/** Returns a number for a property of that name. */
export function exampleNumber(property: string): number {
  return NUMBERS[lastWord(property)] ?? 1;
}

/** `fileName`, `file_name` and `file-name` end in "name". */
function lastWord(property: string): string {
  return property.replace(/([a-z0-9])([A-Z])/g, "$1_$2").split(/[^A-Za-z0-9]+/).filter(Boolean)
    .at(-1)?.toLowerCase() ?? "";
}

/** An example of each format that JSON Schema names (draft 2020-12, section 7.3). */
export const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2024-01-01T00:00:00Z",
  "date": "2024-01-01",
  "time": "12:00:00Z",
  "duration": "P1D",
  "email": "ada@example.com",
  "idn-email": "ada@example.com",
  "hostname": "example.com",
  "idn-hostname": "example.com",
  "ipv4": "192.0.2.1",
  "ipv6": "2001:db8::1",
  "uri": "https://example.com",
  "uri-reference": "/example",
  "iri": "https://example.com",
  "iri-reference": "/example",
  "uuid": "00000000-0000-4000-8000-000000000000",
  "json-pointer": "/example",
  "relative-json-pointer": "0",
  "regex": "example",
};
