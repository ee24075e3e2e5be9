// What a screen remembers over a reload or a restart, in the browser's own storage.
import { effect, signal } from './ui.js';

/**
 * A signal that is kept under a name. What was kept by another version of the page and does not
 * fit is dropped.
 * @template T
 * @param {string} name
 * @param {T} initial
 * @param {(value: any) => boolean} [fits]
 */
export function kept(name, initial, fits = () => true) {
  const key = `sunakku.${name}`;
  let first = initial;
  try {
    const text = localStorage.getItem(key);
    const value = text === null ? initial : JSON.parse(text);
    if (fits(value)) first = value;
  } catch {
    localStorage.removeItem(key);
  }
  const state = signal(first);
  effect(() => localStorage.setItem(key, JSON.stringify(state.value)));
  return state;
}

/** The theme of a desk page: the system's until somebody chooses. @param {string} name */
export function keptTheme(name) {
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  return kept(name, system, (value) => value === 'light' || value === 'dark');
}

/** The language of a desk page: the browser's until somebody chooses. @param {string} name */
export function keptTongue(name) {
  return kept(name, navigator.language.startsWith('ja') ? 'ja' : 'en', (tag) => tag === 'en' || tag === 'ja');
}
