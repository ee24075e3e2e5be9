// Pictures of items, by the names that menus use, each on its plate.
import { html } from './ui.js';

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

/**
 * The picture of an item; its first letter where there is none.
 * @param {{image: string | null | undefined, name: string}} props
 */
export function Picture({ image, name }) {
  if (image && PLATES[image]) return html`<img src="${FOLDER}${image}.svg" alt="" />`;
  return html`<span class="letter" aria-hidden="true">${[...name][0]}</span>`;
}
