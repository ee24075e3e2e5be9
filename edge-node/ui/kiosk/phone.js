// Whether the page is in a guest's own hand: everything is within reach then, text has to be larger than a
// small kiosk's, and nobody waits behind for whom it would have to be cleared.
import { signal } from '../shared/ui.js';

const PHONE = matchMedia('(max-width: 600px)');
export const onPhone = signal(PHONE.matches);
PHONE.addEventListener('change', () => { onPhone.value = PHONE.matches; });
