// Tells the edge which tickets a cook can see here: those of the shown page, while the page itself is
// visible. Each is told once, a few at a time, and again after a failure; the key makes it once.
import { call, Lost } from '../shared/api.js';
import { signedOut } from '../shared/sign-in.js';
import { signal } from '../shared/ui.js';
import { bound } from './state.js';

/** @typedef {import('./state.js').Ticket} Ticket */

/** Of these at most are told at a time. */
const AT_ONCE = 3;
/** Pause before one that could not be told is told again, milliseconds. */
const RETRY_MS = 2_000;

/** Whether somebody can see the page. */
export const visible = signal(!document.hidden);
document.addEventListener('visibilitychange', () => { visible.value = !document.hidden; });

/** Tickets that are told, or stand in line for it. @type {Set<string>} */
const known = new Set();
/** @type {string[]} */
const line = [];
let telling = 0;

/** Tells of tickets that are shown now. @param {Ticket[]} shown */
export function see(shown) {
  for (const { id, state, acknowledged_at: seen } of shown) {
    if (seen || known.has(id) || (state !== 'waiting' && state !== 'cooking')) continue;
    known.add(id);
    bound(known);
    line.push(id);
  }
  while (telling < AT_ONCE && line.length) tell(line.shift() ?? '');
}

/** @param {string} id */
async function tell(id) {
  telling += 1;
  if (await isTold(id)) {
    telling -= 1;
  } else {
    // Its place stays taken meanwhile, so that an edge that is away is not asked by many.
    setTimeout(() => { telling -= 1; line.unshift(id); see([]); }, RETRY_MS);
  }
  see([]);
}

/** Whether nothing more is to be told: also when it was begun, made or called off meanwhile. @param {string} id */
async function isTold(id) {
  try {
    const { status } = await call('POST', `/v1/tickets/${id}/acknowledge`, { key: `seen:${id}` });
    if (status === 401) signedOut();
    return status < 500 && ![401, 408, 429].includes(status);
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
    return false;
  }
}
