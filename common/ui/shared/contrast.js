// High contrast: for people whose system asks for it, and where a page has a switch of its own.
import { effect, signal } from './ui.js';

const SYSTEM = matchMedia('(prefers-contrast: more)');
const asked = signal(SYSTEM.matches);
SYSTEM.addEventListener('change', () => { asked.value = SYSTEM.matches; });

/** Draws the page with high contrast while the system or `wanted` asks for it. @param {() => boolean} [wanted] */
export function contrast(wanted = () => false) {
  effect(() => { document.documentElement.dataset.contrast = wanted() || asked.value ? 'more' : ''; });
}
