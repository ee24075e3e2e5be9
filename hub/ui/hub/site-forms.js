// Making and changing a site, and the token by which a box becomes it.
import { html, Icon, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { age } from '../shared/format.js';
import { Pill } from './parts.js';
import { change, now, siteName, toast } from './state.js';

const ZONES = Intl.supportedValuesOf('timeZone');

/** @param {{site?: any, close: () => void, done: (site: any) => void}} props */
export function SiteForm({ site, close, done }) {
  const [working, setWorking] = useState(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const field = (/** @type {string} */ name) => String(form.get(name) ?? '').trim();
    const known = { name: field('name'), region: field('region') || null, time_zone: field('time_zone') };
    const money = field('currency');
    setWorking(true);
    const made = site
      ? await change('PATCH', `/v1/sites/${encodeURIComponent(site.id)}`, { ...known, ...(money === site.currency ? {} : { currency: money }) }, { done: t('saved') })
      : await change('POST', '/v1/sites', { id: field('id'), ...known, currency: money }, { done: t('sites.added', { site: known.name }) });
    setWorking(false);
    if (!made) return;
    close();
    done(made);
  };
  const zone = site?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return html`<form onSubmit=${submit}><h2 tabindex="-1">${t(site ? 'sites.edit' : 'sites.add')}</h2>
    ${!site && html`<label>${t('code')}<input class="field" name="id" required pattern="[a-z0-9\\-]{1,40}" placeholder="north-campus" autocomplete="off" spellcheck=${false} /><small>${t('code.say')}</small></label>`}
    <label>${t('name')}<input class="field" name="name" required maxlength="200" defaultValue=${site?.name ?? ''} autocomplete="off" /></label>
    <div class="two"><label>${t('region')}<input class="field" name="region" maxlength="64" defaultValue=${site?.region ?? ''} autocomplete="off" /></label>
      <label>${t('currency')}<input class="field" name="currency" required pattern="[A-Z]{3}" defaultValue=${site?.currency ?? 'EUR'} autocomplete="off" /></label></div>
    <label>${t('time-zone')}<input class="field" name="time_zone" required list="zones" defaultValue=${zone} autocomplete="off" /><datalist id="zones">${ZONES.map((name) => html`<option key=${name} value=${name} />`)}</datalist></label>
    <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn primary" disabled=${working} aria-busy=${working}>${t(site ? 'save' : 'sites.add')}</button></div></form>`;
}

/** A token is shown once; its steps tick as the box joins. @param {{site: any, live: boolean}} props */
export function Enrolment({ site, live }) {
  const [token, setToken] = useState(/** @type {null | {token: string, expires_at: string, before: string | null}} */ (null));
  const make = async () => {
    const made = await change('POST', `/v1/sites/${encodeURIComponent(site.id)}/enrolment`, { replace: live });
    if (made) setToken({ ...made, before: site.box?.nkey ?? null });
  };
  if (!token) {
    return html`<section class="card"><header><h2>${t(live ? 'replace' : 'enrol', { site: siteName(site.id) })}</h2></header><div class="enrol"><p class="mid">${t(live ? 'replace.say' : 'enrol.say')}</p>
      <button class="btn ${live ? '' : 'primary'}" id="token" onClick=${make}><${Icon} name="key-round" />${t('token.make')}</button></div></section>`;
  }
  const left = (Date.parse(token.expires_at) - now.value) / 1_000;
  const joined = site.box && site.box.nkey !== token.before && !site.box.ended_at;
  const heard = joined && site.state === 'online';
  const copy = async () => {
    await navigator.clipboard.writeText(token.token);
    toast.value = { text: t('copied'), bad: false };
  };
  /** @type {[string, boolean][]} */
  const steps = [['token.made', true], ['token.joined', Boolean(joined)], ['token.heard', Boolean(heard)]];
  const at = steps.findIndex(([, is]) => !is);
  return html`<section class="card" aria-live="polite"><header><h2>${t('set-up', { site: siteName(site.id) })}</h2><div class="end">${!joined && html`<${Pill} kind=${left > 0 ? 'info' : 'bad'} icon="clock">${left > 0 ? t('time-left', { time: age(left) }) : t('token.over')}<//>`}</div></header><div class="enrol">
    <div class="token"><code id="token-text">${token.token}</code><p><${Icon} name="triangle-alert" />${t('token.once')}</p></div>
    <button class="btn" onClick=${copy}><${Icon} name="copy" />${t('token.copy')}</button>
    <div><p class="mid">${t('token.run')}</p><pre class="cmd" tabindex="0"><span class="d">$</span> sunakku-edge enrol --hub ${location.origin} --token ${token.token}</pre></div>
    <ol class="steps3">${steps.map(([word, is], n) => html`<li key=${word} class=${is ? 'ok' : n === at ? 'now' : ''}><${Icon} name=${is ? 'circle-check' : n === at ? 'circle-dot' : 'circle-dashed'} />${t(word)}</li>`)}</ol></div></section>`;
}
