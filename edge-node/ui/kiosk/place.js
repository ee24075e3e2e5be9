// Placing an order so that it is placed once, whatever happens: body and idempotency key are kept before
// anything is sent, and sent again, also after a reload, until there is an answer.
import { call, Lost, pause, slug } from '../shared/api.js';
import { moment } from '../shared/format.js';
import { session, signedOut } from '../shared/sign-in.js';
import { batch } from '../shared/ui.js';
import { language } from '../shared/words.js';
import { byGuest } from './phone.js';
import { avoid, gone, lines, loadMenu, pending, placed, refused, service, total, view } from './state.js';

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 4_000;
/** Without any answer for so long the guest has been served at the counter: nothing more is sent. */
const GIVE_UP_MS = 120_000;

/** Takes the order as it stands; a second touch changes nothing. */
export function place() {
  if (pending.value || !lines.value.length) return;
  const body = {
    channel: byGuest.value ? 'phone' : 'kiosk',
    service: service.value ?? undefined,
    avoid: avoid.value,
    expected_total: total.value,
    lines: lines.value.map(({ item, quantity, modifiers }) => ({ item, quantity, modifiers })),
  };
  refused.value = null;
  pending.value = { key: crypto.randomUUID(), body, since: Date.now() };
  send();
}

let sending = false;

/** Sends what is pending until it is answered. Called again after a reload and after signing in. */
export async function send() {
  if (sending) return;
  sending = true;
  for (let wait = RETRY_MIN_MS; pending.value; wait = Math.min(2 * wait, RETRY_MAX_MS)) {
    const { key, body, since } = pending.value;
    if (Date.now() - since > GIVE_UP_MS) {
      batch(() => { pending.value = null; refused.value = { key: 'break.lead' }; });
      break;
    }
    try {
      const answer = await call('POST', '/v1/orders', { body, key });
      if (answer.status === 401) {
        // It is sent under the same key once the screen is signed in again.
        signedOut();
        break;
      }
      if (settle(answer)) break;
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
    await pause(wait);
  }
  sending = false;
}

/** What a guest is told of a refusal. @param {string} kind @param {any} body */
function why(kind, body) {
  const at = body.opens_at ?? null;
  const values = { time: at ? moment(at, session.value?.site.time_zone ?? 'UTC', language.value) : '' };
  switch (kind) {
    case 'price-changed': return { key: 'refused.price-changed' };
    case 'site-closed': return { key: at ? 'refused.closed-until' : 'refused.closed', values };
    case 'slot-full': return { key: 'refused.full' };
    case 'kitchen-full': case 'too-many-open-orders': case 'log-full': return { key: 'refused.busy' };
    default: return { key: 'refused.other' };
  }
}

/**
 * Whether the answer ends it. What may pass (503, too many) is tried again.
 * @param {import('../shared/api.js').Answer} answer
 */
function settle(answer) {
  if (answer.status === 201) {
    batch(() => {
      placed.value = answer.body;
      pending.value = null;
      lines.value = [];
      view.value = 'done';
    });
    return true;
  }
  const kind = slug(answer);
  const busy = ['kitchen-full', 'too-many-open-orders', 'log-full'].includes(kind);
  if (!busy && (answer.status >= 500 || answer.status === 408)) return false;
  batch(() => {
    pending.value = null;
    if (kind === 'out-of-stock') gone.value = answer.body.items;
    else refused.value = why(kind, answer.body ?? {});
  });
  // What the kiosk shows was old.
  loadMenu().catch(() => {});
  return true;
}
