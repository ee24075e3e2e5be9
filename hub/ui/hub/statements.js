// Daily statements: what each site's log says of one day, signed by the hub.
import { call, download } from '../shared/api.js';
import { count, money } from '../shared/format.js';
import { html, Icon, useEffect, useState } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { Pill, save, Site } from './parts.js';
import { plus, say, today } from './span.js';
import { filter, place, scope, sites, toast } from './state.js';

/** The day that is looked at; yesterday unless the address says otherwise. */
function dayOf() {
  const { day } = place.value.query;
  return day && /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day)) ? day : plus(today(), -1);
}

/** @param {string} site @param {string} day */
const pathOf = (site, day) => `/v1/sites/${encodeURIComponent(site)}/statements/${day}`;

/** Statements as far as they are known, by site. @param {string[]} ids @param {string} day */
function useStatements(ids, day) {
  const [found, setFound] = useState(/** @type {Record<string, any>} */ ({}));
  useEffect(() => {
    let wanted = true;
    setFound({});
    // One after the other: a statement is counted from the events themselves.
    (async () => {
      for (const id of ids) {
        const answer = await call('GET', pathOf(id, day)).catch(() => null);
        if (!wanted) return;
        setFound((old) => ({ ...old, [id]: answer?.status === 200 ? answer.body : null }));
      }
    })();
    return () => { wanted = false; };
  }, [ids.join(), day]);
  return found;
}

/** Gives the signed file. @param {string} path */
async function take(path, accept = 'application/jose') {
  const file = await download(path, accept).catch(() => null);
  if (file) save(path.endsWith('keys') ? 'sunakku-statement-keys.json' : file.name, file.text, accept);
  else toast.value = { text: t('lost'), bad: true };
}

/** @param {{id: string, day: string, found: any}} props */
function Row({ id, day, found }) {
  const pay = (/** @type {string} */ name) => (found?.money ?? []).map((/** @type {any} */ one) => money(one[name], one.currency, language.value)).join(', ') || '–';
  const chain = found?.log.at(-1)?.chain;
  return html`<tr data-site=${id}><td><${Site} id=${id} /></td><td class="n">${found ? count(found.orders.placed) : '–'}</td><td class="n">${found ? count(found.orders.cancelled + found.orders.rejected) : '–'}</td><td class="n"><b>${pay('net')}</b></td><td class="mono">${chain ? `${chain.slice(0, 4)}…${chain.slice(-4)}` : '–'}</td>
    <td>${found && html`<${Pill} kind=${found.complete ? 'ok' : 'info'} icon=${found.complete ? 'shield-check' : 'hourglass'}>${t(found.complete ? 'proof.complete' : 'proof.grows')}<//>`}</td><td class="right"><button class="btn sm" disabled=${!found} onClick=${() => take(pathOf(id, day))}><${Icon} name="download" />${t('proof.statement')}</button></td></tr>`;
}

export function Statements() {
  const day = dayOf();
  const ids = sites.value.filter((site) => (scope() ? site.id === scope() : !site.archived_at)).map((site) => site.id);
  const found = useStatements(ids, day);
  return html`<section class="card" id="statements"><header class="wrap"><h2>${t('proof.statements')}</h2><span class="sub">${say(day, true)}</span><div class="end"><label><span class="sr">${t('proof.day')}</span><input class="field" type="date" value=${day} max=${today()} onChange=${(/** @type {any} */ event) => filter({ day: event.target.value })} /></label>
      <button class="btn sm" onClick=${() => take('/v1/statements/keys', 'application/json')}><${Icon} name="key-round" />${t('proof.public-key')}</button></div></header>
    <div class="scroll" tabindex="0" role="region" aria-label=${t('proof.statements')}><table class="tight two-line"><thead><tr><th>${t('site')}</th><th class="n">${t('orders')}</th><th class="n">${t('analytics.cancelled')}</th><th class="n">${t('proof.net')}</th><th>${t('proof.chain')}</th><th>${t('state')}</th><th></th></tr></thead>
      <tbody>${ids.map((id) => html`<${Row} key=${id} id=${id} day=${day} found=${found[id]} />`)}</tbody></table></div>
    <p class="foot"><span>${t('proof.statements.say')} ${t('proof.verify')} <code>sunakku-hub statement verify FILE --key KEYS</code></span></p></section>`;
}
