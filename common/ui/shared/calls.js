// Guests who ask for somebody of the staff, as frames of the topic `calls` tell.
import { act } from './api.js';
import { signal } from './ui.js';

/** @typedef {{device: string, since: string}} Call */

/** The open calls, the oldest first. */
export const calls = signal(/** @type {Call[]} */ ([]));

/** @param {import('./live.js').Frame} frame whether it opens a call */
export function hearCalls({ type, data }) {
  if (type === 'snapshot' && data.calls) calls.value = data.calls;
  if (type !== 'call') return false;
  const others = calls.value.filter(({ device }) => device !== data.device);
  calls.value = data.open ? [...others, { device: data.device, since: data.since }] : others;
  return data.open;
}

/** Somebody is there; that the call ended is told by a frame. Whether it was taken. @param {string} device */
export async function answer(device) {
  try {
    const { status } = await act('POST', `/v1/calls/${encodeURIComponent(device)}/done`, undefined);
    return status === 204 || status === 404;
  } catch {
    return false;
  }
}
