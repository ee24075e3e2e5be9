// Screens are drawn for one size and scaled to the display, so that text keeps its share of it.

/** @typedef {{width: number, height: number, flexWidth: boolean, flexHeight: boolean, leastHeight: number, leastFactor: number}} Drawing */

/**
 * Scales the page so that `width` × `height` fit. What the display has more than that is given
 * to the page in the directions that flex, as `--w` and `--h`. Never drawn smaller than by `leastFactor`: a display that is
 * too low for it scrolls instead. Answers how to change the drawing.
 * @param {number} width
 * @param {number} height
 * @param {Partial<Drawing>} [options]
 */
export function fit(width, height, options = {}) {
  const root = document.documentElement;
  /** @type {Drawing} */
  const drawn = { width, height, flexWidth: false, flexHeight: false, leastHeight: height, leastFactor: 0, ...options };
  let drawing = drawn;
  const scale = () => {
    const across = window.innerWidth / drawing.width;
    const down = window.innerHeight / (drawing.flexHeight ? drawing.leastHeight : drawing.height);
    const factor = Math.min(across, Math.max(down, drawing.leastFactor));
    root.style.setProperty('overflow-y', factor > down ? 'auto' : '');
    root.style.setProperty('zoom', String(factor));
    root.style.setProperty('--w', `${drawing.flexWidth ? Math.max(drawing.width, window.innerWidth / factor) : drawing.width}px`);
    root.style.setProperty('--h', `${drawing.flexHeight ? Math.max(window.innerHeight / factor, factor > down ? drawing.leastHeight : 0) : drawing.height}px`);
  };
  window.addEventListener('resize', scale);
  scale();
  return (/** @type {Partial<Drawing>} */ change) => {
    drawing = { ...drawn, ...change };
    scale();
  };
}
