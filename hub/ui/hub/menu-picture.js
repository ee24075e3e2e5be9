// The picture of an item: one that comes along, one that was uploaded before, or a new one.
import { act, Lost, slug } from '../shared/api.js';
import { plate, Picture, PICTURES } from '../shared/pictures.js';
import { signedOut } from '../shared/sign-in.js';
import { html, Icon, useRef, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { useData } from './state.js';

/** As much as the hub takes, bytes. */
const MAX_BYTES = 8 * 1024 * 1024;
/** A picture may come over a slow line. */
const TIMEOUT_MS = 60_000;
/** What the hub refuses, and in which words that is said here. @type {Record<string, string>} */
const REFUSALS = { 'body-too-large': 'picture.bytes', 'picture-kind': 'picture.kind', 'picture-too-large': 'picture.pixels', 'picture-unreadable': 'picture.damaged' };

/** Uploads a file: its name, or why there is none. @param {File} file @returns {Promise<{name?: string, fault?: string}>} */
async function upload(file) {
  if (file.size > MAX_BYTES) return { fault: t('picture.bytes') };
  try {
    const answer = await act('POST', '/v1/pictures', file, { type: file.type || 'application/octet-stream', timeout: TIMEOUT_MS });
    if (answer.status === 401) signedOut();
    if (answer.status < 300) return { name: answer.body.name };
    const known = REFUSALS[slug(answer)];
    return { fault: known ? t(known) : answer.body?.detail ?? t('failed') };
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
    return { fault: t('lost') };
  }
}

/** @param {{image: string, name: string, choose: (image: string) => void}} props */
export function PictureField({ image, name, choose }) {
  const uploaded = useData('/v1/pictures', { list: true });
  const [told, tell] = useState({ text: '', bad: false, busy: false });
  const [over, setOver] = useState(false);
  const working = useRef(false);
  const send = async (/** @type {File | undefined} */ file) => {
    if (!file || working.current) return;
    working.current = true;
    tell({ text: t('picture.sending', { file: file.name }), bad: false, busy: true });
    const { name: made, fault } = await upload(file);
    working.current = false;
    tell({ text: fault ?? t('picture.sent'), bad: Boolean(fault), busy: false });
    if (!made) return;
    choose(made);
    uploaded.reload();
  };
  const dropped = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    setOver(false);
    send(event.dataTransfer?.files[0]);
  };
  /** What a screen reader says of an uploaded one. @param {any} one @param {number} n */
  const label = (one, n) => one.used_by.length ? t('picture.used', { items: one.used_by.map((/** @type {any} */ use) => use.item).join(', ') }) : t('picture.unused', { n: n + 1 });
  const option = (/** @type {string} */ option, /** @type {string} */ said) => html`<button key=${option} type="button" class="${plate(option)} ${option === image ? 'on' : ''}" aria-pressed=${option === image} aria-label=${said} title=${said} onClick=${() => choose(option)}><${Picture} image=${option} name=${option || '–'} /></button>`;
  const own = uploaded.data ?? [];
  return html`<fieldset class="pictures ${over ? 'over' : ''}" onDragOver=${(/** @type {DragEvent} */ event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${dropped}><legend>${t('picture')}</legend>
    <div class="now ${plate(image)}"><${Picture} image=${image} name=${name} /></div>
    <label class="btn sm upload" aria-busy=${told.busy}><${Icon} name="upload" />${t('picture.upload')}<input class="sr" type="file" accept="image/png,image/jpeg,image/webp" aria-describedby="picture-say" onChange=${(/** @type {any} */ event) => { send(event.target.files[0]); event.target.value = ''; }} /></label>
    <small id="picture-say">${t('picture.say')}</small>
    <p class="told ${told.bad ? 'bad' : ''}" role="status">${told.text}</p>
    ${own.length > 0 && html`<h3>${t('picture.own')}</h3><div class="all own">${own.map((/** @type {any} */ one, /** @type {number} */ n) => option(one.name, label(one, n)))}</div><h3>${t('picture.stock')}</h3>`}
    <div class="all">${['', ...PICTURES].map((one) => option(one, one || t('picture.none')))}</div></fieldset>`;
}
