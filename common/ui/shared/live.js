// The live connection: frames as they happen, and the truth about whether they still come.
// A beat comes every two seconds; a screen that misses it says so within five. It resumes from the
// last sequence of which it was told that everything was sent.
import { call, caller, Lost } from './api.js';
import { signal } from './ui.js';

/** @typedef {{type: string, seq: number, at: string, data: any}} Frame */

/** Silence after which the connection counts as gone: two beats, and no more than five seconds. */
const STALE_MS = 4_400;
const LOOK_MS = 200;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 3_000;

/**
 * @param {{topics: string, site?: string, onFrame: (frame: Frame) => void, onSignedOut?: () => void}} options `site` for one of the hub's alone
 */
export function follow({ topics, site = '', onFrame, onSignedOut }) {
  /** Since when what the page shows is not up to date (milliseconds since 1970); null while it is. */
  const staleSince = signal(/** @type {number | null} */ (null));
  /** Whether anything was heard yet: before that, "nothing there" would be a guess. */
  const known = signal(false);
  /** @type {WebSocket | null} */
  let socket = null;
  /** @type {{seq: number, epoch: string} | null} */
  let place = null;
  let heard = performance.now();
  let retry = RETRY_MIN_MS;
  /** Nobody is signed in: it waits to be woken. */
  let asleep = false;
  /** Nobody looks any more. */
  let over = false;

  function connect() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const from = place ? `&from=${place.seq}&epoch=${place.epoch}` : '';
    const opened = new WebSocket(`${scheme}://${location.host}/v1/live?topics=${topics}${site && `&site=${encodeURIComponent(site)}`}${from}`,
      ['sunakku.v1', `screen.${caller.screen}`]);
    socket = opened;
    heard = performance.now();
    opened.onmessage = ({ data }) => {
      if (opened === socket) hear(JSON.parse(data));
    };
    opened.onclose = () => {
      if (opened === socket) lose();
    };
  }

  /** @param {Frame} frame */
  function hear(frame) {
    heard = performance.now();
    retry = RETRY_MIN_MS;
    if (frame.type === 'snapshot' || frame.type === 'beat') {
      place = { seq: frame.seq, epoch: frame.data.epoch };
      ahead = Date.parse(frame.at) - Date.now();
      staleSince.value = null;
    }
    if (frame.type !== 'beat') onFrame(frame);
    known.value = true;
  }

  function lose() {
    if (over) return;
    const lost = socket;
    socket = null;
    lost?.close();
    setTimeout(again, retry * (0.75 + Math.random() / 2));
    retry = Math.min(2 * retry, RETRY_MAX_MS);
  }

  /** A browser does not tell why a WebSocket was refused, so the API is asked first. */
  async function again() {
    try {
      const answer = await call('GET', '/v1/session');
      if (answer.status === 401) {
        asleep = true;
        onSignedOut?.();
        return;
      }
      await reloadIfNew();
      if (!over) connect();
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      lose();
    }
  }

  const watch = setInterval(() => {
    if (performance.now() - heard < STALE_MS) return;
    staleSince.value ??= Date.now();
    if (socket) lose();
  }, LOOK_MS);
  connect();

  /** Goes on after somebody has signed in again. */
  function wake() {
    if (!asleep) return;
    asleep = false;
    connect();
  }
  /** Ends it for good. */
  function stop() {
    over = true;
    clearInterval(watch);
    const last = socket;
    socket = null;
    last?.close();
  }
  return { known, staleSince, wake, stop };
}

/** By how much the server's clock is ahead of this machine's, milliseconds. */
let ahead = 0;
/** The server's time, milliseconds since 1970: ages on a screen must not depend on its own clock. */
export const serverNow = () => Date.now() + ahead;

/** Set by a page while it must not be reloaded, such as in the middle of an order. */
export const busy = { value: () => false };

/** After an update of the server the page's own parts are old: it is loaded again. */
async function reloadIfNew() {
  const mine = document.querySelector('meta[name="version"]')?.getAttribute('content');
  const page = await fetch(location.pathname, { cache: 'no-store', signal: AbortSignal.timeout(5_000) })
    .then((answer) => (answer.ok ? answer.text() : ''), () => '');
  const theirs = /name="version" content="([0-9a-f]+)"/.exec(page)?.[1];
  if (mine && theirs && mine !== theirs && !busy.value()) location.reload();
}
