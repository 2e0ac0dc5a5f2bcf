/** Phone numbers in whole texts, by the numbering plans of all countries. */
import { type CountryCode, findPhoneNumbersInText } from "libphonenumber-js/max";
import type { Finder } from "./detectors.ts";

/** Returns a finder; with a country, national numbers of it are found without a prefix. */
export function phoneFinder(country: string | undefined): Finder {
  return function* (text) {
    const options = country === undefined ? {} : { defaultCountry: country as CountryCode };
    for (const { startsAt, endsAt } of findPhoneNumbersInText(text, options)) {
      yield { start: startsAt, end: endsAt, kind: "PHONE" };
    }
  };
}
