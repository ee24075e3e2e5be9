// What all views of the dashboard share: where it is, the sites, the theme, changes and what came of them.
import { act, all, call, Lost } from '../shared/api.js';
import { signedOut } from '../shared/sign-in.js';
import { keptTheme } from '../shared/store.js';
import { signal, useEffect, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';

/** Each view with its icon, in the order of the side. @type {Record<string, string>} */
export const VIEWS = {
  live: 'activity', orders: 'receipt-text', menu: 'utensils', analytics: 'chart-column',
  sites: 'store', people: 'users', audit: 'history', proof: 'shield-check',
};

/** The address: a view, and its filters. @type {{value: {view: string, query: Record<string, string>}}} */
export const place = signal(read());

function read() {
  const name = location.pathname.slice(1) || 'live';
  return { view: name in VIEWS ? name : 'live', query: Object.fromEntries(new URLSearchParams(location.search)) };
}

/** The address of a view with filters; those that are empty are left out. @param {string} view @param {Record<string, string | null | undefined>} [query] */
export function address(view, query = {}) {
  const filled = Object.entries(query).filter(([, value]) => value) .map(([name, value]) => [name, String(value)]);
  const text = new URLSearchParams(filled).toString();
  return `/${view === 'live' ? '' : view}${text ? `?${text}` : ''}`;
}

/** Goes to a view. @param {string} view @param {Record<string, string | null | undefined>} [query] */
export function go(view, query = {}) {
  history.pushState(null, '', address(view, query));
  place.value = read();
  window.scrollTo(0, 0);
}

/** Changes filters of the view; the site stays what it was unless it is one of them. @param {Record<string, string | null | undefined>} query */
export function filter(query) {
  history.replaceState(null, '', address(place.value.view, { ...place.value.query, ...query }));
  place.value = read();
}

/** The way back, and links within the dashboard. */
export function followAddress() {
  addEventListener('popstate', () => { place.value = read(); });
  addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.target || link.hasAttribute('download') || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || !((to.pathname.slice(1) || 'live') in VIEWS)) return;
    event.preventDefault();
    if (to.href !== location.href) history.pushState(null, '', to.href);
    place.value = read();
    window.scrollTo(0, 0);
  });
}

export const theme = keptTheme('hub.theme');
export const toast = signal(/** @type {{text: string, bad: boolean} | null} */ (null));
export const now = signal(Date.now());
/** A dialog over the view. @type {{value: null | (() => any)}} */
export const dialog = signal(/** @type {null | (() => any)} */ (null));

/** @type {{value: any[]}} */
export const sites = signal(/** @type {any[]} */ ([]));
/** The zone of the one who looks, for what belongs to no site. */
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export async function loadSites() {
  try {
    sites.value = await all('/v1/sites');
  } catch (error) {
    notice(error);
  }
}

/** @param {string} id */
export const siteOf = (id) => sites.value.find((site) => site.id === id);
/** @param {string} id */
export const siteName = (id) => siteOf(id)?.name || id;
/** @param {string | undefined} id */
export const zoneOf = (id) => (id && siteOf(id)?.time_zone) || HERE;
/** The site that the views are narrowed to; empty for all. */
export const scope = () => place.value.query.site ?? '';

/** A sign-in that is over is noticed by whoever asks next. @param {unknown} error */
function notice(error) {
  if (!(error instanceof Lost)) throw error;
  if (/: 401$/.test(error.message)) signedOut();
}

/**
 * Runs a change once, and says what came of it. The answer, or null.
 * @param {string} method @param {string} path @param {unknown} [body]
 * @param {{done?: string, match?: string, type?: string}} [options] `done`: what to say
 * @returns {Promise<any>}
 */
export async function change(method, path, body, { done = '', ...more } = {}) {
  try {
    const answer = await act(method, path, body, more);
    if (answer.status === 401) signedOut();
    const fine = answer.status < 300;
    toast.value = fine ? (done ? { text: done, bad: false } : null) : { text: answer.body?.detail ?? t('failed'), bad: true };
    return fine ? answer.body ?? true : null;
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
    toast.value = { text: t('lost'), bad: true };
    return null;
  }
}

/**
 * What a path of the API answers, asked again every so often. Data that cannot be asked for again stays, with the
 * time since when it is old.
 * @param {string | null} path null asks for nothing
 * @param {{every?: number, list?: boolean}} [options] milliseconds; `list` for every entry of a list
 */
export function useData(path, { every = 0, list = false } = {}) {
  const empty = { path, data: /** @type {any} */ (null), error: '', status: 0, since: /** @type {number | null} */ (null) };
  const [state, setState] = useState(empty);
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (path === null) return undefined;
    let wanted = true;
    let timer = 0;
    /** @param {string} error @param {number} status */
    const fail = (error, status) => setState((old) => ({
      path, data: old.path === path ? old.data : null, error, status, since: old.path === path ? old.since ?? Date.now() : Date.now(),
    }));
    const load = async () => {
      try {
        const answer = list ? { status: 200, body: await all(path) } : await call('GET', path);
        if (!wanted) return;
        if (answer.status === 401) signedOut();
        else if (answer.status === 200) setState({ path, data: answer.body, error: '', status: 200, since: null });
        else fail(answer.body?.detail ?? t('failed'), answer.status);
      } catch (error) {
        if (!wanted) return;
        notice(error);
        fail(t('lost'), 0);
      } finally {
        if (wanted && every) timer = setTimeout(load, every);
      }
    };
    load();
    return () => { wanted = false; clearTimeout(timer); };
  }, [path, round]);
  const current = state.path === path ? state : empty;
  return { ...current, reload: () => setRound((old) => old + 1) };
}
