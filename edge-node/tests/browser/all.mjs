// Every test in one run, on one site: to start a site takes longer than most tests.
import './kiosk.test.mjs';
import './guest.test.mjs';
import './phone.test.mjs';
import './staff.test.mjs';
import './kitchen.test.mjs';
import './board.test.mjs';
import './contrast.test.mjs';
import './ops.test.mjs';
import './hub.test.mjs';
import './hub-analytics.test.mjs';
import './hub-live.test.mjs';
import './hub-people.test.mjs';
import './hub-pictures.test.mjs';
