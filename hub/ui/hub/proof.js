// The ledger: that hub and sites hold the same events, in the same order, none lost.
import { count } from '../shared/format.js';
import { html, Icon } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { ago, Pill, saveCsv, Site, Skeleton, Trouble, when } from './parts.js';
import { filter, place, scope, siteOf, useData } from './state.js';
import { Statements } from './statements.js';

const EVERY_MS = 3_000;

/** What a row proves. @param {any} row */
function verdict(row) {
  if (!row.chain_equal) return { word: 'differs', kind: 'bad', icon: 'octagon-alert', rank: 0 };
  if (row.parked > 0) return { word: 'parked', kind: 'warn', icon: 'triangle-alert', rank: 1 };
  if (row.current && row.head > row.cursor && siteOf(row.site)?.state !== 'online') return { word: 'waiting', kind: 'warn', icon: 'cloud-off', rank: 2 };
  return { word: 'complete', kind: 'ok', icon: 'shield-check', rank: 3 };
}

/** @param {string} chain */
const short = (chain) => `${chain.slice(0, 4)}…${chain.slice(-4)}`;

/** Stored and on its way, old to new. @param {{row: any}} props */
function Bar({ row }) {
  const share = row.head ? Math.min(100, (100 * row.cursor) / row.head) : 100;
  return html`<span class="seqbar" aria-hidden="true"><i style=${{ width: `${share}%`, background: row.chain_equal ? undefined : 'var(--bad-solid)' }} />${share < 100 && html`<i class="w" style=${{ width: `${Math.max(3, 100 - share)}%` }} />`}</span>`;
}

export function Proof() {
  const past = place.value.query.all === 'true';
  const site = scope();
  const found = useData(`/v1/ledger?all=${past}${site ? `&site=${encodeURIComponent(site)}` : ''}`, { every: EVERY_MS, list: true });
  const rows = [...(found.data ?? [])].sort((a, b) => verdict(a).rank - verdict(b).rank || a.site.localeCompare(b.site));
  const sum = (/** @type {(row: any) => number} */ of) => rows.reduce((total, row) => total + of(row), 0);
  const [written, stored, waiting] = [sum((row) => Math.max(row.head, row.cursor)), sum((row) => row.cursor), sum((row) => Math.max(0, row.head - row.cursor))];
  const [gaps, duplicates, differing] = [sum((row) => row.gaps), sum((row) => row.duplicates), rows.filter((row) => !row.chain_equal).length];
  const columns = ['site', 'epoch', 'current', 'head', 'cursor', 'gaps', 'duplicates', 'forks', 'parked', 'chain_edge', 'chain_hub', 'chain_equal', 'last_seen'];
  return html`<header class="top"><h1 class=${differing ? 'bad-text' : ''}>${t('proof')}</h1><span class="sub">${t('proof.sub')}</span><div class="end">
      <div class="seg"><button class=${past ? '' : 'on'} aria-pressed=${!past} onClick=${() => filter({ all: null })}>${t('proof.now')}</button><button class=${past ? 'on' : ''} aria-pressed=${past} onClick=${() => filter({ all: 'true' })}>${t('proof.all')}</button></div>
      <button class="btn" onClick=${() => saveCsv('ledger', columns, rows.map((row) => columns.map((name) => row[name])))}><${Icon} name="download" />${t('proof.export')}</button></div></header>
    <div class="grid"><${Trouble} ...${found} />
    <section class="card ${found.since ? 'old' : ''}"><dl class="proof" id="sum"><div data-op="="><dt>${t('proof.written')}</dt><dd>${count(written)}</dd><dd class="small">${t('proof.written.sub')}</dd></div><div data-op="+"><dt>${t('proof.stored')}</dt><dd>${count(stored)}</dd><dd class="small">${t('proof.stored.sub')}</dd></div>
      <div class=${waiting ? 'warn-text' : ''}><dt>${t('proof.waiting')}</dt><dd>${count(waiting)}</dd><dd class="small">${t('proof.waiting.sub')}</dd></div><div class=${differing ? 'bad-text' : 'ok-text'}><dt>${t('proof.agree')}</dt><dd>${t('proof.agree.n', { n: rows.length - differing, all: rows.length })}</dd><dd class="small">${t('proof.agree.sub', { gaps: count(gaps), duplicates: count(duplicates) })}</dd></div></dl></section>
    <section class="card" id="ledger" tabindex="0" aria-label=${t('proof.ledger')}><header><h2>${t('proof.ledger')}</h2><span class="sub">${t('proof.ledger.sub')}</span></header>
      ${!found.data ? html`<${Skeleton} />` : html`<table class="tight two-line"><thead><tr><th>${t('site')}</th><th class="n">${t('proof.head')}</th><th class="n">${t('proof.cursor')}</th><th class="n">${t('proof.waiting')}</th><th class="n">${t('proof.gaps')}</th><th class="n">${t('proof.duplicates')}</th><th class="n">${t('proof.parked')}</th><th>${t('proof.bar')}</th><th>${t('proof.chain')}</th><th>${t('proof')}</th><th>${t('seen')}</th></tr></thead>
        <tbody>${rows.map((row) => {
          const { word, kind, icon } = verdict(row);
          const number = (/** @type {number} */ n) => html`<span class=${n ? '' : 'muted'}>${count(n)}</span>`;
          return html`<tr key=${`${row.site}-${row.epoch}`} data-site=${row.site} class=${kind === 'ok' ? '' : 'att'}><td><${Site} id=${row.site} small=${past ? `${row.epoch.slice(0, 8)}${row.current ? '' : `, ${t('proof.past')}`}` : undefined} /></td><td class="n">${count(row.head)}</td><td class="n">${count(row.cursor)}</td><td class="n">${number(Math.max(0, row.head - row.cursor))}</td><td class="n">${number(row.gaps)}</td><td class="n">${number(row.duplicates)}</td><td class="n">${number(row.parked)}</td>
            <td><${Bar} row=${row} /></td><td class="mono" title=${`${t('proof.edge')} ${row.chain_edge}\n${t('hub')} ${row.chain_hub}`}>${short(row.chain_edge)} ${row.chain_equal ? '=' : '≠'} ${short(row.chain_hub)}</td><td><${Pill} kind=${kind} icon=${icon}>${t(`verdict.${word}`)}<//></td><td class="muted num">${row.current ? ago(row.last_seen) : when(row.last_seen, siteOf(row.site)?.time_zone ?? 'UTC')}</td></tr>`;
        })}</tbody></table>`}<p class="foot">${t('proof.foot')}</p></section>
    <${Statements} /></div>`;
}
