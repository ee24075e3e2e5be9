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
