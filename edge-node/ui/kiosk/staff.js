// A guest calls somebody of the staff; kitchen and operations are told at once.
import { call } from '../shared/api.js';
import { calls } from '../shared/calls.js';
import { session } from '../shared/sign-in.js';
import { computed, signal } from '../shared/ui.js';

/** Whether the call is on its way to the edge. */
const calling = signal(false);
/** Whether this kiosk calls, until somebody has seen to it. */
export const called = computed(() => calling.value || calls.value.some(({ device }) => device === session.value?.name));

/** Sent again until it is answered: one who needs help must not have to ask twice. */
export async function callStaff() {
  if (called.value) return;
  calling.value = true;
  const key = crypto.randomUUID();
  for (let tries = 0; tries < 20; tries += 1) {
    const answer = await call('POST', '/v1/calls', { key }).catch(() => null);
    if (answer?.status === 200) {
      const { device, since } = answer.body;
      calls.value = [...calls.value.filter((one) => one.device !== device), { device, since }];
    }
    if (answer && answer.status < 500) break;
    await new Promise((done) => { setTimeout(done, 1_000); });
  }
  calling.value = false;
}
