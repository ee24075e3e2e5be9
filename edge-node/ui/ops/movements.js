// What became of a stock unit, from the site log: sold, given back, counted, by whom and why.
import { call } from '../shared/api.js';
import { moment } from '../shared/format.js';
import { session } from '../shared/sign-in.js';
import { html, Icon, trapFocus, useEffect, useRef, useState } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { thing } from './state.js';

/** Movements that are asked for at a time. */
const PART = 50;

/** @param {number} delta */
const signed = (delta) => (delta > 0 ? `+${delta}` : String(delta).replace('-', '−'));

/** @param {any} row */
function what(row) {
  const key = `mv.${row.kind}`;
  const word = t(key);
  return `${word === key ? row.kind : word}${row.number ? ` ${row.number}` : ''}`;
}

/** @param {{sku: string, close: () => void}} props */
export function Movements({ sku, close }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [rows, setRows] = useState(/** @type {any[]} */ ([]));
  const [next, setNext] = useState(/** @type {string | null} */ (''));
  const [failed, setFailed] = useState(false);
  const zone = session.value?.site.time_zone ?? 'UTC';
  const more = async () => {
    try {
      const after = next ? `&after=${encodeURIComponent(next)}` : '';
      const answer = await call('GET', `/v1/stock/${encodeURIComponent(sku)}/movements?limit=${PART}${after}`);
      setFailed(answer.status !== 200);
      if (answer.status !== 200) return;
      setRows((before) => [...before, ...answer.body.items]);
      setNext(answer.body.next);
    } catch {
      setFailed(true);
    }
  };
  useEffect(() => { more(); }, []);
  useEffect(() => trapFocus(box.current, close), []);
  const title = t('mv.title', { item: thing(sku).name });
  return html`<div class="scrim" onClick=${close}></div><section class="dialog ledger" role="dialog" aria-modal="true" aria-label=${title} ref=${box}>
    <header class="row"><h2 tabindex="-1">${title}</h2><button class="btn sm" onClick=${close}><${Icon} name="x" />${t('close')}</button></header>
    <div class="rows" tabindex="0" role="region" aria-label=${title}><table class="tight"><thead><tr><th class="n">${t('mv.at')}</th><th>${t('mv.what')}</th><th class="n">${t('mv.delta')}</th><th class="n">${t('left')}</th><th>${t('mv.by')}</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.seq} data-seq=${row.seq}><td class="n">${moment(row.at, zone, language.value)}</td><td class="wrap">${what(row)}${row.reason && html` <span class="muted">${row.reason}</span>`}</td>
        <td class="n"><b>${signed(row.delta)}</b></td><td class="n">${row.on_hand ?? '–'}</td><td>${row.by?.actor ?? '–'}</td></tr>`)}</tbody></table></div>
    ${rows.length === 0 && next === null && html`<p class="muted">${t('mv.none')}</p>`}
    ${failed && html`<p class="note bad" role="alert"><${Icon} name="unplug" /><span>${t('lost')}</span></p>`}
    ${next !== null && html`<button class="btn" onClick=${more}>${t('mv.more')}</button>`}</section>`;
}
