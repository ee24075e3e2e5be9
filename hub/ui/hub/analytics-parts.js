// What the cards of the analytics share: names and pictures of items, files, trends.
import { download } from '../shared/api.js';
import { age } from '../shared/format.js';
import { plate, Picture } from '../shared/pictures.js';
import { html, Icon, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { save } from './parts.js';
import { toast, useData } from './state.js';

/** Seconds as a clock: "4:06"; "−0:20" when early. @param {number} seconds */
export const clockOf = (seconds) => `${seconds < 0 ? '−' : ''}${age(Math.round(Math.abs(seconds)))}`;

/** By how much more than before, in words that do not need the colour. @param {{is: number, was: number | null | undefined, on?: string}} props `on`: what was before */
export function Trend({ is, was, on = '' }) {
  if (!was) return html`<span class="muted">${t('trend.none')}</span>`;
  const change = ((is - was) * 100) / was;
  if (Math.abs(change) < 0.05) return html`<span class="muted">${t('trend.same')}</span> ${on}`;
  const up = change > 0;
  return html`<span class=${up ? 'up' : 'down'}><span aria-hidden="true">${up ? '▲' : '▼'}</span><span class="sr">${t(up ? 'trend.up' : 'trend.down')}</span> ${Math.abs(change).toFixed(1)}%</span> ${on}`;
}

/** Gives the file of what a card shows. @param {{path: string, what: string, big?: boolean}} props */
export function Csv({ path, what, big = false }) {
  const [working, setWorking] = useState(false);
  const get = async () => {
    setWorking(true);
    const found = await download(`${path}&format=csv`).catch(() => null);
    if (found) save(found.name, found.text, 'text/csv;charset=utf-8');
    else toast.value = { text: t('lost'), bad: true };
    setWorking(false);
  };
  const label = t('csv.of', { what });
  return html`<button class="btn ${big ? '' : 'sm icon'} csv" aria-label=${big ? undefined : label} title=${label} disabled=${working} aria-busy=${working} onClick=${get}><${Icon} name="download" />${big && t('csv')}</button>`;
}

/** Which picture each item of the menus has. @returns {Record<string, string>} */
export function usePictures() {
  const menus = useData('/v1/menus?limit=1');
  const id = menus.data?.items?.[0]?.id ?? null;
  const menu = useData(id && `/v1/menus/${encodeURIComponent(id)}`);
  return Object.fromEntries((menu.data?.items ?? []).map((/** @type {any} */ item) => [item.id, item.image]));
}

/** @param {{id: string, name: string, pictures: Record<string, string>}} props */
export function Item({ id, name, pictures }) {
  const image = pictures[id];
  return html`<span class="row"><span class="thumb small ${plate(image)}"><${Picture} image=${image} name=${name} /></span><b class="name">${name}</b></span>`;
}
