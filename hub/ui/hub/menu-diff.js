// What a draft changes, in words, and publishing it.
import { money } from '../shared/format.js';
import { html, Icon, useState } from '../shared/ui.js';
import { language, named, t } from '../shared/words.js';
import { Empty } from './parts.js';
import { change, siteName } from './state.js';

/** A path as its thing and its field: "items[burger].price" is of "burger", "price". @param {string} path @param {any} menu */
export function placeOf(path, menu) {
  const item = /^items\[([^\]]+)\]\.?(.*)$/.exec(path);
  if (item) return { item: item[1] ?? '', thing: nameOf(menu, item[1] ?? ''), field: fieldOf(item[2] ?? '') };
  const over = /^overrides\.(sites|regions)\.?\[?([^.\]]+)\]?\.?\[?([^.\]]*)\]?\.?(.*)$/.exec(path);
  if (over) return { item: over[3] ?? '', thing: nameOf(menu, over[3] ?? ''), field: [over[1] === 'sites' ? siteName(over[2] ?? '') : over[2], fieldOf(over[4] ?? '')].filter(Boolean).join(', ') };
  return { item: '', thing: path.replace(/[[.].*$/, '') || path, field: fieldOf(path.replace(/^[^[.]*\.?/, '')) };
}

/** @param {any} menu @param {string} id */
function nameOf(menu, id) {
  const item = menu?.items.find((/** @type {any} */ one) => one.id === id);
  return item ? named(item.name) : id;
}

/** @param {string} field */
const fieldOf = (field) => field.replace(/\[([^\]]+)\]/g, ' $1').replaceAll('.', ', ').split(', ').map((word) => { const key = `field.${word.trim()}`; const said = t(key); return said === key ? word : said; }).join(', ');

/** A value as people read it. @param {any} value @param {string} path @param {string} currency */
function say(value, path, currency) {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number' && /price$/.test(path)) return money(value, currency, language.value);
  if (typeof value === 'boolean') return t(value ? 'yes' : 'no');
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'object' ? one.id ?? JSON.stringify(one) : one)).join(', ') || '–';
  if (typeof value === 'object') return value.name ? named(value.name) : value.en ?? JSON.stringify(value);
  return String(value);
}

/** @param {{changes: any[], menu: any}} props */
export function DiffTable({ changes, menu }) {
  if (changes.length === 0) return html`<${Empty} title=${t('changes.none')} icon="check" />`;
  /** @type {Record<string, [string, string]>} */
  const kinds = { added: ['ok', 'plus'], removed: ['bad', 'trash-2'], changed: ['info', 'pencil'], moved: ['idle', 'arrow-right'] };
  return html`<div class="diff" tabindex="0"><table class="tight two-line"><thead><tr><th>${t('item')}</th><th>${t('change.kind')}</th><th>${t('field')}</th><th>${t('before')}</th><th>${t('after')}</th></tr></thead><tbody>${changes.map((one) => {
    const { thing, field } = placeOf(one.path, menu);
    const [kind, icon] = kinds[one.change] ?? ['idle', 'pencil'];
    return html`<tr key=${one.path} title=${one.path}><td><b>${thing}</b></td><td><span class="tag ${kind}"><${Icon} name=${icon} />${t(`diff.${one.change}`)}</span></td><td>${field}</td><td class="mid wrap"><span class=${one.change === 'changed' ? 'was' : ''}>${say(one.before, one.path, menu.currency)}</span></td><td class="wrap"><b>${say(one.after, one.path, menu.currency)}</b></td></tr>`;
  })}</tbody></table></div>`;
}

/** @param {{path: string, menu: any, changes: any[], next: number, close: () => void, done: () => void}} props */
export function PublishForm({ path, menu, changes, next, close, done }) {
  const [at, setAt] = useState('now');
  const [working, setWorking] = useState(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const time = String(form.get('time') ?? '');
    /** @type {Record<string, unknown>} */
    const body = { note: String(form.get('note') ?? '').trim() };
    if (at === 'at') body.at = new Date(time).toISOString();
    if (at === 'local') body.at_local = time;
    if (form.get('supersede')) body.supersede = true;
    setWorking(true);
    const published = await change('POST', `${path}/publish`, body, { match: `"${menu.revision}"`, done: t('publish.done', { n: next }) });
    setWorking(false);
    if (!published) return;
    close();
    done();
  };
  return html`<form onSubmit=${submit} id="publish-form"><h2 tabindex="-1">${t('publish.n', { n: next })}</h2><p class="mid">${t('publish.say')}</p><${DiffTable} changes=${changes} menu=${menu} />
    <label>${t('note')}<input class="field" name="note" required maxlength="500" autocomplete="off" placeholder=${t('note.such')} /></label>
    <fieldset class="row"><legend class="sr">${t('publish.when')}</legend><div class="seg">${['now', 'at', 'local'].map((name) => html`<button key=${name} type="button" class=${at === name ? 'on' : ''} aria-pressed=${at === name} onClick=${() => setAt(name)}>${t(`publish.${name}`)}</button>`)}</div>
      ${at !== 'now' && html`<label class="inline"><span class="sr">${t('time')}</span><input class="field" name="time" type="datetime-local" required /></label>`}</fieldset>
    <label class="check"><input type="checkbox" name="supersede" />${t('publish.supersede')}</label>
    <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn brand" disabled=${working} aria-busy=${working}><${Icon} name="send" />${t('publish.n', { n: next })}</button></div></form>`;
}
