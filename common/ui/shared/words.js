// Translations: one file per language in each program's `words/`, keyed, with `{name}` for what is put in.
import { caller } from './api.js';
import { signal } from './ui.js';

/** @typedef {Record<string, string>} Words */

/** The language that the page speaks. */
export const language = signal('en');

/** @type {Record<string, Words>} */
const known = {};

/**
 * Adds words; those of one key and language that came later win.
 * @param {Record<string, Words>} more
 */
export function learn(more) {
  for (const [tag, words] of Object.entries(more)) known[tag] = { ...known[tag], ...words };
}

/** @param {string} tag */
export function speak(tag) {
  language.value = tag;
  caller.language = tag;
  document.documentElement.lang = tag;
}

/**
 * The text of a key in a language, English where it is missing. A key may have a form for one:
 * `items` and `items_one`.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @param {string} [tag]
 */
export function t(key, values = {}, tag = language.value) {
  const one = values.n === 1 ? (known[tag]?.[`${key}_one`]) : undefined;
  const text = one ?? known[tag]?.[key] ?? known.en?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}

/**
 * A name that the API gives as text, or as a map by language.
 * @param {string | Record<string, string>} name
 */
export function named(name) {
  if (typeof name === 'string') return name;
  return name[language.value] ?? name.en ?? Object.values(name)[0] ?? '';
}
