// What every page draws with: Preact by tagged templates, signals, icons and the mark.
import htm from '../vendor/htm.js';
import { h } from '../vendor/preact.js';

export { render } from '../vendor/preact.js';
export { useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact-hooks.js';
export { batch, computed, effect, signal } from '../vendor/signals.js';

export const html = htm.bind(h);

const ICONS = new URL('../vendor/icons.svg', import.meta.url).pathname;

/**
 * A Lucide icon; decoration only, so what it means is said in words beside it.
 * @param {{name: string}} props
 */
export function Icon({ name }) {
  return html`<svg class="i" aria-hidden="true"><use href="${ICONS}#${name}" /></svg>`;
}

/** The mark: a rice ball. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 48 48" aria-hidden="true">
    <path class="mark-a" d="M24 4.5c3.3 0 5.9 1.7 7.7 4.7l12 21.1c3.4 6.2-.4 13.2-7.4 13.2H11.7c-7 0-10.8-7-7.4-13.2l12-21.1C18.1 6.2 20.7 4.5 24 4.5z" />
    <path class="mark-b" d="M16.5 29.500c0-1.400 1.100-2.500 2.500-2.500h10c1.400 0 2.500 1.100 2.500 2.500v14h-15z" /></svg>`;
}

export function Logo() {
  return html`<span class="logo"><${Mark} /><b>sunakku</b></span>`;
}

/**
 * Keeps the keyboard within an open dialog, lets Escape close it, and gives the focus back.
 * @param {HTMLElement | null} dialog
 * @param {(() => void) | undefined} close
 */
export function trapFocus(dialog, close) {
  if (!dialog) return () => {};
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const within = () => /** @type {HTMLElement[]} */ ([...dialog.querySelectorAll(
    'button:not([disabled]), input, select, textarea, a[href], [tabindex="0"]')]);
  const heading = /** @type {HTMLElement | null} */ (dialog.querySelector('[data-focus], [tabindex="-1"]'));
  (heading ?? within()[0])?.focus({ preventScroll: true });
  /** @param {KeyboardEvent} event */
  const key = (event) => {
    if (event.key === 'Escape' && close) {
      event.preventDefault();
      close();
    }
    if (event.key !== 'Tab') return;
    const all = within();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (event.shiftKey ? at <= 0 : at === all.length - 1) {
      event.preventDefault();
      all[event.shiftKey ? all.length - 1 : 0]?.focus();
    }
  };
  dialog.addEventListener('keydown', key);
  return () => {
    dialog.removeEventListener('keydown', key);
    if (before?.isConnected) before.focus({ preventScroll: true });
  };
}
