// Small things that more than one view draws with.
import { clock, day } from '../shared/format.js';
import { html, Icon, trapFocus, useEffect, useRef } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { dialog, now, siteName } from './state.js';

/** A state, always as colour, icon and word. @param {{kind: string, icon: string, children?: any}} props */
export function Pill({ kind, icon, children }) {
  return html`<span class="pill ${kind}"><${Icon} name=${icon} />${children}</span>`;
}

/** Two letters that stand for a site. @param {string} name */
export function initials(name) {
  const words = name.split(/[\s-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1) ?? ''].map((word) => [...word][0]) : [...name].slice(0, 2);
  return letters.join('').toUpperCase();
}

/** A site as a row begins with it. @param {{id: string, small?: string}} props */
export function Site({ id, small }) {
  const name = siteName(id);
  return html`<span class="row site"><span class="sitecode" aria-hidden="true">${initials(name)}</span><span class="cell2"><b>${name}</b>${small && html`<small>${small}</small>`}</span></span>`;
}

/** How a site is: word, colour, icon and how bad, worst first. @param {any} site */
export function siteState(site) {
  if (site.archived_at) return { word: 'archived', kind: 'idle', icon: 'ban', rank: 9 };
  if (site.identity_conflict) return { word: 'conflict', kind: 'bad', icon: 'copy', rank: 0 };
  if (site.box?.ended_at) return { word: 'revoked', kind: 'bad', icon: 'ban', rank: 3 };
  if (site.state === 'never') return { word: 'never', kind: 'info', icon: 'key-round', rank: 4 };
  if (site.state === 'silent') return { word: 'silent', kind: 'warn', icon: 'cloud-off', rank: 1 };
  if (site.lag_events > 100) return { word: 'behind', kind: 'warn', icon: 'hourglass', rank: 2 };
  return { word: 'healthy', kind: 'ok', icon: 'circle-check', rank: 5 };
}

/** @param {{site: any}} props */
export function SiteState({ site }) {
  const { word, kind, icon } = siteState(site);
  return html`<${Pill} kind=${kind} icon=${icon}>${t(`site.${word}`)}<//>`;
}

/** How long ago, in one unit. @param {string | null} time */
export function ago(time) {
  if (!time) return '–';
  const seconds = Math.max(0, (now.value - Date.parse(time)) / 1_000);
  if (seconds < 15) return t('now');
  if (seconds < 90) return t('ago.s', { n: Math.round(seconds) });
  if (seconds < 5_400) return t('ago.m', { n: Math.round(seconds / 60) });
  if (seconds < 129_600) return t('ago.h', { n: Math.round(seconds / 3_600) });
  return t('ago.d', { n: Math.round(seconds / 86_400) });
}

/** "12:05", and the day where it was another one. @param {string} time @param {string} zone @param {boolean} [seconds] */
export function when(time, zone, seconds = false) {
  const [then, today] = [day(new Date(time), zone, language.value), day(new Date(now.value), zone, language.value)];
  if (then === today) return clock(time, zone, seconds);
  const short = new Date(time).toLocaleDateString(language.value === 'ja' ? 'ja-JP' : 'en-GB', { day: 'numeric', month: 'short', timeZone: zone });
  return `${short} ${clock(time, zone, seconds)}`;
}

/** What went wrong with asking, that nothing was changed, and the way on. @param {{data: any, error: string, since: number | null, reload: () => void}} props */
export function Trouble({ data, error, since, reload }) {
  if (!error) return null;
  const kind = data ? 'warn' : 'bad';
  return html`<p class="note ${kind}" role="alert"><${Icon} name=${data ? 'cloud-off' : 'octagon-alert'} /><span><b>${error}</b>${data && since ? ` ${t('old.since', { time: clock(since, Intl.DateTimeFormat().resolvedOptions().timeZone, true) })}` : ''}</span>
    <button class="btn sm" onClick=${reload}><${Icon} name="refresh-cw" />${t('again')}</button></p>`;
}

/** Rows that are still to come. @param {{rows?: number}} props */
export function Skeleton({ rows = 5 }) {
  return html`<div class="skeleton" role="status"><span class="sr">${t('loading')}</span>${Array.from({ length: rows }, (_, n) => html`<span key=${n} class="skel" />`)}</div>`;
}

/** @param {{title: string, say?: string, icon?: string, children?: any}} props */
export function Empty({ title, say, icon = 'check', children }) {
  return html`<div class="empty"><span class="big"><${Icon} name=${icon} /></span><b>${title}</b>${say && html`<p>${say}</p>`}${children}</div>`;
}

/** Opens a dialog; its content gets a way to close it. @param {(close: () => void) => any} content @param {{wide?: boolean, label: string}} options */
export function open(content, { wide = false, label }) {
  const close = () => { dialog.value = null; };
  dialog.value = () => html`<${Dialog} close=${close} wide=${wide} label=${label}>${content(close)}<//>`;
}

/** @param {{close: () => void, wide: boolean, label: string, children?: any}} props */
function Dialog({ close, wide, label, children }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => trapFocus(box.current, close), []);
  return html`<div class="scrim" onClick=${close}></div><section class="dialog ${wide ? 'wide' : ''}" role="dialog" aria-modal="true" aria-label=${label} ref=${box}>${children}</section>`;
}

/**
 * Asks before what cannot be undone: a reason, or a word that has to be typed.
 * @param {{title: string, say: string, go: string, reason?: 'needed' | 'optional', typed?: string, danger?: boolean, then: (reason: string) => void}} question
 */
export function ask({ title, say, go, reason, typed, danger = false, then }) {
  open((close) => {
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
      close();
      then(String(form.get('reason') ?? '').trim());
    };
    return html`<form onSubmit=${submit}><h2 tabindex="-1">${title}</h2><p class="mid">${say}</p>
      ${typed && html`<label>${t('type.to-confirm', { word: typed })}<input class="field" name="typed" required pattern=${typed.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')} autocomplete="off" spellcheck=${false} /></label>`}
      ${reason && html`<label>${t(reason === 'needed' ? 'reason' : 'reason.optional')}<input class="field" name="reason" maxlength="200" required=${reason === 'needed'} autocomplete="off" /></label>`}
      <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn ${danger ? 'danger' : 'primary'}">${go}</button></div></form>`;
  }, { label: title });
}

/** One cell that no spreadsheet takes for a formula. @param {unknown} value */
function cell(value) {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '');
  const safe = typeof value !== 'number' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Gives the browser a file. @param {string} name @param {string} text @param {string} type */
export function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Rows as a table for spreadsheets. @param {string} name @param {string[]} columns @param {unknown[][]} rows */
export function saveCsv(name, columns, rows) {
  save(`${name}.csv`, `\uFEFF${[columns, ...rows].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`, 'text/csv;charset=utf-8');
}
