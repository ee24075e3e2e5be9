// A keypad with arrows, OK and back reaches every control: arrows go to the nearest one that way.

const CONTROLS = 'button:not([disabled]), input, select, a[href], [tabindex="0"]';

/** @param {HTMLElement} element */
function shown(element) {
  const { width, height } = element.getBoundingClientRect();
  return width > 0 && height > 0 && !element.closest('[inert]');
}

/** Between two rows a step may lead far aside; within one it should not leave the row. */
const ASIDE = { down: 0.3, across: 2 };
/** By how much a control may begin before the other ends and still lie beyond it, pixels. */
const OVERLAP = 6;
/** Of two that are as near, the one that lies straighter ahead. */
const STRAIGHT = 0.02;

/**
 * The control nearest to `from` in a direction, by the gaps between their edges.
 * @param {Element} from
 * @param {HTMLElement[]} controls
 * @param {string} key
 */
function nearest(from, controls, key) {
  const here = from.getBoundingClientRect();
  const vertical = key === 'ArrowUp' || key === 'ArrowDown';
  const sign = key === 'ArrowDown' || key === 'ArrowRight' ? 1 : -1;
  /** @typedef {[start: number, end: number]} Span */
  /** @returns {Span} */
  const span = (/** @type {DOMRect} */ box, /** @type {boolean} */ down) => (down ? [box.top, box.bottom] : [box.left, box.right]);
  const gap = (/** @type {Span} */ a, /** @type {Span} */ b) => Math.max(b[0] - a[1], a[0] - b[1], 0);
  const offset = (/** @type {Span} */ a, /** @type {Span} */ b) => (b[0] + b[1] - a[0] - a[1]) / 2;
  let best = null;
  let least = Infinity;
  for (const control of controls) {
    const there = control.getBoundingClientRect();
    const [ahead, target] = [span(here, vertical), span(there, vertical)];
    const [mine, theirs] = [span(here, !vertical), span(there, !vertical)];
    const beyond = sign > 0 ? target[0] - ahead[1] : ahead[0] - target[1];
    if (control === from || beyond < -OVERLAP) continue;
    const aside = gap(mine, theirs) * (vertical ? ASIDE.down : ASIDE.across);
    const distance = gap(ahead, target) + aside + STRAIGHT * Math.abs(offset(mine, theirs));
    if (distance < least) [best, least] = [control, distance];
  }
  return best;
}

/** Lets arrow keys move the focus; within an open dialog they stay in it. */
export function keypad() {
  document.addEventListener('keydown', (event) => {
    if (!event.key.startsWith('Arrow') || event.target instanceof HTMLInputElement) return;
    const dialogs = document.querySelectorAll('[aria-modal="true"]');
    const dialog = dialogs[dialogs.length - 1];
    const scope = dialog ?? document;
    const bars = !dialog ? [] : [...document.querySelectorAll('[data-always] button')];
    const controls = /** @type {HTMLElement[]} */ ([...scope.querySelectorAll(CONTROLS), ...bars]).filter(shown);
    const from = document.activeElement;
    const next = !from || from === document.body ? controls[0] : nearest(from, controls, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: 'nearest' });
  });
}
