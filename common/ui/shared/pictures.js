// Pictures of items, by the names that menus use, each on its plate.
import { html, useEffect, useState } from './ui.js';

const FOLDER = new URL('../img/', import.meta.url).pathname;

/** The pictures that there are, and the plate that each stands on. */
const PLATES = /** @type {Record<string, string>} */ ({});
for (const [plate, names] of Object.entries({
  hot: 'curry-rice chicken soup hotdog taco', noodle: 'ramen spaghetti', bread: 'bagel burger croissant pancakes pizza sandwich waffle pretzel',
  green: 'apple burrito salad', side: 'fries gyoza popcorn tempura banana', sweet: 'cake cookie dango donut pudding shaved-ice soft-serve',
  drink: 'bubble-tea coffee green-tea juice milk soda', rice: 'bento onigiri senbei sushi',
})) for (const name of names.split(' ')) PLATES[name] = plate;

/** Names of all pictures. */
export const PICTURES = Object.keys(PLATES);

/** @param {string | null | undefined} image */
export function plate(image) {
  return `p-${PLATES[image ?? ''] ?? 'rice'}`;
}

/** Where uploaded pictures are: the edge and the hub each have them under an address of their own. */
export const uploads = { folder: '/pictures/' };
/** Names of those. */
const UPLOADED = /^[0-9a-f]{32}\.(jpg|png)$/;
/** Pause before one that was not there is asked for again, milliseconds: a site may not have got it yet. */
const AGAIN_MS = 20_000;

/**
 * The picture of an item; its first letter where there is none.
 * @param {{image: string | null | undefined, name: string}} props
 */
export function Picture({ image, name }) {
  if (image && PLATES[image]) return html`<img src="${FOLDER}${image}.svg" alt="" />`;
  if (image && UPLOADED.test(image)) return html`<${Uploaded} key=${image} image=${image} name=${name} />`;
  return html`<${Letter} name=${name} />`;
}

/** @param {{name: string}} props */
function Letter({ name }) {
  return html`<span class="letter" aria-hidden="true">${[...name][0]}</span>`;
}

/** One that was uploaded; the letter while it is not there. @param {{image: string, name: string}} props */
function Uploaded({ image, name }) {
  const [absent, setAbsent] = useState(false);
  useEffect(() => {
    if (!absent) return undefined;
    const timer = setTimeout(() => setAbsent(false), AGAIN_MS);
    return () => clearTimeout(timer);
  }, [absent]);
  if (absent) return html`<${Letter} name=${name} />`;
  return html`<img class="photo" src="${uploads.folder}${image}" alt="" decoding="async" onError=${() => setAbsent(true)} />`;
}
