// A keypad with arrows, OK and back reaches every control: arrows go to the nearest one that way.

const CONTROLS = 'button:not([disabled]), input, select, [href], [tabindex="0"]';

/** @param {HTMLElement} element */
function shown(element) {
  const { width, height } = element.getBoundingClientRect();
  return width > 0 && height > 0 && !element.closest('[inert]');
}

/**
 * The control nearest to `from` in a direction; what lies aside counts threefold.
 * @param {Element} from
 * @param {HTMLElement[]} controls
 * @param {string} key
 */
function nearest(from, controls, key) {
  const here = from.getBoundingClientRect();
  const [x, y] = [here.left + here.width / 2, here.top + here.height / 2];
  let best = null;
  let least = Infinity;
  for (const control of controls) {
    const there = control.getBoundingClientRect();
    const [across, down] = [there.left + there.width / 2 - x, there.top + there.height / 2 - y];
    const [ahead, aside] = {
      ArrowRight: [across, down], ArrowLeft: [-across, down], ArrowDown: [down, across], ArrowUp: [-down, across],
    }[key] ?? [0, 0];
    const distance = ahead + 3 * Math.abs(aside);
    if (ahead > 4 && distance < least) [best, least] = [control, distance];
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
