// Whether the page is in a guest's own hand: everything is within reach then, text has to be larger than a
// small kiosk's, and nobody waits behind for whom it would have to be cleared.
import { session } from '../shared/sign-in.js';
import { computed, signal } from '../shared/ui.js';

const PHONE = matchMedia('(max-width: 600px), (max-height: 500px)');
export const onPhone = signal(PHONE.matches);
PHONE.addEventListener('change', () => { onPhone.value = PHONE.matches; });
/** Whether a guest came in by himself. */
export const byGuest = computed(() => session.value?.role === 'guest');
/** Whether no other guest comes after this one. */
export const isOwn = computed(() => onPhone.value || byGuest.value);
