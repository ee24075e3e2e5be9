// What a cook does. It shows at once, is kept, and is sent in order until it is answered; each under a
// key, so that it happens once. While the edge is away it waits.
import { call, Lost, pause, slug } from '../shared/api.js';
import { session, signedOut } from '../shared/sign-in.js';
import { t } from '../shared/words.js';
import { bumped, framesOf, isDone, leave, queue, takeAnswer, tickets, toast } from './state.js';

/** @typedef {import('./state.js').Ticket} Ticket */
/** @typedef {import('./state.js').Act} Act */

const RETRY_MS = 700;

/** @param {Omit<Act, 'key'>} act */
function enqueue(act) {
  queue.value = [...queue.value, { ...act, key: crypto.randomUUID() }];
  drain();
}

/** @param {Ticket} ticket @param {Act['act']} act @param {number} [line] */
function of(ticket, act, line) {
  const { id, number, station } = ticket;
  const path = line ? `/v1/tickets/${id}/lines/${line}/bump` : `/v1/tickets/${id}/${act}`;
  return { path, ticket: id, number, station, act, line };
}

/** @param {Ticket | undefined} ticket */
export function bump(ticket) {
  if (!ticket) return;
  leave(ticket);
  enqueue(of(ticket, ticket.needs_confirmation ? 'confirm' : 'bump'));
}

/** @param {Ticket} ticket */
export const start = (ticket) => enqueue(of(ticket, 'start'));

/** @param {Ticket} ticket @param {number} n counts from 1 */
export function bumpLine(ticket, n) {
  if (isDone(ticket, n) || ticket.needs_confirmation) return;
  const last = ticket.lines.every((_, at) => at + 1 === n || isDone(ticket, at + 1));
  if (last) leave(ticket);
  enqueue(of(ticket, 'line', n));
}

/** @param {Ticket | undefined} ticket */
export function bumpNextLine(ticket) {
  const at = ticket?.lines.findIndex((_, n) => !isDone(ticket, n + 1)) ?? -1;
  if (ticket && at >= 0) bumpLine(ticket, at + 1);
}

/** @param {string} [id] the last one that was bumped here when absent */
export function recall(id) {
  const one = id ? bumped.value.find(({ ticket }) => ticket === id) : bumped.value[0];
  if (!one) return;
  bumped.value = bumped.value.filter((other) => other !== one);
  enqueue({ ...one, path: `/v1/tickets/${one.ticket}/recall`, act: 'recall' });
}

let draining = false;

/** Sends what is queued. Called again after a reload and after signing in. */
export async function drain() {
  if (draining) return;
  draining = true;
  while (queue.value[0] && session.value) {
    const act = queue.value[0];
    const frames = framesOf(act.ticket);
    try {
      const answer = await call('POST', act.path, { key: act.key });
      if (answer.status === 401) {
        signedOut();
        break;
      }
      if (answer.status >= 500 || answer.status === 408 || answer.status === 429) {
        await pause(RETRY_MS);
        continue;
      }
      settle(act, answer, frames);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      await pause(RETRY_MS);
    }
  }
  draining = false;
}

/** @param {Act} act @param {import('../shared/api.js').Answer} answer @param {number} frames */
function settle(act, answer, frames) {
  if (answer.status === 200) takeAnswer(answer.body, frames);
  queue.value = queue.value.filter((other) => other.key !== act.key);
  if (answer.status === 200) return;
  if (act.act === 'recall') toast.value = t('recall.refused', { n: act.number });
  // Somebody else was quicker: what they did comes as a frame.
  else if (slug(answer) !== 'illegal-transition' || tickets.value.get(act.ticket)?.state === 'waiting') toast.value = t('failed');
}
